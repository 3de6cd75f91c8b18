"""What pods of a trace will use, read ahead: what placements in training are paid by.

Every decision of every episode looks ahead, so what never changes is worked out once a trace: holes and what is after a pod's end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.trace import Trace

__all__ = ["ComingUse"]

Matrix = NDArray[np.float32]


class ComingUse:
    """The use of a trace's pods; nothing after a pod's end, and where it is not known.

    Args:
        trace: the pods.
    """

    def __init__(self, trace: Trace) -> None:
        step_times = trace.start_seconds + trace.step_seconds * np.arange(trace.steps_count)
        over = step_times >= np.array([pod.end_seconds for pod in trace.pods])[:, None]

        def plain(usage: Matrix) -> Matrix:
            amounts: Matrix = np.nan_to_num(usage, nan=0.0)
            amounts[over] = 0.0
            return amounts

        self.trace = trace
        self._cpu_cores = plain(trace.cpu_used_cores)
        self._memory_bytes = plain(trace.memory_used_bytes) if trace.memory_known else None

    def together(self, groups: Sequence[Sequence[int]], first: int, last: int) -> tuple[Matrix, Matrix]:
        """What groups of pods use together over coming steps.

        Args:
            groups: rows of the trace.
            first: the first step.
            last: the step after the last.

        Returns:
            CPU cores and memory bytes, each of shape (groups, steps); memory is NaN throughout when the trace knows none.
        """
        cpu = np.stack([self._cpu_cores[pods, first:last].sum(axis=0) for pods in groups])
        if self._memory_bytes is None:
            return cpu, np.full_like(cpu, np.nan)
        return cpu, np.stack([self._memory_bytes[pods, first:last].sum(axis=0) for pods in groups])
