"""A part of a trace as a trace of its own: what training and evaluation are split by.

Splitting by time is the only honest split of a scheduler's history: a later day may be tested on, an earlier one may not. Pods that
run when the window opens must still be placed, so they arrive, spread over a stated time and not all at one moment.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

from hydatis_simulator.trace import Trace

__all__ = ["window"]


def window(trace: Trace, first_seconds: float, last_seconds: float, *, spread_seconds: float = 3600.0) -> Trace:
    """The part of a trace between two moments.

    Pods that run at the opening arrive evenly over ``spread_seconds``, in the order of the trace; pods that would have ended by
    then, and pods that arrive later than the window, are left out. Ends stay.

    Args:
        trace: the whole.
        first_seconds: opening, Unix seconds; cut down to a step.
        last_seconds: close, Unix seconds.
        spread_seconds: time over which the running pods arrive, >= 0.

    Raises:
        InvalidValue: the window is empty, lies outside of the trace, or no pod runs in it.
    """
    first = int((first_seconds - trace.start_seconds) // trace.step_seconds)
    last = int(np.ceil((last_seconds - trace.start_seconds) / trace.step_seconds))
    if not (0 <= first < last <= trace.steps_count):
        shown = f"{first_seconds!r} to {last_seconds!r}"
        raise InvalidValue(shown, field="window", expected=f"within {trace.start_seconds!r} to {trace.end_seconds!r}")
    start = trace.start_seconds + first * trace.step_seconds
    end = trace.start_seconds + last * trace.step_seconds
    running_count = sum(pod.arrival_seconds < start < pod.end_seconds for pod in trace.pods)
    apart = spread_seconds / max(running_count, 1)
    pods, rows, spread = [], [], 0
    for row, pod in enumerate(trace.pods):
        if pod.arrival_seconds >= end or pod.end_seconds <= start:
            continue
        arrival = pod.arrival_seconds
        if arrival < start:
            arrival = start + apart * spread
            spread += 1
        if arrival < pod.end_seconds:
            pods.append(replace(pod, arrival_seconds=arrival))
            rows.append(row)
    if not pods:
        raise InvalidValue("no pod runs in the window", field="window", expected="a window with pods")
    order = sorted(range(len(pods)), key=lambda position: pods[position].arrival_seconds)
    kept: NDArray[np.intp] = np.array([rows[position] for position in order])
    return replace(
        trace,
        start_seconds=start,
        pods=tuple(pods[position] for position in order),
        cpu_used_cores=trace.cpu_used_cores[kept, first:last],
        memory_used_bytes=trace.memory_used_bytes[kept, first:last],
        io=None if trace.io is None else trace.io[kept, first:last],
    )
