"""Pods that follow each other are one replica: a rollout ends a pod and begins another that does its work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["OVERLAP_SECONDS", "Life", "chained"]

#: A rollout begins the new pod before it ends the old one: so long they may stand side by side and still be one replica.
OVERLAP_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Life:
    """When a pod was seen."""

    first_seconds: float
    last_seconds: float
    """Infinite: it runs."""


def chained(lives: Sequence[Life]) -> list[list[int]]:
    """Which pods of a workload make up each replica.

    In the order in which they began, each pod takes over from the one that ended last before it, or becomes a replica of its own.
    So there are no more replicas than pods ran side by side at one time.

    Args:
        lives: of all pods of one workload.

    Returns:
        Positions in ``lives`` for each replica, by time.

    >>> import math
    >>> chained([Life(0, 100), Life(0, math.inf), Life(50, math.inf)])
    [[0, 2], [1]]
    """
    replicas: list[list[int]] = []
    ends: list[float] = []
    for pod in sorted(range(len(lives)), key=lambda one: (lives[one].first_seconds, lives[one].last_seconds)):
        latest = lives[pod].first_seconds + OVERLAP_SECONDS
        # an overlap is a part of a life: what was short itself ran beside the other
        free = [
            row
            for row, end in enumerate(ends)
            if end <= latest and lives[replicas[row][-1]].first_seconds < lives[pod].first_seconds
        ]
        if not free:
            replicas.append([pod])
            ends.append(lives[pod].last_seconds)
            continue
        row = max(free, key=lambda one: ends[one])
        replicas[row].append(pod)
        ends[row] = max(ends[row], lives[pod].last_seconds)
    return replicas
