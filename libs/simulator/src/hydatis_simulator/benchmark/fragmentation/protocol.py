"""Which pods come in which order: the protocol of Weng et al. (USENIX ATC 2023), by their published simulator.

The list is shuffled. Asks it for more GPU than wanted, pods drawn at random are taken out until it does not; asks it for less,
pods drawn from the list with replacement are put at its end until the next would pass what is wanted. Nodes come in a random
order too: it breaks ties. Seeds are theirs (42 to 51), the generator is ours, so single runs differ and means agree.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.seeds import generator
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.cluster import GpuNode
from hydatis_simulator.benchmark.fragmentation.shapes import Workload

__all__ = ["DEMAND_RATIO", "SEEDS", "arrivals", "node_order"]

#: GPU asked for over the cluster's GPU.
DEMAND_RATIO = 1.3
#: The authors' seeds.
SEEDS: tuple[int, ...] = tuple(range(42, 52))


def arrivals(workload: Workload, gpu_total_milli: int, seed: int, demand_ratio: float = DEMAND_RATIO) -> NDArray[np.int64]:
    """Shapes in order of arrival.

    Args:
        workload: the list.
        gpu_total_milli: the cluster's GPU, thousandths of a device.
        seed: the run's.
        demand_ratio: GPU to be asked for over the cluster's GPU, > 0.

    Returns:
        shape (pods,), positions in ``workload.shapes``.

    Raises:
        InvalidValue: the ratio is not positive and finite.
    """
    if not 0.0 < demand_ratio < np.inf:
        raise InvalidValue(f"{demand_ratio!r} is no share of the cluster", field="demand_ratio", expected="more than 0")
    random = generator(seed, "fragmentation arrivals")
    order = random.permutation(workload.shape_of_pod)
    asks = workload.gpu_milli
    wanted = demand_ratio * gpu_total_milli
    total = int(asks[order].sum())
    if total > wanted:
        leaving = random.permutation(order.size)
        left = total - np.cumsum(asks[order[leaving]])
        removed_count = int(np.argmax(left <= wanted)) + 1
        return np.delete(order, leaving[:removed_count])
    more: list[int] = []
    while True:
        shape = int(workload.shape_of_pod[random.integers(workload.shape_of_pod.size)])
        if total + asks[shape] > wanted:
            return np.concatenate([order, np.array(more, dtype=np.int64)])
        total += int(asks[shape])
        more.append(shape)


def node_order(nodes: Sequence[GpuNode], seed: int) -> tuple[GpuNode, ...]:
    """The nodes in the order that breaks ties in this run."""
    return tuple(nodes[position] for position in generator(seed, "fragmentation nodes").permutation(len(nodes)))
