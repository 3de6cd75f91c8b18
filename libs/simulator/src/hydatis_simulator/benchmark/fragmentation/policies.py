"""The policies by name, each made anew for a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hydatis_core.errors import InvalidValue
from hydatis_core.seeds import generator

from hydatis_simulator.benchmark.fragmentation.arena import FragmentationPolicy
from hydatis_simulator.benchmark.fragmentation.mix import typical_mix
from hydatis_simulator.benchmark.fragmentation.ours import LeastLoss
from hydatis_simulator.benchmark.fragmentation.peers.best_fit import BestFit
from hydatis_simulator.benchmark.fragmentation.peers.dot_product import DotProduct
from hydatis_simulator.benchmark.fragmentation.peers.fgd import FGD
from hydatis_simulator.benchmark.fragmentation.peers.gpu_clustering import GpuClustering
from hydatis_simulator.benchmark.fragmentation.peers.gpu_packing import GpuPacking
from hydatis_simulator.benchmark.fragmentation.peers.random import Random
from hydatis_simulator.benchmark.fragmentation.shapes import Workload

__all__ = ["OURS", "POLICIES", "Start", "make_policy"]


@dataclass(frozen=True, slots=True)
class Start:
    """What a policy may know when a run starts."""

    workload: Workload
    """The whole list: FGD takes its typical pods, ours takes its shapes and learns how often they come."""
    models: tuple[str, ...]
    """GPU models of the cluster."""
    seed: int


#: What ours is called in results.
OURS = "LeastLoss"

POLICIES: dict[str, Callable[[Start], FragmentationPolicy]] = {
    "Random": lambda start: Random(generator(start.seed, "fragmentation random")),
    "DotProd": lambda _: DotProduct(),
    "GpuClustering": lambda _: GpuClustering(),
    "GpuPacking": lambda _: GpuPacking(),
    "BestFit": lambda _: BestFit(),
    "FGD": lambda start: FGD(typical_mix(start.workload, start.models)),
    OURS: lambda start: LeastLoss(start.workload.shapes),
}


def make_policy(name: str, workload: Workload, models: tuple[str, ...], seed: int) -> FragmentationPolicy:
    """A policy for one run.

    Raises:
        InvalidValue: there is none of that name.
    """
    if name not in POLICIES:
        raise InvalidValue(f"there is no policy {name!r}", field="policy", expected=f"one of {', '.join(POLICIES)}")
    return POLICIES[name](Start(workload, models, seed))
