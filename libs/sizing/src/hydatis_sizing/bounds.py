"""How far advice is followed: never above what the owner asked for, never below floors, a LimitRange, or a day's step.

Advice comes from a program that may be wrong. Whatever it says, what is applied lies between these bounds, and every time that one
of them holds is counted by its cause: a recommender that goes astray is seen in the counts before it is felt.

Only requests are set; limits stay the owner's. So a LimitRange's maximum and a ResourceQuota, which bound from above, hold as they
held for the owner. From below a request has to be at least

    the LimitRange's min,    limit / maxLimitRequestRatio,    last applied / (factor a day) ^ (days since then, at most 1)

for a container, and the first two for a pod's sum, which lifts all of its containers by the same share of their way back.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["CAUSES", "Bounds", "ContainerRequest", "Range", "bounded_pod", "shrink_floor"]

#: Cause -> what it means that advice was not followed to the letter.
CAUSES: dict[str, str] = {
    "refused": "not an amount, or above the bound beyond which nothing is believed: the owner's request stays",
    "owner": "more than the owner asked for",
    "floor": "below the smallest request that is ever set",
    "limit-range": "below a LimitRange's min or its limit/request ratio for containers",
    "rate": "a greater step down than a day allows",
    "limit-range-pod": "the pod's sum is below a LimitRange's min or its limit/request ratio for pods",
}


@dataclass(frozen=True, slots=True)
class Range:
    """What a LimitRange says of one resource, for containers or for pods. Several of them: the strictest of each."""

    least: float = 0.0
    """``min``, >= 0."""
    most_limit_ratio: float = math.inf
    """``maxLimitRequestRatio``, >= 1."""

    def least_request(self, limit: float) -> float:
        """What a request has to be at least beside this limit; NaN: no limit."""
        return self.least if math.isnan(limit) else max(self.least, limit / self.most_limit_ratio)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one resource, in its unit (cores or bytes)."""

    floor: float
    """No request is set below, > 0; an owner who asked for less keeps that."""
    most_shrink_per_day: float = 2.0
    """A request may be divided by so much in a day, >= 1."""
    most_growth_ratio: float = 10.0
    """Advice above so many times the owner's request is refused, >= 1."""


@dataclass(frozen=True, slots=True)
class ContainerRequest:
    """One resource of one container, in cores or bytes."""

    owned: float
    """The owner's request, > 0; NaN or 0: none, and none is set."""
    advised: float
    """NaN: nothing is advised, the owner's stays."""
    limit: float = math.nan
    """The owner's limit; NaN: none."""
    least: float = 0.0
    """``shrink_floor`` of what was last applied, >= 0."""


def shrink_floor(last_applied: float, days_since: float, most_shrink_per_day: float) -> float:
    """The lowest request that may follow the last one.

    Args:
        last_applied: the request, > 0; the owner's when none was applied yet (with ``days_since`` 1: the first step may be taken).
        days_since: then; more than one day counts as one, so that what was steady for a month is no licence to fall at once.
        most_shrink_per_day: divides, >= 1.

    Returns:
        In the unit of the request. Steps in between do not matter: half a day and half a day allow as much as a day.

    >>> shrink_floor(800.0, 1.0, 2.0), shrink_floor(800.0, 0.0, 2.0), shrink_floor(800.0, 30.0, 2.0)
    (400.0, 800.0, 400.0)
    """
    return float(last_applied / most_shrink_per_day ** min(max(days_since, 0.0), 1.0))


def bounded_pod(
    containers: Sequence[ContainerRequest],
    bounds: Bounds,
    *,
    of_container: Range | None = None,
    of_pod: Range | None = None,
    pod_limit: float = math.nan,
) -> tuple[list[float], Counter[str]]:
    """Requests of one resource for the containers of a pod.

    Args:
        containers: all that run side by side (init containers apart), in the pod's order.
        bounds: of the resource.
        of_container: LimitRange for containers.
        of_pod: LimitRange for pods.
        pod_limit: the pod's effective limit (the larger of the sum over containers and of any init container); NaN: none.

    Returns:
        (requests in the same order, NaN where the owner set none; how often each of ``CAUSES`` held).
    """
    of_container, of_pod = of_container or Range(), of_pod or Range()
    causes: Counter[str] = Counter()
    requests = [_bounded(container, bounds, of_container, causes) for container in containers]
    needed = of_pod.least_request(pod_limit)
    total = math.fsum(request for request in requests if not math.isnan(request))
    if total < needed:
        causes["limit-range-pod"] += 1
        whole = math.fsum(container.owned for container in containers if container.owned > 0)
        back = min((needed - total) / (whole - total), 1.0) if whole > total else 1.0
        requests = [
            # The last step to the owner's is taken exactly, and rounding is upwards: a sum a hair below the minimum is refused.
            container.owned
            if back == 1.0
            else min(math.nextafter(request + back * (container.owned - request), math.inf), container.owned)
            for container, request in zip(containers, requests, strict=True)
        ]
    return requests, causes


def _bounded(container: ContainerRequest, bounds: Bounds, of_container: Range, causes: Counter[str]) -> float:
    owned, advised = container.owned, container.advised
    if not owned > 0:
        return math.nan
    if math.isnan(advised):
        return owned
    if not 0 < advised <= bounds.most_growth_ratio * owned:
        causes["refused"] += 1
        return owned
    if advised > owned:
        causes["owner"] += 1
        return owned
    lowest = {"floor": bounds.floor, "limit-range": of_container.least_request(container.limit), "rate": container.least}
    cause = max(lowest, key=lambda name: lowest[name])
    if advised < lowest[cause]:
        causes[cause] += 1
    return min(max(advised, lowest[cause]), owned)
