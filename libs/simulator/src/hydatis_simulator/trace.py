"""A trace as the simulator knows it: pods with lives, what they use over time, and what was odd about the source.

Every reader and the generator end here, so that the replay, the training of models and the gymnasium environment see one form
whatever was published. What a source got wrong is not repaired in silence: each rule that touched a sample is counted in the report
that rides with the trace.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue, WrongShape
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from numpy.typing import NDArray

__all__ = ["IO_METRICS", "AppliedRule", "Trace", "TracePod", "TraceReport"]

Matrix = NDArray[np.float32]

#: Last axis of ``Trace.io``: the order of ``hydatis_features.usage.METRICS`` after CPU and memory.
IO_METRICS: tuple[str, ...] = (
    "network_receive_bytes_per_second",
    "network_transmit_bytes_per_second",
    "disk_read_bytes_per_second",
    "disk_write_bytes_per_second",
)


@dataclass(frozen=True, slots=True)
class AppliedRule:
    """One rule about a source, and how often it was applied."""

    name: str
    """Stable identifier, e.g. ``capacity_zero``."""
    count: int
    """How often; the unit is in the text."""
    text: str
    """What was found and what was done about it, in one sentence."""


@dataclass(frozen=True, slots=True)
class TraceReport:
    """What was read, what was odd, and what was assumed."""

    source: str = ""
    """What was read: a layout and a folder's name, or the generator and its seed."""
    rows_count: int = 0
    """Rows (samples, or pods where the source lists pods) that were read."""
    rules: tuple[AppliedRule, ...] = ()
    """Every rule the reader knows, with its count; 0 where it was not needed."""
    assumptions: tuple[str, ...] = ()
    """What the source does not say and was assumed, one sentence each."""

    def count(self, name: str) -> int:
        """How often a rule was applied; 0 when it is not one of the reader's."""
        return next((rule.count for rule in self.rules if rule.name == name), 0)


@dataclass(frozen=True, slots=True)
class TracePod:
    """A pod of a trace and its life.

    Raises:
        InvalidValue: it ends before it arrives.
    """

    pod: Pod
    arrival_seconds: float
    """When it asks to be placed, Unix seconds of event time."""
    end_seconds: float = float("inf")
    """When it ends; infinite: it runs on."""
    gpu_models: tuple[str, ...] = ()
    """GPU models it may run on; empty: any."""

    def __post_init__(self) -> None:
        if not self.end_seconds > self.arrival_seconds:
            raise InvalidValue(f"pod {self.pod.uid} ends before it arrives", field="end_seconds", expected="after arrival_seconds")


@dataclass(frozen=True)
class Trace:
    """Pods and what they use over time.

    Column ``s`` of a usage matrix is the mean over ``start_seconds + s * step_seconds`` and one step on. A row means something only
    between its pod's arrival and end. NaN: not known.

    Raises:
        WrongShape: a matrix is not float32 of pods x steps.
        Duplicate: two pods share a uid.
        InvalidValue: the step is not > 0, or there is no pod or no step.
    """

    name: str
    step_seconds: float
    start_seconds: float
    """Unix seconds, > 0, a multiple of the step."""
    pods: tuple[TracePod, ...]
    """By arrival."""
    cpu_used_cores: Matrix
    """shape (pods, steps), float32, cores, >= 0, NaN unknown."""
    memory_used_bytes: Matrix
    """shape (pods, steps), float32, bytes, >= 0, NaN unknown."""
    nodes: tuple[Node, ...] = ()
    """The cluster the trace came with; empty: the caller chooses one."""
    io: Matrix | None = None
    """shape (pods, steps, 4), float32, bytes per second in the order of ``IO_METRICS``; None: the source has none."""
    report: TraceReport = field(default_factory=TraceReport)

    def __post_init__(self) -> None:
        if not self.pods or self.cpu_used_cores.shape[-1] == 0:
            raise InvalidValue(f"trace {self.name} has no pod or no step", field="pods", expected="at least one of each")
        if not self.step_seconds > 0 or not self.start_seconds > 0:
            raise InvalidValue("a trace needs a step and a start", field="step_seconds, start_seconds", expected="seconds > 0")
        shape = (len(self.pods), self.cpu_used_cores.shape[-1])
        for name, matrix in (("cpu_used_cores", self.cpu_used_cores), ("memory_used_bytes", self.memory_used_bytes)):
            if matrix.shape != shape or matrix.dtype != np.float32:
                shown = f"{matrix.dtype} of shape {matrix.shape}"
                raise WrongShape(shown, field=name, expected=f"float32 of shape {shape}")
        if self.io is not None and (self.io.shape != (*shape, len(IO_METRICS)) or self.io.dtype != np.float32):
            raise WrongShape(f"{self.io.dtype} of shape {self.io.shape}", field="io", expected=f"float32 of {(*shape, 4)}")
        if len(self.row_by_uid) != len(self.pods):
            raise Duplicate("two pods share a uid", field="pods", expected="uids without repeats")

    @cached_property
    def row_by_uid(self) -> dict[str, int]:
        """Row of each pod by its uid."""
        return {trace_pod.pod.uid: row for row, trace_pod in enumerate(self.pods)}

    @property
    def steps_count(self) -> int:
        """Number of steps."""
        return int(self.cpu_used_cores.shape[1])

    @cached_property
    def memory_known(self) -> bool:
        """Whether any use of memory is known."""
        return not bool(np.isnan(_distinct(self.memory_used_bytes)).all())

    @property
    def end_seconds(self) -> float:
        """End of the last step, Unix seconds."""
        return self.start_seconds + self.steps_count * self.step_seconds

    def step_at(self, time_seconds: float) -> int:
        """The step that a moment falls in, kept within the trace: its first or last step for a moment outside."""
        step = int((time_seconds - self.start_seconds) // self.step_seconds)
        return min(max(step, 0), self.steps_count - 1)

    def digest(self) -> str:
        """SHA-256 over pods, lives and usage: two traces with the same digest replay alike."""
        sha = hashlib.sha256(repr((self.name, self.step_seconds, self.start_seconds, self.pods, self.nodes)).encode())
        for matrix in (self.cpu_used_cores, self.memory_used_bytes):
            sha.update(f"{matrix.shape}".encode())
            sha.update(np.ascontiguousarray(_distinct(matrix)).tobytes())
        return sha.hexdigest()


def _distinct(matrix: Matrix) -> Matrix:
    """The columns that can differ: one, where a reader repeats it as a view (use that does not change)."""
    return matrix[:, :1] if matrix.strides[1] == 0 else matrix
