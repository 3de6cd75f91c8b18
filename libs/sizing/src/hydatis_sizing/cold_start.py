"""What is advised for a workload that nobody has seen for long: what others of its kind needed, with a wide margin.

Its kind is its namespace and the size of its requests, else the size alone, else all (``hydatis_features.request_classes``, which
the placement learns by too). Such advice is to be read, not applied: it is flagged "too-little-history".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.request_classes import class_keys
from numpy.typing import NDArray

from hydatis_sizing.recommendation import Amounts

__all__ = ["WIDE_MARGIN_RATIO", "class_of", "ratios_by_class"]

WIDE_MARGIN_RATIO = 0.5
#: Fewer members are no class; of those there are, nine in ten needed no more.
_LEAST_MEMBERS, _PERCENT = 5, 90.0


def class_of(namespace: str, owned: Amounts) -> tuple[str, ...]:
    """Keys of its classes, narrowest first."""
    cpu, memory = np.nan_to_num([owned.cpu_cores, owned.memory_bytes], posinf=0.0).clip(0.0).tolist()
    return class_keys(Pod("-", namespace=namespace, requests=Resources(cpu, memory)))


def ratios_by_class(
    ratios: NDArray[np.float64], classes: Sequence[tuple[str, ...]], wanted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Need over owner's request of the narrowest class that has five members.

    Args:
        ratios: shape (2, groups), CPU and memory, of those that are known; NaN and infinite: left out.
        classes: keys by group, narrowest first.
        wanted: shape (groups,), those that have too little of their own (they are no members).

    Returns:
        shape (2, groups); NaN where not wanted, or no class has enough members.
    """
    found = np.full(ratios.shape, np.nan)
    for resource, values in enumerate(ratios):
        members: dict[str, list[float]] = defaultdict(list)
        for group in np.flatnonzero(np.isfinite(values) & ~wanted).tolist():
            for key in classes[group]:
                members[key].append(float(values[group]))
        usual = {
            key: float(np.percentile(known, _PERCENT, method="inverted_cdf"))
            for key, known in members.items()
            if len(known) >= _LEAST_MEMBERS
        }
        for group in np.flatnonzero(wanted).tolist():
            found[resource, group] = next((usual[key] for key in classes[group] if key in usual), np.nan)
    return found
