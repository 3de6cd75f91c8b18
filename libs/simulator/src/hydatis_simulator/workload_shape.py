"""Virtual machines (or machines) of a trace become pods: how many, when they arrive, what they ask for, when they end.

Traces of machines hold use over time but no scheduler's view: no arrivals, few ends, one copy of each. What is added here is stated
as options with a seed, and written into the trace's assumptions, so that no figure rests on a choice nobody can see.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue, TraceRefused
from hydatis_core.event_time import DAY_SECONDS, HOUR_SECONDS
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_core.seeds import generator
from numpy.typing import NDArray

from hydatis_simulator.trace import Trace, TracePod, TraceReport

__all__ = ["SERVICE_CHURN", "Lifetimes", "MachineSeries", "WorkloadShape", "make_trace", "size_class"]

Matrix = NDArray[np.float32]

#: A machine that was off at least so long ended, and came back as another pod; a shorter time off is a hole.
OFF_ENDS_SECONDS = HOUR_SECONDS
#: A copy that no shift by whole days can tell from another is shifted by so much more for each time round.
LAP_SHIFT_SECONDS = 35 * 60.0
#: Arrivals are spread over this, or over a quarter of the window if that is less.
DEFAULT_ARRIVAL_WINDOW_SECONDS = 6 * HOUR_SECONDS


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Some pods are replaced now and then, as deployments roll: each life is log-normal, and a successor takes over.

    Raises:
        InvalidValue: a share is not within 0..1, or a time is not > 0.
    """

    churning_share: float
    """Share of the pods that are replaced at all; the others run on."""
    median_seconds: float
    """Median of a life."""
    sigma: float
    """Standard deviation of the life's logarithm."""
    pause_seconds: float = 60.0
    """Mean time until the successor arrives (exponential)."""

    def __post_init__(self) -> None:
        if not 0 <= self.churning_share <= 1:
            raise InvalidValue(f"{self.churning_share!r} is not a share", field="churning_share", expected="0 to 1")
        for name in ("median_seconds", "sigma", "pause_seconds"):
            if not 0 < getattr(self, name) < math.inf:
                raise InvalidValue(f"{getattr(self, name)!r} is not allowed", field=name, expected="a finite number > 0")


#: Our own assumption (no published trace of services at hand tells it): three in ten replicas live six hours in the median.
SERVICE_CHURN = Lifetimes(churning_share=0.3, median_seconds=6 * HOUR_SECONDS, sigma=1.0)


@dataclass(frozen=True, slots=True)
class WorkloadShape:
    """How machines become pods.

    Raises:
        InvalidValue: a number is out of range.
    """

    seed: int
    """Of copies' arrivals and lives; the same seed gives the same trace, bit for bit."""
    pod_count: int | None = None
    """How many pods run side by side: fewer than machines, a part of them; more, copies shifted in time. None: one each."""
    arrival_window_seconds: float | None = None
    """First arrivals are spread evenly over this; None: six hours, or a quarter of the trace if that is less."""
    request_factor: float = 1.0
    """Requests over what the machine was provisioned with (which becomes the limit)."""
    lifetimes: Lifetimes | None = None
    """Replacement of pods; None: a pod lives as long as its machine."""

    def __post_init__(self) -> None:
        if self.pod_count is not None and self.pod_count < 1:
            raise InvalidValue(f"{self.pod_count} is not a number of pods", field="pod_count", expected="1 or more")
        if self.arrival_window_seconds is not None and not 0 <= self.arrival_window_seconds < math.inf:
            shown = f"{self.arrival_window_seconds!r} is not a time"
            raise InvalidValue(shown, field="arrival_window_seconds", expected="seconds >= 0")
        if not 0 < self.request_factor <= 1:
            raise InvalidValue(f"{self.request_factor!r} is not a factor", field="request_factor", expected="above 0, at most 1")


@dataclass(frozen=True)
class MachineSeries:
    """What machines were provisioned with and used, on one grid of time."""

    names: tuple[str, ...]
    cpu_provisioned_cores: NDArray[np.float64]
    """shape (machines,), > 0."""
    memory_provisioned_bytes: NDArray[np.float64]
    """shape (machines,), > 0."""
    cpu_used_cores: Matrix
    """shape (machines, steps), NaN unknown."""
    memory_used_bytes: Matrix
    """shape (machines, steps), NaN unknown."""
    off: NDArray[np.bool_] | None = None
    """shape (machines, steps): the source says that the machine was off or absent."""
    io: Matrix | None = None
    """shape (machines, steps, 4)."""


@dataclass(frozen=True, slots=True)
class _Life:
    """One pod to be: a machine's series, shifted, over a stretch of time."""

    machine: int
    shift_steps: int
    uid: str
    arrival_seconds: float
    end_seconds: float


def size_class(cpu_cores: float) -> str:
    """The class of a size: the smallest power of two of cores that holds it; below one core, ``cpu0``."""
    return f"cpu{2 ** math.ceil(math.log2(cpu_cores))}" if cpu_cores > 0.5 else "cpu0"


def make_trace(
    name: str, series: MachineSeries, shape: WorkloadShape, *, start_seconds: float, step_seconds: float, report: TraceReport
) -> Trace:
    """Pods from machines.

    A pod's namespace is the trace and its size class, its workload its machine: copies share a profile, sizes a cold start.

    Args:
        name: of the trace.
        series: the machines; those never measured are left out (the reader counts them).
        shape: how they become pods.
        start_seconds: time of the first step, Unix seconds.
        step_seconds: length of a step.
        report: what the reader found; assumptions made here are added.

    Raises:
        TraceRefused: no machine was ever measured.
    """
    lives = sorted(_lives(name, series, shape, start_seconds, step_seconds), key=lambda life: (life.arrival_seconds, life.uid))
    if not lives:
        raise TraceRefused(f"{report.source} holds no machine with known CPU use in the window", field="days")
    pods = tuple(_pod(name, series, shape.request_factor, life) for life in lives)
    return Trace(
        name=name,
        step_seconds=step_seconds,
        start_seconds=start_seconds,
        pods=pods,
        cpu_used_cores=_rolled(series.cpu_used_cores, lives),
        memory_used_bytes=_rolled(series.memory_used_bytes, lives),
        io=None if series.io is None else _rolled(series.io, lives),
        report=TraceReport(report.source, report.rows_count, report.rules, (*report.assumptions, *_assumptions(shape))),
    )


def _assumptions(shape: WorkloadShape) -> Iterator[str]:
    yield "A machine is a pod: its limits are what the machine was provisioned with."
    yield f"Requests are {shape.request_factor:g} of the limits."
    yield "First arrivals are spread evenly (seeded); a machine that appears later arrives when it appears."
    yield "Beyond one pod a machine, pods are copies shifted by whole days, wrapped round inside the window."
    yield f"A machine off for {OFF_ENDS_SECONDS:g} s or more ends, and comes back as another pod of the same workload."
    if shape.lifetimes is not None:
        churn = shape.lifetimes
        yield (
            f"{churn.churning_share:.0%} of the pods are replaced: lives are log-normal with median {churn.median_seconds:g} s "
            f"and sigma {churn.sigma:g}."
        )


def _pod(name: str, series: MachineSeries, request_factor: float, life: _Life) -> TracePod:
    cpu = float(series.cpu_provisioned_cores[life.machine])
    memory = float(series.memory_provisioned_bytes[life.machine])
    pod = Pod(
        uid=life.uid,
        name=life.uid,
        namespace=f"{name}-{size_class(cpu)}".replace("_", "-"),
        workload=series.names[life.machine],
        requests=Resources(cpu * request_factor, memory * request_factor),
        limits=Resources(cpu, memory),
    )
    return TracePod(pod, life.arrival_seconds, life.end_seconds)


def _rolled(matrix: Matrix, lives: list[_Life]) -> Matrix:
    rows = np.empty((len(lives), *matrix.shape[1:]), dtype=np.float32)
    for row, life in enumerate(lives):
        rows[row] = np.roll(matrix[life.machine], life.shift_steps, axis=0)
    return rows


def _lives(name: str, series: MachineSeries, shape: WorkloadShape, start: float, step: float) -> Iterator[_Life]:
    steps_count = series.cpu_used_cores.shape[1]
    known = ~np.isnan(series.cpu_used_cores)
    alive = _alive(known, series.off)
    machines = np.flatnonzero(known.sum(axis=1) >= 2)
    if not machines.size:
        return
    random = generator(shape.seed, f"trace/{name}")
    count = machines.size if shape.pod_count is None else shape.pod_count
    if count < machines.size:
        machines = np.sort(random.choice(machines, count, replace=False))
    window = shape.arrival_window_seconds
    if window is None:
        window = min(DEFAULT_ARRIVAL_WINDOW_SECONDS, steps_count * step / 4)
    offsets = random.uniform(0.0, 1.0, count) * window
    churns = random.uniform(0.0, 1.0, count) < (shape.lifetimes.churning_share if shape.lifetimes else 0.0)
    for i in range(count):
        machine, copy = int(machines[i % machines.size]), i // machines.size
        shift = _shift_steps(copy, steps_count, step)
        number = 0
        for first, last in _stretches(np.roll(alive[machine], shift), int(OFF_ENDS_SECONDS // step)):
            end = math.inf if last == steps_count else start + last * step
            # A life that is over before its drawn arrival begins where it was first seen: none is lost.
            drawn = start + float(offsets[i])
            arrival = max(drawn if drawn < end else 0.0, start + first * step)
            lifetimes = shape.lifetimes if churns[i] else None
            for begins, ends in _successors(arrival, end, start + steps_count * step, lifetimes, random):
                yield _Life(machine, shift, f"{name}-{series.names[machine]}-{copy}-{number}".lower(), begins, ends)
                number += 1


def _alive(known: NDArray[np.bool_], off: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Steps in which a machine was there: from its first known step to its last, unless the source says it was off."""
    seen = np.logical_or.accumulate(known, axis=1) & np.logical_or.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    return seen if off is None else seen & ~off


def _shift_steps(copy: int, steps_count: int, step: float) -> int:
    steps_a_day = round(DAY_SECONDS / step)
    days = max(steps_count // steps_a_day, 1)
    return (copy % days) * steps_a_day + (copy // days) * max(round(LAP_SHIFT_SECONDS / step), 1)


def _stretches(alive: NDArray[np.bool_], bridged_steps: int) -> Iterator[tuple[int, int]]:
    """First and one past the last step of each stretch alive; times off shorter than ``bridged_steps`` are bridged."""
    steps = np.flatnonzero(alive)
    breaks = np.flatnonzero(np.diff(steps) > max(bridged_steps, 1))
    for part in np.split(steps, breaks + 1):
        if part.size:
            yield int(part[0]), int(part[-1]) + 1


def _successors(
    arrival: float, end: float, horizon: float, lifetimes: Lifetimes | None, random: np.random.Generator
) -> Iterator[tuple[float, float]]:
    """Lives one after the other from arrival to end."""
    last = min(end, horizon)
    while arrival < last:
        life = math.inf if lifetimes is None else float(random.lognormal(math.log(lifetimes.median_seconds), lifetimes.sigma))
        if arrival + life >= last:
            yield arrival, end
            return
        yield arrival, arrival + life
        arrival += life + float(random.exponential(lifetimes.pause_seconds if lifetimes else 1.0))
