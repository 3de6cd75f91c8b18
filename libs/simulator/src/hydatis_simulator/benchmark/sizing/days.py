"""A trace of machines as days of use."""

from __future__ import annotations

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from hydatis_sizing.past import Past

from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.trace import Trace

__all__ = ["days_of_fleet", "days_of_trace"]


def days_of_trace(trace: Trace) -> Past:
    """Whole days of every pod, from the trace's start.

    Args:
        trace: one pod a machine (``read_trace`` without ``pod_count``); a machine that went off and came back is two pods.
    """
    samples = round(DAY_SECONDS / trace.step_seconds)
    days = trace.steps_count // samples
    pods = [trace_pod.pod for trace_pod in trace.pods]
    cpu, memory = (
        matrix[:, : days * samples].reshape(len(pods), days, samples) for matrix in (trace.cpu_used_cores, trace.memory_used_bytes)
    )
    provisioned = np.array([[pod.requests.cpu_cores for pod in pods], [pod.requests.memory_bytes for pod in pods]])
    return Past(cpu, memory, np.full((len(pods), days), np.nan), provisioned)


def days_of_fleet(fleet: Fleet) -> Past:
    """The history that a fleet's pods bring along, none of what is judged."""
    samples = round(DAY_SECONDS / fleet.step_seconds)
    days = fleet.history_steps // samples
    cpu, memory = fleet.usage[:, :, : days * samples].reshape(2, fleet.pods_count, days, samples)
    return Past(cpu, memory, np.full((fleet.pods_count, days), np.nan), fleet.requests)
