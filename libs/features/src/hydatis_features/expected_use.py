"""What a pod is expected to use once it runs, and where the expectation comes from.

Requests say what a pod asks for; a placement needs what it will use. Every amount is finite, so that whoever adds them up needs no
mask: the uncertainty of an expectation is said by its source and by the distance of its two quantiles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from hydatis_core.errors import InvalidValue

from hydatis_features.use_law import COLD_LAW

__all__ = ["ExpectedUse", "UseSource"]

_COLD = tuple(COLD_LAW.ravel().tolist())


class UseSource(Enum):
    """Where an expected use comes from, best first. Values are names, not the numbers of the wire."""

    PROFILE = "profile"
    """The workload's own history."""
    COLD_START = "cold_start"
    """What pods of like request and namespace use."""
    REQUEST = "request"
    """The request itself, or a nominal one: nothing is known yet."""


@dataclass(frozen=True, slots=True)
class ExpectedUse:
    """Median and 95th percentile of what a pod will use, and the law of its use over weeks.

    Raises:
        InvalidValue: an amount is NaN, infinite or negative, a 95th percentile is below its median, or the law is not 24 such
            numbers.
    """

    cpu_p50_cores: float
    """Median CPU use in cores, finite, >= 0."""
    cpu_p95_cores: float
    """95th percentile of CPU use in cores, >= ``cpu_p50_cores``."""
    memory_p50_bytes: float
    """Median memory use in bytes, finite, >= 0."""
    memory_p95_bytes: float
    """95th percentile of memory use in bytes, >= ``memory_p50_bytes``."""
    source: UseSource
    """Where the CPU figures come from. (Memory may come from a lower source when it was never measured.)"""
    effective_use_ratio: tuple[float, ...] = _COLD
    """``use_law``: effective use at ``TAIL_WEIGHTS`` of CPU, then of memory, as shares of ``request_classes.base_amounts``, finite,
    >= 0, hedged. The default: nothing is known."""

    def __post_init__(self) -> None:
        for name in ("cpu_p50_cores", "cpu_p95_cores", "memory_p50_bytes", "memory_p95_bytes"):
            amount = getattr(self, name)
            if not math.isfinite(amount) or amount < 0:
                raise InvalidValue(f"{amount!r} is not an amount", field=name, expected="a finite number >= 0")
        for low, high in (("cpu_p50_cores", "cpu_p95_cores"), ("memory_p50_bytes", "memory_p95_bytes")):
            if getattr(self, high) < getattr(self, low):
                raise InvalidValue(f"{getattr(self, high)!r} is below the median", field=high, expected=f">= {low}")
        law = self.effective_use_ratio
        if len(law) != len(_COLD):
            raise InvalidValue(f"{len(law)} values", field="effective_use_ratio", expected=f"{len(_COLD)} values")
        if not all(map(math.isfinite, law)) or min(law) < 0:
            raise InvalidValue("a share is NaN, infinite or negative", field="effective_use_ratio", expected="finite values >= 0")
