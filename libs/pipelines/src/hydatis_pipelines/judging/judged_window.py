"""The part of a workload that placements are judged on: after the days that the policy learned on."""

from __future__ import annotations

from hydatis_core.event_time import HOUR_SECONDS
from hydatis_simulator.trace import Trace
from hydatis_simulator.trace_window import window

from hydatis_pipelines.effort import Effort
from hydatis_pipelines.forecaster_step import JUDGED_SHARE

__all__ = ["judged_window"]


def judged_window(trace: Trace, effort: Effort) -> Trace:
    """The last ``JUDGED_SHARE`` of a trace, as long as the effort says at most.

    Raises:
        InvalidValue: no pod runs in it.
    """
    first = trace.start_seconds + (1 - JUDGED_SHARE) * (trace.end_seconds - trace.start_seconds)
    last = min(trace.end_seconds, first + effort.compare_hours * HOUR_SECONDS)
    return window(trace, first, last, spread_seconds=min(HOUR_SECONDS, (last - first) / 4))
