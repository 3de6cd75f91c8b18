"""One step of what is in force towards what is advised: pure, and as far as a day allows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from hydatis_core.errors import HydatisError
from hydatis_serving.kube.levels_in_force import InForce, Level, written_in_force
from hydatis_serving.kube.running_pods import RunningPod
from hydatis_serving.kube.size_recommendations import SizeRecommendation
from hydatis_sizing.bounds import shrink_floor
from hydatis_sizing.recommendation import Amounts, Recommendation
from hydatis_sizing.untouched import Facts, Rules, untouched

from hydatis_right_sizer.wanted import owners_requests

__all__ = ["Step", "as_owned", "believed", "next_step"]

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Step:
    """The next levels of a workload."""

    in_force: InForce
    taken: Amounts
    """Of one pod by it, each >= 0."""
    is_held: bool
    """Whether it ends above what is advised."""

    def changes(self, advice: SizeRecommendation) -> bool:
        """Whether it is written otherwise than what is in force."""
        if advice.in_force is None:
            return True
        return _written(self.in_force) != _written(advice.in_force)

    @property
    def falls(self) -> bool:
        """Whether anything gets less."""
        return self.taken.cpu_cores > 0 or self.taken.memory_bytes > 0


def next_step(advice: SizeRecommendation, most_shrink_per_day: float, now_seconds: float, part: float = 1.0) -> Step:
    """As far as a day allows.

    Args:
        advice: for the workload, with what is in force now.
        most_shrink_per_day: divides a request in a day, >= 1.
        now_seconds: Unix seconds.
        part: of the way down, 0..1; the way up is always gone whole.
    """
    before = advice.in_force
    begins = before is None or now_seconds - before.since_seconds >= SECONDS_PER_DAY
    levels: dict[str, Level] = {}
    taken = [0.0, 0.0]
    is_held = False
    for one in advice.containers:
        if one.untouched:
            continue
        known = before.by_container.get(one.container.container) if before is not None else None
        level, base, target = _now(one, known), _base(one, known, begins), _pair(one.requests)
        floors = [shrink_floor(amount, 1.0, most_shrink_per_day) for amount in base]
        after = [_moved(*row, part) for row in zip(level, target, floors, strict=True)]
        taken = [sum_ + max(was - is_, 0.0) if is_ < was else sum_ for sum_, was, is_ in zip(taken, level, after, strict=True)]
        is_held = is_held or any(is_ > wanted for is_, wanted in zip(after, target, strict=True))
        levels[one.container.container] = Level(Amounts(*after), Amounts(*base))
    since = now_seconds if before is None or begins else before.since_seconds
    return Step(InForce(since, levels), Amounts(*taken), is_held)


def _now(one: Recommendation, known: Level | None) -> tuple[float, float]:
    owned = _pair(one.owned)
    if known is None:
        return owned
    return tuple(  # type: ignore[return-value]  # two of two
        is_ if not math.isnan(is_) else was for is_, was in zip(_pair(known.requests), owned, strict=True)
    )


def _base(one: Recommendation, known: Level | None, begins: bool) -> tuple[float, float]:
    return _now(one, known) if begins or known is None else _pair(known.base)


def _moved(level: float, target: float, floor: float, part: float) -> float:
    """A level after a step; NaN: there is none, or nothing is advised."""
    if math.isnan(level) or math.isnan(target):
        return level
    if target >= level:
        return target
    lowest = max(target, floor)
    return level - part * (level - lowest) if lowest < level else level


def _pair(amounts: Amounts) -> tuple[float, float]:
    return amounts.cpu_cores, amounts.memory_bytes


def _written(in_force: InForce) -> dict[str, dict[str, str]]:
    return {one["name"]: one["requests"] for one in written_in_force(in_force)["containers"]}


def as_owned(advice: SizeRecommendation, pods: Iterable[RunningPod]) -> SizeRecommendation:
    """The same, with what the owner asks for now: the greatest that a pod of theirs says, and else what the advice says."""
    known: dict[str, Amounts] = {}
    for pod in pods:
        try:
            owned = owners_requests(pod)
        except HydatisError:
            continue
        for name, one in owned.items():
            before = known.get(name, Amounts(math.nan, math.nan))
            known[name] = Amounts(_greater(before.cpu_cores, one.cpu_cores), _greater(before.memory_bytes, one.memory_bytes))
    told = (replace(one, owned=known.get(one.container.container, one.owned)) for one in advice.containers)
    return replace(advice, containers=tuple(told))


def _greater(one: float, other: float) -> float:
    return other if math.isnan(one) or other > one else one


def believed(advice: SizeRecommendation, facts: Facts, rules: Rules) -> SizeRecommendation:
    """The same, without what nobody would apply: its amounts are NaN.

    Args:
        advice: for a workload.
        facts: of the workload, but for what differs by container.
        rules: bounds of what is believed.
    """
    kept = []
    for one in advice.containers:
        codes = untouched(replace(facts, owned=one.owned, advised=one.requests), rules)
        requests = Amounts(
            math.nan if codes.cpu else one.requests.cpu_cores, math.nan if codes.memory else one.requests.memory_bytes
        )
        kept.append(replace(one, requests=requests))
    return replace(advice, containers=tuple(kept))
