"""The series that forecasts are judged on: nodes made of machines of a trace, or single machines, with both splits drawn.

A node is what a placement asks about, and its use is a sum over tenants, smoother than any of them; so nodes are made by grouping
machines, learning ones with learning ones and unseen ones with unseen ones. Sets that a folder does not hold are left out by name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_core.seeds import generator, stable_fraction
from numpy.typing import NDArray

from hydatis_simulator.trace import Trace

__all__ = ["SeriesSet", "group_machines", "machine_series"]

Matrix = NDArray[np.float32]

#: A step of a node is known when at least this share of its running machines was measured; the others hold their last use.
MEASURED_SHARE = 0.8


@dataclass(frozen=True)
class SeriesSet:
    """Use of some nodes, pods or machines on one grid of time.

    Raises:
        WrongShape: a matrix is not float32 of series x steps.
    """

    name: str
    """Of the data set and the level, e.g. ``bitbrains nodes``."""
    start_seconds: float
    """When the first step's sample is seen, Unix seconds, > 0."""
    step_seconds: float
    names: tuple[str, ...]
    cpu: Matrix
    """shape (series, steps), float32, share of allocatable, >= 0, NaN unknown; NaN throughout where the source has no CPU."""
    memory: Matrix
    """shape (series, steps), as ``cpu``."""
    unseen: NDArray[np.bool_]
    """shape (series,): series whose machines take no part in learning."""
    test_step: int
    """Steps before it are there to learn from, steps from it on to judge."""

    def __post_init__(self) -> None:
        shape = (len(self.names), self.cpu.shape[-1])
        for name, matrix in (("cpu", self.cpu), ("memory", self.memory)):
            if matrix.shape != shape or matrix.dtype != np.float32:
                raise WrongShape(f"{matrix.dtype} of shape {matrix.shape}", field=name, expected=f"float32 of {shape}")

    @property
    def steps_count(self) -> int:
        """Number of steps."""
        return int(self.cpu.shape[1])

    def of(self, resource: str) -> Matrix:
        """The use of "cpu" or "memory"."""
        return self.cpu if resource == "cpu" else self.memory

    def known(self, resource: str) -> bool:
        """Whether the source measured it at all."""
        return not bool(np.isnan(self.of(resource)).all())

    def between(self, first: int, last: int) -> SeriesSet:
        """Steps ``first`` to ``last`` (exclusive) as a set of their own."""
        return replace(
            self,
            start_seconds=self.start_seconds + first * self.step_seconds,
            cpu=self.cpu[:, first:last],
            memory=self.memory[:, first:last],
            test_step=min(max(self.test_step - first, 0), last - first),
        )

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> SeriesSet:
        """Some of the series."""
        at = np.arange(len(self.names))[rows]
        return replace(
            self,
            names=tuple(self.names[i] for i in at),
            cpu=self.cpu[at],
            memory=self.memory[at],
            unseen=self.unseen[at],
        )


@dataclass(frozen=True)
class _Machines:
    """Machines of a trace, lives joined: amounts, NaN where not measured; whether the machine was there at all."""

    names: tuple[str, ...]
    cpu: Matrix
    memory: Matrix
    cpu_provisioned: NDArray[np.float64]
    memory_provisioned: NDArray[np.float64]
    there: NDArray[np.bool_]


def machine_series(trace: Trace, test_share: float, test_seconds: float) -> SeriesSet:
    """Every machine of a trace as a series of its own: the workload level.

    Args:
        trace: one life or more per machine (``workload``).
        test_share: share of the machines that take no part in learning.
        test_seconds: from this moment on is judged, Unix seconds.
    """
    machines = _machines(trace)
    unseen = _unseen(machines.names, trace.name, test_share)
    cpu = (machines.cpu / machines.cpu_provisioned[:, None]).astype(np.float32)
    memory = (machines.memory / machines.memory_provisioned[:, None]).astype(np.float32)
    return SeriesSet(
        name=f"{trace.name} workloads",
        start_seconds=trace.start_seconds + trace.step_seconds,
        step_seconds=trace.step_seconds,
        names=machines.names,
        cpu=cpu,
        memory=memory,
        unseen=unseen,
        test_step=_test_step(trace, test_seconds),
    )


def group_machines(trace: Trace, test_share: float, test_seconds: float, *, group_size: int, draws: int, seed: int) -> SeriesSet:
    """Nodes of several machines each: the node level.

    Each draw deals all learning machines, and all unseen ones apart from them, into nodes; a node's allocatable is what its
    machines were provisioned with. Draws share machines, so series of different draws are not independent of each other.

    Args:
        trace: one life or more per machine.
        test_share: share of the machines that take no part in learning.
        test_seconds: from this moment on is judged.
        group_size: machines of a node; with fewer than that on a side, one node holds them all.
        draws: how often they are dealt.
        seed: of the dealing.

    Raises:
        InvalidValue: one of the two sides has no machine.
    """
    machines = _machines(trace)
    unseen = _unseen(machines.names, trace.name, test_share)
    # A machine that is off uses nothing, and that is known.
    filled_cpu, cpu_known = _held(np.where(machines.there, machines.cpu, np.float32(0)))
    filled_memory, memory_known = _held(np.where(machines.there, machines.memory, np.float32(0)))
    names: list[str] = []
    groups: list[NDArray[np.intp]] = []
    sides: list[bool] = []
    for side in (False, True):
        members = np.flatnonzero(unseen == side)
        if not members.size:
            raise InvalidValue(
                f"trace {trace.name} has {len(machines.names)} machines: too few to keep some unseen",
                field="machines",
                expected="two machines or more",
            )
        for draw in range(draws):
            order = generator(seed, f"benchmark-nodes/{side}/{draw}").permutation(members)
            size = min(group_size, len(order))
            for number in range(len(order) // size):
                groups.append(order[number * size : (number + 1) * size])
                names.append(f"{'unseen' if side else 'learned'}-{draw}-{number}")
                sides.append(side)

    def summed(filled: Matrix, known: NDArray[np.bool_], provisioned: NDArray[np.float64]) -> Matrix:
        rows = [
            np.where(known[group].mean(axis=0) >= MEASURED_SHARE, filled[group].sum(axis=0) / provisioned[group].sum(), np.nan)
            for group in groups
        ]
        return np.array(rows, dtype=np.float32)

    return SeriesSet(
        name=f"{trace.name} nodes",
        start_seconds=trace.start_seconds + trace.step_seconds,
        step_seconds=trace.step_seconds,
        names=tuple(names),
        cpu=summed(filled_cpu, cpu_known, machines.cpu_provisioned),
        memory=summed(filled_memory, memory_known, machines.memory_provisioned),
        unseen=np.array(sides),
        test_step=_test_step(trace, test_seconds),
    )


def _test_step(trace: Trace, test_seconds: float) -> int:
    step = round((test_seconds - trace.start_seconds) / trace.step_seconds)
    return min(max(step, 0), trace.steps_count)


def _unseen(names: tuple[str, ...], salt: str, share: float) -> NDArray[np.bool_]:
    """The machines with the highest stable fraction: ``share`` of them, at least one where there are two."""
    count = min(max(round(len(names) * share), 1), len(names) - 1) if share > 0 else 0
    order = np.argsort([stable_fraction(name, salt=f"{salt}/unseen") for name in names], kind="stable")
    unseen = np.zeros(len(names), dtype=np.bool_)
    unseen[order[len(names) - count :]] = True
    return unseen


def _machines(trace: Trace) -> _Machines:
    names = tuple(dict.fromkeys(one.pod.workload for one in trace.pods))
    row_of = {name: row for row, name in enumerate(names)}
    cpu, memory = (np.full((len(names), trace.steps_count), np.nan, dtype=np.float32) for _ in range(2))
    there = np.zeros(cpu.shape, dtype=np.bool_)
    cpu_provisioned, memory_provisioned = np.zeros(len(names)), np.zeros(len(names))
    for row, one in enumerate(trace.pods):
        at = row_of[one.pod.workload]
        first = trace.step_at(one.arrival_seconds)
        last = trace.steps_count if one.end_seconds >= trace.end_seconds else trace.step_at(one.end_seconds)
        cpu[at, first:last] = trace.cpu_used_cores[row, first:last]
        memory[at, first:last] = trace.memory_used_bytes[row, first:last]
        there[at, first:last] = True
        asked, limit = one.pod.requests, one.pod.limits
        cpu_provisioned[at] = max(limit.cpu_cores, asked.cpu_cores) or 1.0
        memory_provisioned[at] = max(limit.memory_bytes, asked.memory_bytes) or 1.0
    return _Machines(names, cpu, memory, cpu_provisioned, memory_provisioned, there)


def _held(matrix: Matrix) -> tuple[Matrix, NDArray[np.bool_]]:
    """Holes filled with the last known value (0 before the first), and which were known."""
    known = ~np.isnan(matrix)
    at = np.maximum.accumulate(np.where(known, np.arange(matrix.shape[1]), 0), axis=1)
    filled = np.take_along_axis(matrix, at, axis=1)
    return np.nan_to_num(filled, copy=False), known
