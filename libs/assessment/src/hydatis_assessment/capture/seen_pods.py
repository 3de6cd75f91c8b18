"""Who was seen in the days of a capture: pods and their lives, their containers, whose they were, and when nobody was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hydatis_sizing.recommendation import ContainerName
from numpy.typing import NDArray

from hydatis_assessment.capture.cluster_objects import ClusterNow
from hydatis_assessment.capture.folder import CaptureFolder
from hydatis_assessment.capture.owners import PodKey, past_workload
from hydatis_assessment.capture.question import Question
from hydatis_assessment.capture.replicas import Life, chained
from hydatis_assessment.cluster_use import DAY_SECONDS, Gap

__all__ = ["SeenPods", "seen_pods"]


@dataclass(frozen=True)
class SeenPods:
    """All pods of a capture and of now."""

    lives: dict[PodKey, Life]
    containers: dict[PodKey, set[str]]
    """Names by pod."""
    workloads: dict[PodKey, str]
    """Kind and name; empty: nobody says it."""
    first_day: int
    """The first on which anything was measured; as many as there are: none."""
    gaps: tuple[Gap, ...]
    """From that day on."""

    def replicas(self) -> list[list[PodKey]]:
        """Pods of each replica, by time; one of no workload is alone."""
        found: list[list[PodKey]] = []
        by_workload: dict[tuple[str, str], list[PodKey]] = {}
        for pod, workload in self.workloads.items():
            if workload:
                by_workload.setdefault((pod[0], workload), []).append(pod)
            else:
                found.append([pod])
        for pods in by_workload.values():
            found += [[pods[at] for at in chain] for chain in chained([self.lives[pod] for pod in pods])]
        return found


def seen_pods(folder: CaptureFolder, asked: Question, now: ClusterNow) -> SeenPods:
    """Looks through all days.

    Raises:
        ArtifactRefused: a day is damaged.
    """
    spans: dict[PodKey, tuple[float, float]] = {}
    containers: dict[PodKey, set[str]] = {}
    owners: dict[PodKey, str] = {}
    set_owners: dict[PodKey, str] = {}
    measured = np.zeros(asked.days * asked.steps_a_day, dtype=np.bool_)
    for number in range(asked.days):
        day = folder.day(number)
        owners |= day.owners
        set_owners |= day.set_owners
        known = np.asarray(~np.isnan(day.use).all(axis=0))
        start = asked.start_seconds + number * DAY_SECONDS
        first = start + known.argmax(axis=1) * asked.step_seconds
        last = start + (known.shape[1] - known[:, ::-1].argmax(axis=1)) * asked.step_seconds
        for row, (namespace, name, container) in enumerate(day.keys):
            began, ended = spans.get((namespace, name), (math.inf, -math.inf))
            spans[namespace, name] = min(began, float(first[row])), max(ended, float(last[row]))
            containers.setdefault((namespace, name), set()).add(container)
        measured[number * asked.steps_a_day :][: asked.steps_a_day] = known.any(axis=0)
    known_now = {(pod[0], rows[0].name.workload) for pod, rows in now.rows.items() if rows}
    workloads = {
        pod: now.rows[pod][0].name.workload if now.rows.get(pod) else past_workload(pod, owners, set_owners, known_now)
        for pod in sorted(spans.keys() | now.rows.keys())
    }
    lives = {pod: Life(*spans.get(pod, (asked.end_seconds, asked.end_seconds))) for pod in workloads}
    lives |= {pod: Life(lives[pod].first_seconds, math.inf) for pod in now.rows}
    for pod, rows in now.rows.items():
        containers.setdefault(pod, set()).update(row.name.container for row in rows)
    for pod, names in containers.items():
        names -= {name for name in names if ContainerName(pod[0], workloads[pod], name) in now.init_containers}
    first_day = int(measured.argmax()) // asked.steps_a_day if measured.any() else asked.days
    return SeenPods(lives, containers, workloads, first_day, _gaps(measured, first_day, asked))


def _gaps(measured: NDArray[np.bool_], first_day: int, asked: Question) -> tuple[Gap, ...]:
    start = first_day * asked.steps_a_day
    edges = np.flatnonzero(np.diff(np.concatenate([[True], measured[start:], [True]]).astype(np.int8)))
    times = asked.start_seconds + (start + edges) * asked.step_seconds
    return tuple(Gap(float(one), float(other)) for one, other in times.reshape(-1, 2))
