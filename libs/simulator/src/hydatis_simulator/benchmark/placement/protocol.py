"""The numbers of the benchmark, in one place: a run is this, the data and the code."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXPERIMENTS", "QUICK_POLICIES", "Protocol", "quick"]

#: By name; E7 is about GPUs (``benchmark.fragmentation``).
EXPERIMENTS: dict[str, str] = {
    "E1": "nodes needed at equal violation",
    "E2": "fixed hardware at three load levels",
    "E3": "a burst within one sample",
    "E4": "metrics late, absent, zero, gone",
    "E5": "classes without history",
    "E6": "half of the classes use half as much again",
    "E8": "levers alone and together: sizes, placement, resize, relief",
}
#: Who takes part in a quick run.
QUICK_POLICIES = ("random", "least-allocated", "week-percentile-lowest", "oracle", "oracle-offline")


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is run."""

    pods_count: int = 2000
    seeds_count: int = 10
    """Fleets: which copies, order and moments of arrival, ties."""
    tuning_pods_count: int = 1000
    tuning_seeds_count: int = 1
    settings_count: int = 12
    """Settings that tuning tries of a policy, the published one first."""
    binding_seeds_count: int = 5
    """Seeds of E1 where requests bind."""
    frozen_seeds_count: int = 2
    """Seeds of the column of frozen node counts; each is run both ways, on half of the pods."""
    fixed_seeds_count: int = 5
    """Seeds of E2 to E6."""
    node_cores: float = 24.0
    node_gib: float = 96.0
    """The greatest machine uses a third of a node, as on real hosts; the oracle still needs 50 of them or more."""
    cpu_loads: tuple[float, ...] = (0.4, 0.5, 0.6)
    """E2: mean CPU use over all nodes."""
    fixed_cpu_load: float = 0.5
    """E3 to E6."""
    burst_pods_counts: tuple[int, ...] = (200, 1000)

    @property
    def seeds(self) -> tuple[int, ...]:
        """1, 2, .."""
        return tuple(range(1, self.seeds_count + 1))

    @property
    def node(self) -> NDArray[np.float64]:
        """shape (2,): cores and bytes."""
        return np.array([self.node_cores, self.node_gib * 2.0**30])

    def to_json(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)


def quick(protocol: Protocol) -> Protocol:
    """A slice for CI and curious people: 160 pods, two seeds, one load level, three settings."""
    return Protocol(
        pods_count=160,
        seeds_count=min(protocol.seeds_count, 2),
        tuning_pods_count=160,
        settings_count=3,
        frozen_seeds_count=1,
        node_cores=protocol.node_cores,
        node_gib=protocol.node_gib,
        cpu_loads=(0.5,),
        burst_pods_counts=(40,),
    )
