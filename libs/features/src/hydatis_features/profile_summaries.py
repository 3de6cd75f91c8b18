"""Summaries of what workloads and classes of pods use: small enough to be streamed, enough to answer from.

The learner (feature-service) and those who only subscribe (the shim) answer from these same values, rounded to float32 as the wire
rounds them, so that both sides expect the same of a pod.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hydatis_core.errors import InvalidValue

from hydatis_features.use_law import TAIL_WEIGHTS

__all__ = ["HOURS", "UNKNOWN_LAW", "ColdStart", "ProfileChange", "WorkloadProfile"]

#: Values of a profile by hour of the day.
HOURS = 24
#: A law of which neither resource is known.
UNKNOWN_LAW = (math.nan,) * (2 * TAIL_WEIGHTS.size)


@dataclass(frozen=True, slots=True)
class WorkloadProfile:
    """What pods of one workload use.

    Raises:
        InvalidValue: empty key, a count of values other than said below, or a negative or infinite value.
    """

    key: str
    """Namespace and workload, joined by "/"."""
    sample_weight: float
    """Weight of the history, in samples after decay at the last refresh. 0: the profile was forgotten; drop it."""
    use_per_request_ratio: tuple[float, ...]
    """(cpu_p50, cpu_p95, memory_p50, memory_p95) as shares of the request, >= 0, may pass 1; NaN: not known of that resource."""
    cpu_hour_factor: tuple[float, ...] = ()
    """CPU use by hour of the day over its mean, 24 values >= 0, UTC; NaN: hour never seen. Empty: none known."""
    effective_use_ratio: tuple[float, ...] = UNKNOWN_LAW
    """The law of its use over weeks, hedged: 12 values of CPU, then 12 of memory, at ``use_law.TAIL_WEIGHTS``, as shares of
    the request, >= 0; all NaN: not known of that resource."""

    def __post_init__(self) -> None:
        _check(self.key, self.sample_weight, self.use_per_request_ratio, self.effective_use_ratio)
        if len(self.cpu_hour_factor) not in (0, HOURS):
            raise InvalidValue(f"{len(self.cpu_hour_factor)} hours", field="cpu_hour_factor", expected="24 values or none")
        if math.inf in self.cpu_hour_factor or [value for value in self.cpu_hour_factor if value < 0]:
            raise InvalidValue("an hour is negative or infinite", field="cpu_hour_factor", expected="values >= 0, or NaN")


@dataclass(frozen=True, slots=True)
class ColdStart:
    """What pods of one class use, for pods whose workload has no history.

    Raises:
        InvalidValue: empty key, a count of values other than 4 and 24, or a negative or infinite value.
    """

    key: str
    """One of ``request_classes.class_keys``."""
    use_per_request_ratio: tuple[float, ...]
    """As in ``WorkloadProfile``."""
    sample_weight: float
    """Weight of the history, in samples after decay at the last refresh."""
    effective_use_ratio: tuple[float, ...] = UNKNOWN_LAW
    """As in ``WorkloadProfile``."""

    def __post_init__(self) -> None:
        _check(self.key, self.sample_weight, self.use_per_request_ratio, self.effective_use_ratio)


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """Profiles and cold starts to be applied. Applying one twice changes nothing."""

    profiles: tuple[WorkloadProfile, ...] = ()
    cold_starts: tuple[ColdStart, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.profiles or self.cold_starts)


def _check(key: str, sample_weight: float, ratios: Sequence[float], law: Sequence[float]) -> None:
    if not key:
        raise InvalidValue("a profile has no key", field="key", expected="a workload or class")
    if not math.isfinite(sample_weight) or sample_weight < 0:
        raise InvalidValue(f"{sample_weight!r} is not a weight", field="sample_weight", expected="a finite number >= 0")
    for field, shares, count in (("use_per_request_ratio", ratios, 4), ("effective_use_ratio", law, len(UNKNOWN_LAW))):
        if len(shares) != count:
            raise InvalidValue(f"{len(shares)} values", field=field, expected=f"{count} values")
        if math.inf in shares or [value for value in shares if value < 0]:
            raise InvalidValue("a share is negative or infinite", field=field, expected="values >= 0, or NaN")
