"""Which part of the trace is judged and which part tunes: the last month of unseen machines, and the month before of the others.

A week of history, a day of arrivals and three weeks judged are 29 days. Knobs are tuned on the 29 days before, on machines that
are in no test, so that neither day nor machine is shared. A folder of fewer days is cut in half; fewer than 18 days tune nothing.
``hydatis train`` takes its machines from MACHINES too, the tuning ones, and by default the first days of the trace: models and test
share neither. Shapes of fleet and node (``protocol``) were chosen on the tuning part alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hydatis_core.errors import TraceRefused
from hydatis_core.event_time import DAY_SECONDS

from hydatis_simulator.benchmark.placement.cells import TEST, TUNING
from hydatis_simulator.trace import Trace
from hydatis_simulator.traces.registry import read_trace

__all__ = ["ARRIVAL_DAYS", "HISTORY_DAYS", "MACHINES", "Months", "read_months"]

HISTORY_DAYS, ARRIVAL_DAYS = 7, 1
LONGEST_DAYS = 29
SHORTEST_DAYS = HISTORY_DAYS + ARRIVAL_DAYS + 1
TRACE = "bitbrains"
#: Stable fractions of machines by part.
MACHINES = {TUNING: (0.0, 0.5), TEST: (0.5, 1.0)}


@dataclass(frozen=True)
class Months:
    """What was read."""

    traces: dict[str, Trace]
    """By part; without TUNING when the folder is too short."""
    first_days: dict[str, int]
    """First day of each part, counted from the trace's first."""
    days: int
    """Of each part."""


def read_months(data: Path) -> Months:
    """Reads both parts.

    Args:
        data: folder of traces, or of this one.

    Raises:
        TraceRefused: the folder does not hold the trace, or too few days of it.
    """
    whole = read_trace(TRACE, data, seed=1, machine_share=MACHINES[TEST], arrival_window_seconds=0.0)
    total = round(whole.steps_count * whole.step_seconds / DAY_SECONDS)
    if total < SHORTEST_DAYS:
        expected = f"{SHORTEST_DAYS} days: {HISTORY_DAYS} of history, {ARRIVAL_DAYS} of arrivals, one to judge"
        raise TraceRefused(f"{TRACE} in {data} has {total} days", field="timestamp_s", expected=expected)
    days = min(LONGEST_DAYS, total // 2 if total >= 2 * SHORTEST_DAYS else total)
    first_days = {TEST: total - days}
    if first_days[TEST] >= days:
        first_days[TUNING] = first_days[TEST] - days
    traces = {
        part: read_trace(TRACE, data, seed=1, start_day=first, days=days, machine_share=MACHINES[part], arrival_window_seconds=0.0)
        for part, first in first_days.items()
    }
    return Months(traces, first_days, days)
