"""Advice for the containers of a cluster from its captured past: the book of use is filled day by day, whatever the past weighs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from hydatis_sizing.daily_use import DailyUse, DayOfUse
from hydatis_sizing.ours import RightSizing
from hydatis_sizing.recommend import Container, recommend
from hydatis_sizing.recommendation import Amounts, Recommendation
from hydatis_sizing.untouched import Rules
from numpy.typing import NDArray

from hydatis_assessment.analysis.left_alone import facts_of
from hydatis_assessment.cluster_use import CPU, MEMORY, ClusterUse

__all__ = ["THROTTLED_RATIO", "advice", "advice_by_choice"]

#: Held back in so many of a day's periods: what CPU was used that day says what was allowed, not what was wanted.
THROTTLED_RATIO = 0.25


def advice(use: ClusterUse, method: RightSizing | None = None, rules: Rules | None = None) -> list[Recommendation]:
    """Advice for every container of every workload that runs or whose requests are known.

    Pods without a workload and sidecars are left out: there is no template of the one, and nobody resizes the other. A CPU request
    is never advised above the CPU limit, beyond which the API server would refuse it.

    Args:
        use: the past.
        method: how; None: what the benchmark judges.
        rules: what is believed.

    Returns:
        By container, sorted.
    """
    return advice_by_choice(use, {"": method or RightSizing()}, rules)[""]


def advice_by_choice(
    use: ClusterUse, choices: Mapping[str, RightSizing], rules: Rules | None = None
) -> dict[str, list[Recommendation]]:
    """The same by each of several methods, from one book: days are read once.

    Args:
        use: the past.
        choices: methods by name, such as ``hydatis_sizing.ours.CHOICES``.
        rules: what is believed.
    """
    groups = [(name, rows[np.argsort(~use.running[rows], kind="stable")]) for name, rows in use.rows_of.items() if name.workload]
    groups = [(name, rows) for name, rows in groups if not use.rows[rows[0]].is_sidecar and _matters(use, rows)]
    group_of = np.full(len(use.rows), -1, dtype=np.intp)
    containers = []
    for group, (name, rows) in enumerate(groups):
        group_of[rows] = group
        first = use.rows[rows[0]]  # one that runs, if any does
        containers.append(Container(name, int(use.running[rows].sum()), facts_of(first), first.limits.memory_bytes))
    if not containers:
        return {choice: [] for choice in choices}
    book = _book(use)
    found = {}
    for choice, method in choices.items():
        made = recommend(book, group_of, containers, made_at_seconds=use.end_seconds, method=method, rules=rules)
        found[choice] = [_within_limit(one, use.rows[rows[0]].limits) for one, (_, rows) in zip(made, groups, strict=True)]
    return found


def _matters(use: ClusterUse, rows: NDArray[np.intp]) -> bool:
    return bool(use.running[rows].any() or not np.isnan(use.requests[:, rows]).all())


def _book(use: ClusterUse) -> DailyUse:
    book = DailyUse(len(use.rows), use.steps_a_day)
    for number in range(use.days_count):
        day = use.day(number)
        held_back = np.nan_to_num(use.throttled_ratio[:, number])[:, None] >= THROTTLED_RATIO
        told = DayOfUse(
            day[CPU], day[MEMORY], np.broadcast_to(held_back, day.shape[1:]), killed_at_bytes=use.killed_at_bytes[:, number]
        )
        book.absorb(number, told)
    return book


def _within_limit(one: Recommendation, limits: Amounts) -> Recommendation:
    if not one.requests.cpu_cores > limits.cpu_cores:
        return one
    return replace(one, requests=Amounts(limits.cpu_cores, one.requests.memory_bytes))
