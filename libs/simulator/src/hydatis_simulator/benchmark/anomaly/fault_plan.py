"""Which node has which fault, and when: drawn once from the seed, apart from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.seeds import generator
from numpy.typing import NDArray

from hydatis_simulator.benchmark.anomaly.faults import FAULTS, Stretch, inject

__all__ = ["Fault", "labels_of", "plan_faults", "with_faults"]

#: Length of a fault, least and most.
SHORTEST_SECONDS, LONGEST_SECONDS = 3600.0, 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault."""

    kind: str
    node: int
    """Row of the node."""
    first: int
    """First tick."""
    end: int
    """Tick after the last."""


def plan_faults(ticks: int, nodes: int, tick_seconds: float, *, quiet_ticks: int, per_node: int, seed: int) -> tuple[Fault, ...]:
    """Faults of all nodes, kinds in turn, evenly spread with a random start in each part.

    Args:
        ticks: length of the record.
        nodes: how many nodes.
        tick_seconds: time between ticks.
        quiet_ticks: ticks at the start without faults.
        per_node: faults of each node.
        seed: of places, lengths and kinds.

    Raises:
        InvalidValue: the record is too short for so many.
    """
    longest = int(LONGEST_SECONDS / tick_seconds)
    part = (ticks - quiet_ticks) // max(per_node, 1)
    if part <= 2 * longest or nodes < 1:
        needed = quiet_ticks + per_node * (2 * longest + 1)
        raise InvalidValue(f"{ticks} ticks are too few for {per_node} faults a node", field="ticks", expected=f"{needed} or more")
    random = generator(seed, "benchmark/anomaly/faults")
    kinds = list(FAULTS)
    faults = []
    for node in range(nodes):
        for number in range(per_node):
            length = int(random.integers(int(SHORTEST_SECONDS / tick_seconds), longest + 1))
            first = quiet_ticks + number * part + int(random.integers(part - length - longest))
            faults.append(Fault(kinds[(node + number) % len(kinds)], node, first, first + length))
    return tuple(faults)


def with_faults(usage: NDArray[np.float32], nodes: tuple[Node, ...], faults: tuple[Fault, ...], seed: int) -> NDArray[np.float32]:
    """The measurements with the faults in them.

    Args:
        usage: shape (ticks, nodes, 6), float32, columns of ``METRICS``. Not changed.
        nodes: the nodes, in the order of the rows.
        faults: the plan.
        seed: of their strengths.
    """
    answer = usage.copy()
    for number, fault in enumerate(faults):
        node = nodes[fault.node]
        stretch = Stretch(
            usage[fault.first : fault.end, fault.node],
            usage[: fault.first, fault.node],
            node.allocatable.cpu_cores,
            node.allocatable.memory_bytes,
        )
        answer[fault.first : fault.end, fault.node] = inject(
            fault.kind, stretch, generator(seed, f"benchmark/anomaly/fault/{number}")
        )
    return answer


def labels_of(faults: tuple[Fault, ...], ticks: int, nodes: int) -> NDArray[np.bool_]:
    """shape (ticks, nodes): whether a fault is there."""
    labels = np.zeros((ticks, nodes), dtype=np.bool_)
    for fault in faults:
        labels[fault.first : fault.end, fault.node] = True
    return labels
