"""Whether the risk that a recommendation states is the risk that comes: advice of every midnight beside the day that followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_sizing.daily_use import DailyUse, DayOfUse
from hydatis_sizing.past import Past
from hydatis_sizing.recommend import Container, recommend
from hydatis_sizing.recommendation import Amounts, ContainerName
from hydatis_sizing.untouched import Facts
from numpy.typing import NDArray

__all__ = ["Compared", "expected_and_seen"]

_BINS_COUNT = 4
_DAY_SECONDS = 86400.0
_LOW_LIMIT_BYTES = 1.0


@dataclass(frozen=True, slots=True)
class Compared:
    """Pod-days of like expectation. Ratios 0..1."""

    pod_days_count: int
    expected: float
    """Mean of what was stated."""
    seen: float
    """Mean of what came."""


def expected_and_seen(use: Past, history_days: int) -> dict[str, list[Compared]]:
    """By risk: all pod-days, then fourths of them by expectation, the least first.

    Args:
        use: all days, a pod a row.
        history_days: days before the first that is judged.

    Returns:
        "cpu_above_ratio", share of time; "memory_above_ratio", the same; "kills_per_pod_day", days on which the limit is passed.
        Pods that were advised what their owners asked for, or more, are left out.
    """
    pods, days, samples = use.cpu_cores.shape
    owned = use.provisioned
    # Limits as if the owners' were too low: advice never lowers one, and its own margin is what is judged here.
    containers = [
        Container(ContainerName("trace", f"machine/{pod}", "machine"), 1, Facts(Amounts(*owned[:, pod].tolist())), _LOW_LIMIT_BYTES)
        for pod in range(pods)
    ]
    book = DailyUse(pods, samples)
    stated: list[NDArray[np.float64]] = []
    came: list[NDArray[np.float64]] = []
    for day in range(days):
        if day >= history_days:
            made = recommend(book, np.arange(pods), containers, made_at_seconds=day * _DAY_SECONDS)
            advised = np.array([[one.requests.cpu_cores, one.requests.memory_bytes, one.memory_limit_bytes] for one in made]).T
            risks = np.array(
                [[one.risk.cpu_above_ratio, one.risk.memory_above_ratio, one.risk.kills_per_pod_day] for one in made]
            ).T
            today = np.stack([use.cpu_cores[:, day], use.memory_bytes[:, day], use.memory_bytes[:, day]])
            known = ~np.isnan(today)
            counts = known.sum(axis=2)
            above = np.divide(
                (today > advised[:, :, None]).sum(axis=2), counts, out=np.full(counts.shape, np.nan), where=counts > 0
            )
            above[2] = np.where(np.isnan(above[2]), np.nan, above[2] > 0)
            smaller = advised < owned[[0, 1, 1]]
            stated.append(np.where(smaller & (counts > 0), risks, np.nan))
            came.append(above)
        book.absorb(day, DayOfUse(use.cpu_cores[:, day], use.memory_bytes[:, day]))
    names = ("cpu_above_ratio", "memory_above_ratio", "kills_per_pod_day")
    return {
        name: _binned(np.concatenate([one[risk] for one in stated]), np.concatenate([one[risk] for one in came]))
        for risk, name in enumerate(names)
    }


def _binned(stated: NDArray[np.float64], came: NDArray[np.float64]) -> list[Compared]:
    kept = ~np.isnan(stated)
    order = np.argsort(stated[kept], kind="stable")
    stated, came = stated[kept][order], came[kept][order]
    parts = [np.arange(len(stated)), *np.array_split(np.arange(len(stated)), _BINS_COUNT)]
    return [Compared(len(part), float(stated[part].mean()), float(came[part].mean())) for part in parts if len(part)]
