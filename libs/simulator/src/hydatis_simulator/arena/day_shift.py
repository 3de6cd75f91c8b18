"""A fleet from a month of a trace of machines: copies shifted by whole days, so that a few hundred machines make a thousand pods.

Shifts keep the hour of the day, so copies peak together as replicas of one service do, yet are not the same series. A copy is
wrapped round inside the month: it shows the month's last days before its first.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import InvalidValue, TraceRefused
from hydatis_core.event_time import DAY_SECONDS
from hydatis_core.seeds import generator
from numpy.typing import NDArray

from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.trace import Trace

__all__ = ["fleet_of_copies"]

Matrix = NDArray[np.float32]


def fleet_of_copies(
    trace: Trace,
    *,
    pods_count: int,
    seed: int,
    history_days: int = 7,
    arrival_days: int = 1,
    machines: NDArray[np.intp] | None = None,
) -> Fleet:
    """A fleet of day-shifted copies.

    All machines get the same number of copies, give or take one; which of them get one more, the order of arrival and its moments
    are drawn by the seed. Copy k of a machine is shifted by k days.

    Args:
        trace: one pod a machine, nothing shifted (``read_trace`` without ``pod_count``), whole days; a machine that went off and
            came back counts as one.
        pods_count: pods.
        seed: of arrivals.
        history_days: days before the first arrival.
        arrival_days: days over which pods arrive; judged is what is left.
        machines: which machines to use, by number in the order of their names; None: all.

    Raises:
        TraceRefused: the trace is too short to leave a day to judge.
        InvalidValue: there are no machines or pods, or more copies than days.
    """
    steps_a_day = round(DAY_SECONDS / trace.step_seconds)
    days = trace.steps_count // steps_a_day
    if days < history_days + arrival_days + 1:
        wanted = f"{history_days} days of history, {arrival_days} of arrivals and one to judge"
        raise TraceRefused(f"trace {trace.name} has {days} whole days", field="days", expected=wanted)
    first_rows = _row_by_machine(trace)
    chosen = np.array(list(first_rows.values()))
    if machines is not None:
        chosen = chosen[machines]
    if not chosen.size or not 0 < pods_count <= chosen.size * days:
        raise InvalidValue(f"{pods_count} pods of {chosen.size} machines", field="pods_count", expected="a copy a day at most")
    random = generator(seed, f"arena/{trace.name}")
    copies = _copies(chosen.size, pods_count, random)
    steps = slice(0, days * steps_a_day)
    usage = np.empty((2, pods_count, days * steps_a_day), dtype=np.float32)
    for resource, matrix in enumerate((trace.cpu_used_cores, trace.memory_used_bytes)):
        series = [held(matrix[row, steps]) for row in chosen]
        for pod, (machine, copy) in enumerate(copies):
            shift = copy * steps_a_day
            usage[resource, pod, shift:], usage[resource, pod, :shift] = np.split(series[machine], [usage.shape[2] - shift])
    arrivals = np.sort(random.uniform(0.0, arrival_days * DAY_SECONDS, pods_count)) + history_days * DAY_SECONDS
    pods = [trace.pods[chosen[machine]].pod for machine, _ in copies]
    return Fleet(
        name=trace.name,
        step_seconds=trace.step_seconds,
        history_steps=history_days * steps_a_day,
        judged_from_step=(history_days + arrival_days) * steps_a_day,
        usage=usage,
        requests=np.array([[pod.requests.cpu_cores for pod in pods], [pod.requests.memory_bytes for pod in pods]]),
        limits=np.array([[pod.limits.cpu_cores for pod in pods], [pod.limits.memory_bytes for pod in pods]]),
        arrival_seconds=arrivals,
        workloads=copies[:, 0].astype(np.int32),
    )


def held(row: Matrix) -> Matrix:
    """A series without holes: the last known value is held, the first known one before it, and 0 is used by what was never on.

    Args:
        row: shape (steps,), NaN unknown.
    """
    known = ~np.isnan(row)
    if not known.any():
        return np.zeros_like(row)
    last = np.maximum.accumulate(np.where(known, np.arange(row.size), -1))
    return np.asarray(row[np.where(last < 0, int(np.argmax(known)), last)], dtype=np.float32)


def _row_by_machine(trace: Trace) -> dict[str, int]:
    rows: dict[str, int] = {}
    for row, trace_pod in enumerate(trace.pods):
        rows.setdefault(trace_pod.pod.workload, row)
    return dict(sorted(rows.items()))


def _copies(machines_count: int, pods_count: int, random: np.random.Generator) -> NDArray[np.intp]:
    """shape (pods, 2): machine and copy, in order of arrival."""
    everyone = np.arange(pods_count, dtype=np.intp)
    whole = pods_count - pods_count % machines_count
    machine = everyone % machines_count
    machine[whole:] = random.choice(machines_count, pods_count - whole, replace=False)
    return random.permutation(np.stack([machine, everyone // machines_count], axis=1))
