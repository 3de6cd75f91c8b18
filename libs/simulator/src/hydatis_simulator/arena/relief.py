"""Relief after placement: nodes that are forecast to stay hot shed a pod at a time, as taints and the descheduler do in a cluster.

Which nodes are closed is said by ``hydatis_placement.relief``, the very function that runs in a cluster. In every round, as far
apart as the descheduler's, a closed node that is still hot sheds one pod, drawn, since the descheduler knows no use of pods either,
to the node that a scheduler chooses among the open ones. The pod is counted on both for a while.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from hydatis_core.seeds import generator
from hydatis_placement.relief import NodeRelief, ReliefRules, relieve
from numpy.typing import NDArray

from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.arena.outlook import HourOutlook, past_steps

__all__ = ["Destination", "Move", "ReliefPlan", "Relieved", "relieved"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReliefPlan:
    """How much relief there is."""

    rules: ReliefRules = field(default_factory=ReliefRules)
    tick_steps: int = 3
    """Steps from one forecast to the next; a move takes place one step after its forecast."""
    round_steps: int = 15
    """Steps from one round of moves to the next: the hour that a forecast looks back on is then one after the last move."""
    copied_steps: int = 2
    """Steps in which a moved pod counts on both nodes."""
    moves_per_pod_day: float = 0.01
    """Budget of each day; what is left of it at midnight is gone."""


class Destination(Protocol):
    """Scores nodes for a pod that must go."""

    def scores(self, step: int, pod: int, node_of: NDArray[np.int32], free: Matrix) -> Matrix:
        """shape (nodes,), higher is better.

        Args:
            step: of the fleet; use before it is known.
            pod: which.
            node_of: shape (pods,), where all are, none UNPLACED.
            free: shape (2, nodes), allocatable less requests.
        """
        ...


@dataclass(frozen=True, slots=True)
class Move:
    """A pod that went elsewhere."""

    step: int
    """Of the judged time: the first in which it uses the target."""
    pod: int
    source: int
    target: int


@dataclass(frozen=True)
class Relieved:
    """What relief came to."""

    use: NDArray[np.float32]
    """shape (2, nodes, judged steps), cores and bytes, the cost of moves in it."""
    used: NDArray[np.intp]
    """Nodes that held pods at any time, ascending."""
    moves: tuple[Move, ...]


def relieved(
    fleet: Fleet,
    allocatable: Matrix,
    node_of: NDArray[np.int32],
    destination: Destination,
    plan: ReliefPlan,
    *,
    seed: int,
    requests_bind: bool,
) -> Relieved:
    """Relieves nodes through the judged time.

    Args:
        fleet: the pods.
        allocatable: shape (2, nodes), cores and bytes.
        node_of: shape (pods,), where they were placed, none UNPLACED.
        destination: chooses where a pod goes.
        plan: how much.
        seed: of which pods go.
        requests_bind: a node only takes pods whose requests it can hold.
    """
    cluster = _Cluster(fleet, allocatable, node_of)
    outlook = HourOutlook(cluster.ratios, fleet.step_seconds)
    random = generator(seed, f"arena/relief/{fleet.name}")
    names = [str(node) for node in range(allocatable.shape[1])]
    states: dict[str, NodeRelief] = {}
    moves: list[Move] = []
    day_steps = round(DAY_SECONDS / fleet.step_seconds)
    budget = day = 0
    for step in range(fleet.judged_from_step, fleet.steps_count - 1, plan.tick_steps):
        if step - fleet.judged_from_step >= day * day_steps:
            budget, day = int(plan.moves_per_pod_day * fleet.pods_count), day + 1
        hottest = outlook.hottest(step - cluster.first_step)
        now_seconds = step * fleet.step_seconds
        forecasts = dict(zip(names, hottest.tolist(), strict=True))
        states = relieve(plan.rules, states, forecasts, made_at_seconds=now_seconds, now_seconds=now_seconds).nodes
        closed = np.array([states[name].tainted for name in names])
        if (step - fleet.judged_from_step) % plan.round_steps:
            continue
        shedding = np.flatnonzero(closed & (hottest >= plan.rules.enter_ratio))
        for source in shedding[np.argsort(-hottest[shedding], kind="stable")][: max(budget, 0)]:
            pods = np.flatnonzero(cluster.node_of == source)
            if not pods.size:  # the last one left, and the forecast still remembers it
                continue
            pod = int(random.choice(pods))
            fits = ~closed
            if requests_bind:
                fits &= (cluster.free >= fleet.requests[:, pod, None]).all(axis=0)
            if fits.any():
                scores = destination.scores(step, pod, cluster.node_of, cluster.free)
                target = int(np.argmax(np.where(fits, scores, -np.inf)))
                cluster.move(pod, target, step + 1, plan.copied_steps)
                moves.append(Move(step + 1 - fleet.judged_from_step, pod, int(source), target))
                budget -= 1
    used = np.unique(np.append(node_of.astype(np.intp), np.array([move.target for move in moves], dtype=np.intp)))
    return Relieved(cluster.judged_use(), used, tuple(moves))


class _Cluster:
    """Where pods are, and what nodes use by that from a day and an hour before the judged time on.

    Pods that arrive in that day count as if they had been there: what forecasts are learned from is what nodes full of them did.
    """

    def __init__(self, fleet: Fleet, allocatable: Matrix, node_of: NDArray[np.int32]) -> None:
        self._fleet, self._allocatable = fleet, allocatable
        self.node_of = node_of.copy()
        self.free = allocatable.copy()
        """shape (2, nodes), allocatable less requests."""
        self.first_step = fleet.judged_from_step - past_steps(fleet.step_seconds)
        self.ratios = np.zeros((2, allocatable.shape[1], fleet.steps_count - self.first_step), dtype=np.float32)
        """shape (2, nodes, steps from ``first_step`` on), use over allocatable."""
        for pod, node in enumerate(node_of):
            self.free[:, node] -= fleet.requests[:, pod]
            self.ratios[:, node] += np.nan_to_num(self._shares(pod, node, self.first_step))

    def move(self, pod: int, target: int, step: int, copied_steps: int) -> None:
        """A pod uses the target from a step on, and the node it was on no more some steps later."""
        source = int(self.node_of[pod])
        self.node_of[pod] = target
        self.free[:, source] += self._fleet.requests[:, pod]
        self.free[:, target] -= self._fleet.requests[:, pod]
        self.ratios[:, target, step - self.first_step :] += self._shares(pod, target, step)
        gone = step + copied_steps
        self.ratios[:, source, gone - self.first_step :] -= self._shares(pod, source, gone)

    def judged_use(self) -> NDArray[np.float32]:
        """shape (2, nodes, judged steps), cores and bytes."""
        judged = self.ratios[:, :, self._fleet.judged_from_step - self.first_step :]
        return np.asarray(np.maximum(judged, 0.0) * self._allocatable[:, :, None], dtype=np.float32)

    def _shares(self, pod: int, node: int, step: int) -> NDArray[np.float32]:
        """shape (2, steps from this one on)."""
        return np.asarray(self._fleet.usage[:, pod, step:] / self._allocatable[:, node, None], dtype=np.float32)
