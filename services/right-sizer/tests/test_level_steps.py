"""What is in force falls to what is advised by a day's step, and rises at once."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from hydatis_right_sizer.level_steps import as_owned, believed, next_step
from hydatis_serving.kube.levels_in_force import InForce
from hydatis_serving.kube.running_pods import read_running_pod
from hydatis_serving.kube.size_recommendations import SizeRecommendation
from hydatis_sizing.recommendation import Amounts, ContainerName, Recommendation, Risk
from hydatis_sizing.untouched import Facts, Rules

GIB = 2.0**30
DAY = 86_400.0
NAN = math.nan


def advice(cpu: float, in_force: InForce | None = None, memory: float = NAN, owned: float = 1.0) -> SizeRecommendation:
    one = Recommendation(
        ContainerName("shop", "Deployment/web", "app"),
        3,
        Amounts(owned, GIB),
        NAN,
        Amounts(cpu, memory),
        NAN,
        Risk(NAN, NAN, NAN),
        20.0,
        0.0,
    )
    return SizeRecommendation("shop", "deployment-web", "Deployment/web", "Apply", (one,), in_force=in_force)


def level(in_force: InForce) -> float:
    return in_force.requests("app").cpu_cores


def test_it_halves_a_day_until_it_is_there() -> None:
    first = next_step(advice(0.2), 2.0, 0.0)
    assert (level(first.in_force), first.taken.cpu_cores, first.is_held) == (0.5, 0.5, True)
    again = next_step(advice(0.2, first.in_force), 2.0, DAY - 1)
    assert (level(again.in_force), again.changes(advice(0.2, first.in_force))) == (0.5, False)
    second = next_step(advice(0.2, first.in_force), 2.0, DAY)
    third = next_step(advice(0.2, second.in_force), 2.0, 2 * DAY)
    assert (level(second.in_force), level(third.in_force), third.is_held) == (0.25, 0.2, False)


def test_a_recommender_that_halves_every_hour_gets_a_days_step() -> None:
    held, asked = next_step(advice(0.5), 2.0, 0.0).in_force, 0.5
    for hour in range(1, 24):
        asked /= 2
        held = next_step(advice(asked, held), 2.0, hour * 3600.0).in_force
    assert level(held) == 0.5


def test_what_is_advised_higher_is_in_force_at_once() -> None:
    low = next_step(advice(0.5), 2.0, 0.0).in_force
    step = next_step(advice(0.9, low), 2.0, 60.0)
    assert (level(step.in_force), step.taken.cpu_cores, step.falls) == (0.9, 0.0, False)


def test_a_part_of_a_step_is_gone_on_with_on_the_same_day() -> None:
    part = next_step(advice(0.1), 2.0, 0.0, part=0.4)
    assert (round(level(part.in_force), 9), round(part.taken.cpu_cores, 9)) == (0.8, 0.2)
    rest = next_step(advice(0.1, part.in_force), 2.0, 3600.0)
    assert level(rest.in_force) == 0.5, "of what it was at the day's begin"


def test_what_nobody_would_apply_moves_nothing() -> None:
    facts = Facts(Amounts(NAN, NAN), Amounts(NAN, NAN), history_days=20.0, age_days=30.0)
    stale = believed(advice(0.1), facts, Rules())
    assert level(next_step(stale, 2.0, 0.0).in_force) == 1.0
    absurd = believed(advice(50.0), replace(facts, age_days=0.0), Rules())
    assert level(next_step(absurd, 2.0, 0.0).in_force) == 1.0


def test_it_begins_at_what_the_owner_asks_for_now() -> None:
    notes = {"hydatis.io/original-requests": json.dumps({"app": {"cpu": "3"}})}
    containers = [{"name": "app", "resources": {"requests": {"cpu": "2"}}}]
    text = json.dumps(
        {"metadata": {"name": "a", "namespace": "shop", "annotations": notes}, "spec": {"containers": containers}}
    ).encode()
    (one,) = as_owned(advice(0.2), [read_running_pod(text)]).containers
    assert one.owned.cpu_cores == 3.0
    assert as_owned(advice(0.2), []).containers[0].owned.cpu_cores == 1.0
