"""What the bound pods want at a moment, from a trace with holes.

A trace knows a pod's use only where somebody measured it. A cluster has to run on something all the same: the last known use is
held over a hole, and a pod never measured before is taken to use what it asked for. The *metrics* of that moment stay unknown
(NaN), so that whoever reads them meets the hole as it was; holes are counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_features.usage import METRICS
from numpy.typing import NDArray

from hydatis_simulator.trace import Trace

__all__ = ["PodUsage", "Wanted"]

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What pods want at a moment."""

    cpu_cores: Values
    """shape (pods,), finite."""
    memory_bytes: Values
    """shape (pods,), finite; 0 throughout when the trace knows no memory."""
    known: NDArray[np.bool_]
    """shape (pods, 2): whether CPU and memory were measured."""
    io: NDArray[np.float32]
    """shape (pods, 4), NaN unknown."""

    @property
    def held_count(self) -> int:
        """Pods whose CPU use was not measured."""
        return int((~self.known[:, 0]).sum())


class PodUsage:
    """The use of a trace's pods, holes held.

    Args:
        trace: the pods.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self.memory_known = trace.memory_known
        self.memory_requested_bytes: Values = np.array([trace_pod.pod.requests.memory_bytes for trace_pod in trace.pods])
        """shape (pods of the trace,)."""
        self._held_cpu: Values = np.array([trace_pod.pod.requests.cpu_cores for trace_pod in trace.pods])
        self._held_memory: Values = self.memory_requested_bytes.copy() if self.memory_known else np.zeros(len(trace.pods))

    def start(self, row: int, time_seconds: float) -> None:
        """A pod begins to run: what was last known of it before becomes what is held."""
        last = self._trace.step_at(time_seconds) + 1
        for held, matrix in ((self._held_cpu, self._trace.cpu_used_cores), (self._held_memory, self._trace.memory_used_bytes)):
            known = np.flatnonzero(~np.isnan(matrix[row, :last]))
            if known.size:
                held[row] = matrix[row, known[-1]]

    def at(self, rows: NDArray[np.intp], time_seconds: float) -> Wanted:
        """What pods want at a moment.

        Args:
            rows: shape (pods,), rows of the trace.
            time_seconds: when; moments must not go backwards.
        """
        step = self._trace.step_at(time_seconds)
        known = np.empty((len(rows), 2), dtype=np.bool_)
        matrices = ((self._held_cpu, self._trace.cpu_used_cores), (self._held_memory, self._trace.memory_used_bytes))
        for column, (held, matrix) in enumerate(matrices):
            measured = matrix[rows, step]
            known[:, column] = ~np.isnan(measured)
            held[rows[known[:, column]]] = measured[known[:, column]]
        io = self._trace.io
        missing = np.full((len(rows), len(METRICS) - 2), np.nan, dtype=np.float32)
        return Wanted(self._held_cpu[rows], self._held_memory[rows], known, missing if io is None else io[rows, step])
