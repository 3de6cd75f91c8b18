"""What is forecast: the columns every forecast is laid out by.

A placement asks two questions of a node: how loaded will it be in a while, and how high will it get until then. So each horizon has
a point (the use at its end) and a maximum (the highest use up to its end), each as a median and a 95th percentile. The layout is
stated once, here, and everyone who reads or writes a forecast matrix takes it from here.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "COLUMNS",
    "CPU_COLUMNS",
    "HORIZONS_SECONDS",
    "KINDS",
    "MEMORY_COLUMNS",
    "QUANTILES",
    "RESOURCES",
    "TARGETS",
    "Target",
    "columns_of",
]

RESOURCES: tuple[str, ...] = ("cpu", "memory")
#: How far ahead, in seconds: 5, 15 and 60 minutes.
HORIZONS_SECONDS: tuple[int, ...] = (300, 900, 3600)
#: "point": the use at t + h. "max": the highest use over (t, t + h].
KINDS: tuple[str, ...] = ("point", "max")
QUANTILES: tuple[tuple[str, float], ...] = (("p50", 0.5), ("p95", 0.95))


@dataclass(frozen=True, slots=True)
class Target:
    """One quantity of the future that is forecast, the same for every resource."""

    horizon_seconds: int
    """How far ahead."""
    kind: str
    """"point" or "max"."""

    @property
    def suffix(self) -> str:
        """How a column name ends: ``300s`` or ``max_300s``."""
        return f"{self.horizon_seconds}s" if self.kind == "point" else f"max_{self.horizon_seconds}s"


#: The 6 targets of a resource, in column order.
TARGETS: tuple[Target, ...] = tuple(Target(horizon, kind) for horizon in HORIZONS_SECONDS for kind in KINDS)


def columns_of(resource: str) -> tuple[str, ...]:
    """The 12 columns of a resource ("cpu" or "memory"): target by target, each p50 then p95.

    >>> columns_of("cpu")[:4]
    ('cpu_p50_300s', 'cpu_p95_300s', 'cpu_p50_max_300s', 'cpu_p95_max_300s')
    """
    return tuple(f"{resource}_{quantile}_{target.suffix}" for target in TARGETS for quantile, _ in QUANTILES)


CPU_COLUMNS: tuple[str, ...] = columns_of("cpu")
MEMORY_COLUMNS: tuple[str, ...] = columns_of("memory")
#: All 24 columns of a forecast: those of CPU, then those of memory.
COLUMNS: tuple[str, ...] = CPU_COLUMNS + MEMORY_COLUMNS
