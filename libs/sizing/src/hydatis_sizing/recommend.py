"""Advice for every container of every workload, from the book of their use, with what it risks.

Advice may be above what the owner asked for: then use passes the request, and the owner should know. Whoever applies advice takes
it within ``bounds``, which never go above the owner's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hydatis_sizing.cold_start import WIDE_MARGIN_RATIO, class_of, ratios_by_class
from hydatis_sizing.cpu_request import cpu_above_ratio
from hydatis_sizing.daily_use import DailyUse
from hydatis_sizing.memory_request import chance_passed_per_day, memory_above_ratio
from hydatis_sizing.ours import Needs, RightSizing
from hydatis_sizing.recommendation import Amounts, ContainerName, Recommendation, Risk
from hydatis_sizing.sizes import FLOORS
from hydatis_sizing.untouched import Facts, Rules, untouched

__all__ = ["Container", "recommend"]

_NOTHING = float("nan")
#: Reasons of one resource that leave its advice standing: whoever reads it may set a request where there is none.
_STANDING = ("", "no-request")


@dataclass(frozen=True, slots=True)
class Container:
    """What is asked about."""

    name: ContainerName
    pods_count: int
    """Running, >= 0."""
    facts: Facts
    """``owned`` and whatever else is known; advice and history are filled in here."""
    owned_memory_limit_bytes: float = _NOTHING
    """NaN: none."""


def recommend(
    book: DailyUse,
    group_of: NDArray[np.intp],
    containers: Sequence[Container],
    *,
    made_at_seconds: float,
    method: RightSizing | None = None,
    rules: Rules | None = None,
) -> list[Recommendation]:
    """One recommendation a container, in their order.

    Args:
        book: of use, a row per container of a pod.
        group_of: shape (rows,), which of ``containers`` each row is a replica of; -1: of none.
        containers: their owners' requests, and what speaks against sizing them.
        made_at_seconds: Unix seconds of the newest sample in the book.
        method: how; the default is what the benchmark judges.
        rules: what is believed.
    """
    method = method or RightSizing()
    owned = np.array([[one.facts.owned.cpu_cores, one.facts.owned.memory_bytes] for one in containers]).reshape(-1, 2).T
    needs = method.needs(book, group_of, len(containers))
    sizes = method.sizes(needs)
    # Where throttling hides what CPU is wanted, nobody shrinks: at least what was seen, and what the owner asked for.
    hidden = np.isinf(sizes.requests[0])
    at_least = np.fmax(owned[0], needs.cpu_peak_cores * (1.0 + method.cpu_margin_ratio))
    requests = np.stack([np.where(hidden, at_least, sizes.requests[0]), sizes.requests[1]])
    limits = sizes.memory_limits
    cold = needs.history_days < method.least_history_days
    if cold.any():
        requests = np.where(cold, _cold_requests(needs, owned, containers, cold), requests)
        limits = np.where(cold, requests[1] * (1.0 + method.limit_margin_ratio), limits)
    # A floor is not above what the owner asked for.
    floors = np.fmin(FLOORS[:, None], np.where(owned > 0, owned, np.inf))
    requests = np.maximum(requests, floors)
    # A limit reserves nothing: lowering one saves no node and can only kill, as does one that nobody asked for.
    owned_limits = np.array([one.owned_memory_limit_bytes for one in containers])
    limits = np.where(owned_limits > 0, np.fmax(owned_limits, np.maximum(limits, requests[1])), np.nan)
    risks = _risks(book, group_of, needs, requests, limits, hidden)
    made = []
    for group, container in enumerate(containers):
        advised = Amounts(*requests[:, group].tolist())
        history_days = float(needs.history_days[group])
        reason = untouched(replace(container.facts, advised=advised, history_days=history_days), rules)
        cpu_stands, memory_stands = ((bool(reason.whole) or one in _STANDING) for one in (reason.cpu, reason.memory))
        made.append(
            Recommendation(
                container=container.name,
                pods_count=container.pods_count,
                owned=container.facts.owned,
                owned_memory_limit_bytes=container.owned_memory_limit_bytes,
                requests=Amounts(
                    advised.cpu_cores if cpu_stands else _NOTHING, advised.memory_bytes if memory_stands else _NOTHING
                ),
                memory_limit_bytes=float(limits[group]) if memory_stands else _NOTHING,
                risk=Risk(*risks[:, group].tolist()),
                history_days=history_days,
                made_at_seconds=made_at_seconds,
                untouched=reason.whole,
            )
        )
    return made


def _cold_requests(
    needs: Needs, owned: NDArray[np.float64], containers: Sequence[Container], cold: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What the class needed, at most the owner's, and at least what was seen of it all the same; shape (2, groups)."""
    own = np.stack([needs.cpu_peak_cores, needs.memory_bytes])
    ratios = np.full(owned.shape, np.nan)
    np.divide(np.stack([needs.cpu_cores, needs.memory_bytes]), owned, out=ratios, where=owned > 0)
    classes = [class_of(one.name.namespace, one.facts.owned) for one in containers]
    by_class = np.minimum(ratios_by_class(ratios, classes, cold) * owned * (1.0 + WIDE_MARGIN_RATIO), owned)
    # NaN of the class wins: hours of one's own are no evidence.
    return np.maximum(by_class, np.nan_to_num(own))


def _risks(
    book: DailyUse,
    group_of: NDArray[np.intp],
    needs: Needs,
    requests: NDArray[np.float64],
    limits: NDArray[np.float64],
    hidden: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """(CPU above, memory above, kills a day), shape (3, groups)."""
    inside = group_of >= 0
    groups = group_of[inside]
    by_row = np.full((2, book.rows_count), np.nan)
    by_row[:, inside] = np.stack([requests[0], needs.history_days])[:, groups]
    above, weight = cpu_above_ratio(book, by_row[0], by_row[1]), needs.row_weights
    known = inside & ~np.isnan(above)
    sums, totals = (
        np.bincount(group_of[known], values[known], minlength=len(needs.cpu_cores)) for values in (above * weight, weight)
    )
    cpu = np.where(hidden | (totals <= 0), np.nan, sums / np.where(totals > 0, totals, 1.0))
    days = np.maximum(needs.history_days, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        margins = np.stack([requests[1], limits]) / needs.memory_bytes - 1.0
    memory = np.where(np.isnan(margins[0]), np.nan, memory_above_ratio(days, margins[0]))
    kills = np.where(np.isnan(margins[1]), np.nan, chance_passed_per_day(days, margins[1]))
    return np.stack([cpu, memory, np.where(np.isnan(limits) & ~np.isnan(requests[1]), 0.0, kills)])
