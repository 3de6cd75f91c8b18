"""What is known of a cluster's past: the one form that captures end in and that every analysis works on.

A row is a container of a pod. Pods come and go with every rollout, but what a workload asks for is decided once for all of them: so
a row is a *replica's* container, whose pods stand one after the other in it, the newest giving the row its name. Thirty days of a
Deployment that was rolled out daily are as many rows as it has replicas now or had at most at one time.

Arrays may be memory maps of several gigabytes: work by rows or by days, never on copies of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue, WrongShape
from hydatis_core.nodes import Node
from hydatis_sizing.recommendation import Amounts, ContainerName
from numpy.typing import NDArray

__all__ = ["CPU", "DAY_SECONDS", "MEMORY", "NOTHING", "ClusterUse", "ContainerRow", "Gap", "cluster_use"]

DAY_SECONDS = 86_400.0
#: First axis of use, of requests and of limits.
CPU, MEMORY = 0, 1
#: Nothing is set.
NOTHING = Amounts(math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class ContainerRow:
    """A container of a replica, and what decides whether a machine may size it."""

    name: ContainerName
    """Alike in all replicas."""
    pod: str
    """The newest pod of the replica."""
    running: bool = True
    """Whether that pod was there at the end; what is not running asks for nothing now."""
    requests: Amounts = NOTHING
    """As the owner wrote them, before anyone sized them; NaN: none."""
    limits: Amounts = NOTHING
    """The same of limits."""
    qos: str = "Burstable"
    """Guaranteed, Burstable or BestEffort: of the whole pod."""
    hpa_resources: frozenset[str] = frozenset()
    """"cpu", "memory": what a HorizontalPodAutoscaler scales this container's workload by the utilisation of."""
    vpa: bool = False
    """Whether a VerticalPodAutoscaler object targets the workload."""
    is_sidecar: bool = False
    """Whether it is an init container that runs on beside the others; nobody resizes those."""
    right_size: str = ""
    """Annotation ``hydatis.io/right-size`` of the pod: "off" forbids, "on" asks for DaemonSets; empty: none."""

    @property
    def kind(self) -> str:
        """Of the owner: "Deployment"; "Static": kubelet's own; empty: a bare pod."""
        return self.name.workload.partition("/")[0] if "/" in self.name.workload else ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A while in which nothing is known of any container: nobody measured, or nobody remembers."""

    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class ClusterUse:
    """Rows, what they used, and what happened to them.

    Raises:
        WrongShape: arrays do not agree with rows and steps.
        InvalidValue: the step does not divide a day, or a node's index is out of range.
        Duplicate: two nodes share a name.
    """

    source: str
    """What was read, for the head of a report; no credentials, no path of this machine."""
    start_seconds: float
    """Unix seconds at which the first step begins."""
    step_seconds: float
    """> 0, a part of a day."""
    nodes: tuple[Node, ...]
    rows: tuple[ContainerRow, ...]
    """By workload, then container, then pod."""
    use: NDArray[np.float32]
    """shape (2, rows, steps): cores, the mean over the step that begins at start + s * step; bytes, the maximum over it.
    >= 0; NaN: not known, or not running."""
    node_by_day: NDArray[np.int32]
    """shape (rows, days): where the row's pod ran last that day, index into ``nodes``; -1: nowhere, or not known."""
    throttled_ratio: NDArray[np.float32]
    """shape (rows, days), 0..1: share of CFS periods in which it was held back at its CPU limit; NaN: not known."""
    kills_count: NDArray[np.float32]
    """shape (rows, days): times it was killed for want of memory, >= 0; NaN: not known."""
    killed_at_bytes: NDArray[np.float64]
    """shape (rows, days): greatest memory limit at which that happened, or what was used, where there is no limit; NaN: it did not
    happen, or nothing is known."""
    gaps: tuple[Gap, ...] = ()
    """Ascending."""
    notes: tuple[str, ...] = ()
    """What was odd about the source and what was done about it, a sentence each."""
    nodes_told: bool = True
    """False: the source has no nodes; ``nodes`` were made up, and ``node_by_day`` says nothing."""

    def __post_init__(self) -> None:
        steps = DAY_SECONDS / self.step_seconds if self.step_seconds > 0 else 0.0
        if steps < 1 or steps != round(steps):
            raise InvalidValue(f"a step of {self.step_seconds!r} s", field="step_seconds", expected="a part of a day, such as 300")
        rows = len(self.rows)
        if self.use.shape[:2] != (2, rows) or self.use.ndim != 3 or self.use.dtype != np.float32:
            raise WrongShape(f"{self.use.dtype} of {self.use.shape}", field="use", expected=f"float32 of (2, {rows}, steps)")
        if self.use.shape[2] % self.steps_a_day:
            raise WrongShape(f"{self.use.shape[2]} steps", field="use", expected=f"whole days of {self.steps_a_day} steps")
        for name in ("node_by_day", "throttled_ratio", "kills_count", "killed_at_bytes"):
            shape = getattr(self, name).shape
            if shape != (rows, self.days_count):
                raise WrongShape(f"shape {shape}", field=name, expected=f"({rows}, {self.days_count})")
        if self.node_by_day.size and not -1 <= self.node_by_day.min() <= self.node_by_day.max() < max(len(self.nodes), 1):
            raise InvalidValue("a node that is not there", field="node_by_day", expected=f"-1 to {len(self.nodes) - 1}")
        if len({node.name for node in self.nodes}) != len(self.nodes):
            raise Duplicate("two nodes share a name", field="nodes", expected="names without repeats")

    @property
    def steps_count(self) -> int:
        """Steps of all days."""
        return int(self.use.shape[2])

    @property
    def steps_a_day(self) -> int:
        """Steps of a day."""
        return round(DAY_SECONDS / self.step_seconds)

    @property
    def days_count(self) -> int:
        """Days, whole ones, from ``start_seconds`` on."""
        return self.steps_count // self.steps_a_day

    @property
    def end_seconds(self) -> float:
        """End of the last step, Unix seconds."""
        return self.start_seconds + self.steps_count * self.step_seconds

    def day(self, number: int) -> NDArray[np.float32]:
        """A view, shape (2, rows, steps a day), of one day."""
        first = number * self.steps_a_day
        return self.use[:, :, first : first + self.steps_a_day]

    @cached_property
    def requests(self) -> NDArray[np.float64]:
        """shape (2, rows): owners' requests, cores and bytes; NaN: none."""
        return _amounts([row.requests for row in self.rows])

    @cached_property
    def limits(self) -> NDArray[np.float64]:
        """shape (2, rows): owners' limits; NaN: none."""
        return _amounts([row.limits for row in self.rows])

    @cached_property
    def running(self) -> NDArray[np.bool_]:
        """shape (rows,): which run at the end."""
        return np.array([row.running for row in self.rows], dtype=np.bool_)

    @cached_property
    def rows_of(self) -> dict[ContainerName, NDArray[np.intp]]:
        """Rows of the replicas of each container of a workload, sorted by name."""
        found: dict[ContainerName, list[int]] = {}
        for row, one in enumerate(self.rows):
            found.setdefault(one.name, []).append(row)
        return {name: np.array(found[name], dtype=np.intp) for name in sorted(found)}

    def pods(self) -> Iterator[tuple[tuple[str, str], NDArray[np.intp]]]:
        """(namespace, pod) and the rows of its containers: what is placed together."""
        found: dict[tuple[str, str], list[int]] = {}
        for row, one in enumerate(self.rows):
            found.setdefault((one.name.namespace, one.pod), []).append(row)
        for pod, rows in found.items():
            yield pod, np.array(rows, dtype=np.intp)


def cluster_use(
    rows: Sequence[ContainerRow],
    use: NDArray[np.floating],
    *,
    nodes: Sequence[Node] = (),
    node_by_day: NDArray[np.integer] | None = None,
    throttled_ratio: NDArray[np.floating] | None = None,
    kills_count: NDArray[np.floating] | None = None,
    killed_at_bytes: NDArray[np.floating] | None = None,
    start_seconds: float = 1_767_225_600.0,
    step_seconds: float = 300.0,
    gaps: Sequence[Gap] = (),
    source: str = "memory",
) -> ClusterUse:
    """One that is made of arrays in memory; what is not said is not known. Times begin with 2026.

    Args:
        rows: containers.
        use: shape (2, rows, steps), whole days.
        nodes: of the cluster.
        node_by_day: shape (rows, days); None: -1.
        throttled_ratio: shape (rows, days); None: NaN.
        kills_count: the same.
        killed_at_bytes: the same.
        start_seconds: Unix seconds.
        step_seconds: a part of a day.
        gaps: when nothing is known.
        source: what it is called.

    Raises:
        WrongShape, InvalidValue, Duplicate: as of ``ClusterUse``.
    """
    days = (len(rows), round(use.shape[-1] * step_seconds / DAY_SECONDS))
    unknown = np.full(days, np.nan)

    def told(array: NDArray[np.floating] | None) -> NDArray[np.floating]:
        return unknown if array is None else array

    return ClusterUse(
        source=source,
        start_seconds=start_seconds,
        step_seconds=step_seconds,
        nodes=tuple(nodes),
        rows=tuple(rows),
        use=np.asarray(use, dtype=np.float32),
        node_by_day=np.full(days, -1, np.int32) if node_by_day is None else node_by_day.astype(np.int32),
        throttled_ratio=told(throttled_ratio).astype(np.float32),
        kills_count=told(kills_count).astype(np.float32),
        killed_at_bytes=told(killed_at_bytes).astype(np.float64),
        gaps=tuple(gaps),
    )


def _amounts(told: Sequence[Amounts]) -> NDArray[np.float64]:
    return np.array([[one.cpu_cores for one in told], [one.memory_bytes for one in told]], dtype=np.float64).reshape(2, len(told))
