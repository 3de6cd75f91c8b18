"""The law of what a pod will use over the coming weeks, as log moments: its own week, and the chance that it wakes up.

A week that has been quiet does not promise weeks that are: some workloads jump to nearly what they ask for. Whoever ignores that
puts several sleepers on one node. So a small chance of a jump is mixed into the week that was seen: it costs a sleeper's node
little, and keeps a second large sleeper off it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_features.profile_moments import log_moments
from numpy.typing import NDArray

__all__ = ["COLD_LAW", "LEAST_SAMPLES_COUNT", "SCALES", "JumpLaw", "demand_moments"]

#: The scales s of moments, per node filled to its thresholds. Found on training months: 10 looks at means, 40 at tails.
SCALES = np.array([10.0, 20.0, 40.0])
#: Fewer known samples than this, an hour of five minutes, are no past: as in ``hydatis_features.profiles``.
LEAST_SAMPLES_COUNT = 12
#: What a workload without a past uses: rows of (share of the request, chance). Rounded quantiles of two training months of
#: Bitbrains, CPU and memory together: half of the samples lie below 0.03, one in twenty above 0.3.
COLD_LAW = np.array([[0.02, 0.50], [0.10, 0.30], [0.30, 0.15], [1.00, 0.05]])


@dataclass(frozen=True, slots=True)
class JumpLaw:
    """Chance that a pod leaves the range of its past.

    Defaults were calibrated on two training months of Bitbrains: memory jumps do to exponential moments what a chance of 0.2 to
    1.2 % of using 0.8 of the request does; of CPU none can be told from chance.

    Raises:
        InvalidValue: a number is not within 0..1.
    """

    cpu_chance: float = 0.001
    """Of CPU, 0..1."""
    memory_chance: float = 0.01
    """Of memory, 0..1."""
    request_share: float = 0.8
    """What is used after a jump, share of the request, 0..1."""

    def __post_init__(self) -> None:
        for name in ("cpu_chance", "memory_chance", "request_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InvalidValue(f"{getattr(self, name)!r} is no share", field=name, expected="0..1")


def demand_moments(
    past: NDArray[np.floating], requests: NDArray[np.float64], room: NDArray[np.float64], jumps: JumpLaw | None = None
) -> NDArray[np.float64]:
    """Log moments of a pod on one shape of node.

    With x = past / room, q = min(request / room, 1) and p the chance of a jump:
    L(s) = ln( (1 - p) mean(exp(s x)) + p exp(s share q) ). With fewer than 12
    known samples of a resource, mean(exp(s x)) is the sum of chance exp(s share q) over ``COLD_LAW``.

    Args:
        past: shape (2, samples), cores and bytes, NaN: not measured; no samples: nothing is known.
        requests: shape (2,), cores and bytes.
        room: shape (2,), what the node may hold: allocatable x 0.90 of CPU, x 0.95 of memory, > 0.
        jumps: law of jumps; None: the default.

    Returns:
        shape (scales, 2), >= 0.

    Raises:
        WrongShape: an array has another shape.
    """
    if past.ndim != 2 or past.shape[0] != 2 or requests.shape != (2,) or room.shape != (2,):
        shown = f"past {past.shape}, requests {requests.shape}, room {room.shape}"
        raise WrongShape(shown, field="past", expected="(2, samples), (2,), (2,)")
    law = jumps or JumpLaw()
    asked = np.minimum(requests / room, 1.0)
    point = SCALES[:, None] * asked
    known = log_moments(past / room[:, None], SCALES) if past.shape[1] else np.full(point.shape, np.nan)
    cold = np.log(np.exp(point[..., None] * COLD_LAW[:, 0]) @ COLD_LAW[:, 1])
    has_past = (~np.isnan(past)).sum(axis=1) >= LEAST_SAMPLES_COUNT
    week = np.where(has_past, known, cold)
    chances = np.array([law.cpu_chance, law.memory_chance])
    with np.errstate(divide="ignore"):
        return np.asarray(np.logaddexp(np.log1p(-chances) + week, np.log(chances) + law.request_share * point))
