"""Days become a whole: pods that are gone stand in the rows of their replicas, numbers in one array that is mapped and not read."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_sizing.recommendation import ContainerName
from numpy.typing import NDArray

from hydatis_assessment.capture.captured_day import CapturedDay
from hydatis_assessment.capture.cluster_objects import ClusterNow
from hydatis_assessment.capture.folder import CaptureFolder
from hydatis_assessment.capture.owners import PodKey
from hydatis_assessment.capture.question import Question
from hydatis_assessment.capture.seen_pods import SeenPods, seen_pods
from hydatis_assessment.capture.whole_store import Head, open_whole, use_file, write_whole
from hydatis_assessment.cluster_use import DAY_SECONDS, MEMORY, ClusterUse, ContainerRow

__all__ = ["assemble"]

#: Row by (pod, container).
_RowOf = Mapping[tuple[PodKey, str], int]


def assemble(folder: CaptureFolder, asked: Question, now: ClusterNow) -> ClusterUse:
    """Makes the whole of a capture whose days are all there, and lets the days go.

    Args:
        folder: with the days.
        asked: its question.
        now: the cluster as it is.

    Returns:
        The whole, mapped from the folder; days before anything was measured are left out.

    Raises:
        InvalidValue: nothing was measured.
        ArtifactRefused: a day is damaged.
    """
    pods = seen_pods(folder, asked, now)
    if pods.first_day == asked.days:
        shown = f"{asked.prometheus} knows no container's use in {asked.days} days"
        expected = "cAdvisor's metrics with namespace, pod and container, as kubelet exports them; before asking again delete "
        raise InvalidValue(shown, field="--prometheus", expected=f"{expected}{folder.path}")
    rows, row_of = _rows(pods, now)
    days = range(pods.first_day, asked.days)
    told = _Told(rows, len(days), asked.steps_a_day)
    with use_file(folder.path, (2, len(rows), len(days) * asked.steps_a_day)) as put:
        for column, number in enumerate(days):
            put(column * asked.steps_a_day, told.day(folder.day(number), column, row_of, pods, now))
    notes = [*now.notes, *(f"Prometheus warned: {warning}" for warning in folder.warnings)]
    if days[0]:
        notes.append(f"Prometheus knows nothing of the first {days[0]} of {asked.days} days.")
    head = Head(
        source=f"Prometheus {asked.prometheus}",
        start_seconds=asked.start_seconds + days[0] * DAY_SECONDS,
        step_seconds=asked.step_seconds,
        gaps=pods.gaps,
        notes=tuple(notes),
    )
    write_whole(folder, head, now.nodes, rows, told.arrays)
    return open_whole(folder)


class _Told:
    """What is told of rows day by day."""

    def __init__(self, rows: Sequence[ContainerRow], days_count: int, steps_a_day: int) -> None:
        shape = (len(rows), days_count)
        self.node_by_day = np.full(shape, -1, dtype=np.int32)
        self.throttled_ratio = np.full(shape, np.nan, dtype=np.float32)
        self.kills_count = np.full(shape, np.nan, dtype=np.float32)
        self.killed_at_bytes = np.full(shape, np.nan, dtype=np.float64)
        self._steps_a_day = steps_a_day
        self._limits_now = [row.limits.memory_bytes for row in rows]

    @property
    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """By name."""
        return {name: array for name, array in vars(self).items() if isinstance(array, np.ndarray)}

    def day(self, day: CapturedDay, column: int, row_of: _RowOf, pods: SeenPods, now: ClusterNow) -> NDArray[np.float32]:
        """Takes a day.

        Returns:
            shape (2, rows, steps a day): its use, the newer pod's where two of a replica overlap.
        """
        use = np.full((2, len(self.node_by_day), self._steps_a_day), np.nan, dtype=np.float32)
        node_of = {node.name: number for number, node in enumerate(now.nodes)}
        first = [pods.lives[namespace, pod].first_seconds for namespace, pod, _ in day.keys]
        for key in sorted(range(len(day.keys)), key=first.__getitem__):
            namespace, name, container = day.keys[key]
            row = row_of.get(((namespace, name), container), -1)
            if row < 0:
                continue
            own = day.use[:, key]
            use[:, row] = np.where(np.isnan(own), use[:, row], own)
            node = day.nodes.get((namespace, name)) or now.placed.get((namespace, name), "")
            self.node_by_day[row, column] = node_of.get(node, -1)
            for array, values in (
                (self.throttled_ratio, day.throttled_ratio),
                (self.kills_count, day.kills_count),
                (self.killed_at_bytes, day.killed_at_bytes),
            ):
                array[row, column] = np.fmax(array[row, column], values[key])
        # Of a kill at a limit that nobody told: the limit that it has now, else its node was out of memory, and it wanted at least
        # what it had. A kill must not pass for none.
        unknown = (self.kills_count[:, column] > 0) & np.isnan(self.killed_at_bytes[:, column])
        for row in np.flatnonzero(unknown).tolist():
            limit = self._limits_now[row]
            self.killed_at_bytes[row, column] = np.fmax.reduce(use[MEMORY, row]) if math.isnan(limit) else limit
        return use


def _rows(pods: SeenPods, now: ClusterNow) -> tuple[list[ContainerRow], dict[tuple[PodKey, str], int]]:
    """Rows in their order, and which of them each pod's containers are in."""
    # what a container of a pod that is gone would ask for, were it there
    templates = {**now.templates, **{row.name: row for rows in now.rows.values() for row in rows}}
    names_of: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for name in templates:
        names_of[name.namespace, name.workload].add(name.container)
    made: list[tuple[ContainerRow, list[tuple[PodKey, str]]]] = []
    for chain in pods.replicas():
        newest, workload = chain[-1], pods.workloads[chain[-1]]
        running = {row.name.container: row for row in now.rows.get(newest, ())}
        names = set().union(*(pods.containers.get(pod, set()) for pod in chain))
        told = names - {""} or names_of[newest[0], workload]
        for container in sorted(told):
            name = ContainerName(newest[0], workload, container)
            row = running.get(container) or replace(
                templates.get(name, ContainerRow(name, newest[1])), pod=newest[1], running=False
            )
            # the use of a whole pod is that of its only container; of several, nobody can tell whose it is
            known_as = (container, "") if len(told) == 1 else (container,)
            made.append((row, [(pod, one) for pod in chain for one in known_as]))
    made.sort(key=lambda one: (one[0].name, one[0].pod))
    return [row for row, _ in made], {key: number for number, (_, keys) in enumerate(made) for key in keys}
