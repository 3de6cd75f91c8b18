"""How HYDATIS sizes pods from their samples alone: CPU by the law of a week, memory by the fortnight's maximum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_features.use_law import TAIL_WEIGHTS, effective_uses, hedged
from numpy.typing import NDArray

from hydatis_sizing.cpu_request import CHANCE, cpu_requests
from hydatis_sizing.memory_request import LIMIT_MARGIN_RATIO, REQUEST_MARGIN_RATIO, memory_needs
from hydatis_sizing.past import Past
from hydatis_sizing.sizes import Sizes

__all__ = ["LawOfUse"]

_DAYS = 7
#: Fewer known samples than this, an hour of five minutes, are no past: as in ``hydatis_features.profiles``.
_LEAST_SAMPLES_COUNT = 12


@dataclass(frozen=True, slots=True)
class LawOfUse:
    """Requests by the bound and the maximum.

    Args:
        allocatable_cores: of the smallest node that pods may meet, > 0.
        chance: bound on a node's overload (``cpu_request``).
        request_margin_ratio: on the maximum of memory, >= 0.
        limit_margin_ratio: the same for the limit, >= the other.
    """

    allocatable_cores: float
    chance: float = CHANCE
    request_margin_ratio: float = REQUEST_MARGIN_RATIO
    limit_margin_ratio: float = LIMIT_MARGIN_RATIO

    def size(self, past: Past) -> Sizes:
        """From a week of CPU and a fortnight of memory."""
        cpu = cpu_requests(cpu_laws(past.newest(_DAYS)), past.provisioned[0], self.allocatable_cores, self.chance)
        needs = memory_needs(past)
        return Sizes(np.stack([cpu, needs * (1.0 + self.request_margin_ratio)]), needs * (1.0 + self.limit_margin_ratio))


def cpu_laws(past: Past) -> NDArray[np.float64]:
    """Hedged laws of CPU, in shares of what was provisioned.

    Args:
        past: use.

    Returns:
        shape (pods, tail weights); NaN where fewer than an hour's samples are known.
    """
    shares = past.cpu_cores.reshape(len(past.cpu_cores), -1) / past.provisioned[0][:, None]
    laws = np.full((len(shares), 1, TAIL_WEIGHTS.size), np.nan)
    counts = np.zeros((len(shares), 1))
    for pod, samples in enumerate(shares):
        known = samples[~np.isnan(samples)]
        if known.size >= _LEAST_SAMPLES_COUNT:
            laws[pod], counts[pod] = effective_uses(known, np.ones(known.size)), known.size
    # CPU and memory are hedged side by side: what stands for memory here is dropped.
    return np.asarray(hedged(np.repeat(laws, 2, axis=1), np.repeat(counts, 2, axis=1))[:, 0])
