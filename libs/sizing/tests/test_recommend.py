"""Advice as a user gets it: containers with a past go in, recommendations come out."""

import math

import numpy as np
import pytest
from hydatis_sizing.daily_use import DailyUse, DayOfUse
from hydatis_sizing.recommend import Container, recommend
from hydatis_sizing.recommendation import Amounts, ContainerName, Recommendation
from hydatis_sizing.untouched import REASONS, Facts
from hypothesis import given, settings
from hypothesis import strategies as st

NAN, GIB, SAMPLES = float("nan"), 2.0**30, 24
NOON = 1_700_000_000.0


def container(name: str = "web", cpu: float = 1.0, memory_gib: float = 2.0, limit_gib: float = NAN, **facts: object) -> Container:
    known = Facts(Amounts(cpu, memory_gib * GIB), **facts)  # type: ignore[arg-type]
    return Container(ContainerName("shop", f"Deployment/{name}", "app"), 3, known, limit_gib * GIB)


def book_of(cpu: np.ndarray, memory_gib: np.ndarray, throttled: np.ndarray | None = None, killed_gib: float = NAN) -> DailyUse:
    """Arrays of shape (rows, days): steady over each day."""
    book = DailyUse(len(cpu), SAMPLES)
    for day in range(cpu.shape[1]):
        cores, used = (
            np.repeat(values[:, day : day + 1], SAMPLES, axis=1).astype(np.float32) for values in (cpu, memory_gib * GIB)
        )
        mask = None if throttled is None else np.repeat(throttled[:, day : day + 1], SAMPLES, axis=1)
        book.absorb(day, DayOfUse(cores, used, mask, np.full(len(cpu), killed_gib * GIB)))
    return book


def one(book: DailyUse, asked: Container, group_of: list[int] | None = None) -> Recommendation:
    groups = np.array(group_of or [0] * book.rows_count)
    return recommend(book, groups, [asked], made_at_seconds=NOON)[0]


def test_a_steady_container_is_advised_its_use_and_a_margin_with_its_risk() -> None:
    made = one(book_of(np.full((1, 13), 0.2), np.full((1, 13), 0.5)), container(limit_gib=4.0))
    assert made.requests.cpu_cores == pytest.approx(0.2 * 1.15)
    assert made.requests.memory_bytes == pytest.approx(0.5 * 1.2 * GIB)
    assert made.memory_limit_bytes == 4 * GIB, "a limit is never lowered"
    assert made.untouched == ""
    assert (made.owned, made.owned_memory_limit_bytes, made.pods_count) == (Amounts(1.0, 2 * GIB), 4 * GIB, 3)
    assert (made.history_days, made.made_at_seconds) == (13.0, NOON)
    assert made.risk.cpu_above_ratio == pytest.approx(0.04 / 9)  # eight days of CPU, never above
    assert made.risk.memory_above_ratio == pytest.approx(0.3 / 14 * 0.015)
    assert made.risk.kills_per_pod_day == pytest.approx(0.09 / 14)


def test_use_above_the_request_is_answered_by_advice_above_it() -> None:
    made = one(book_of(np.full((1, 8), 1.5), np.full((1, 8), 3.0)), container())
    assert made.requests.cpu_cores == pytest.approx(1.5 * 1.15)
    assert made.requests.memory_bytes == pytest.approx(3.6 * GIB)
    assert made.untouched == ""


def test_replicas_share_one_recommendation_by_the_hardest_working() -> None:
    cpu, memory = np.array([[0.1] * 8, [0.4] * 8, [9.0] * 8]), np.array([[1.0] * 8, [0.2] * 8, [9.0] * 8])
    made = one(book_of(cpu, memory), container(memory_gib=8.0), [0, 0, -1])
    assert made.requests.cpu_cores == pytest.approx(0.4 * 1.15)
    assert made.requests.memory_bytes == pytest.approx(1.2 * GIB)


def test_throttled_use_is_never_a_reason_to_shrink() -> None:
    throttled = np.ones((1, 8), dtype=bool)
    made = one(book_of(np.full((1, 8), 0.2), np.full((1, 8), 0.5), throttled), container())
    assert made.requests.cpu_cores == 1.0
    assert math.isnan(made.risk.cpu_above_ratio)
    raised = one(book_of(np.full((1, 8), 2.0), np.full((1, 8), 0.5), throttled), container())
    assert raised.requests.cpu_cores == pytest.approx(2.3)


def test_a_kill_asks_for_more_than_the_limit_it_happened_at() -> None:
    made = one(book_of(np.full((1, 8), 0.2), np.full((1, 8), 0.5), killed_gib=2.0), container(limit_gib=2.0))
    assert made.requests.memory_bytes == pytest.approx(2.0 * 1.2 * 1.2 * GIB)


def test_hours_of_history_are_filled_up_from_the_class_and_flagged() -> None:
    cpu = np.full((6, 8), NAN)
    cpu[:5], cpu[5, 7] = 0.2, 0.05
    book = book_of(cpu, np.where(np.isnan(cpu), np.nan, 0.5))
    made = recommend(book, np.arange(6), [container(f"web-{number}") for number in range(6)], made_at_seconds=NOON)
    assert [one.untouched for one in made] == [""] * 5 + ["too-little-history"]
    assert made[5].requests.cpu_cores == pytest.approx(0.2 * 1.5)
    assert made[5].requests.memory_bytes == pytest.approx(0.5 * 1.5 * GIB)
    assert math.isnan(made[5].memory_limit_bytes), "its owner set none"
    assert made[5].risk.kills_per_pod_day == 0


def test_hours_of_history_without_a_class_say_nothing() -> None:
    made = one(book_of(np.full((1, 1), 0.2), np.full((1, 1), 0.5)), container())
    assert made.untouched == "no-advice"
    assert math.isnan(made.requests.cpu_cores)
    assert math.isnan(made.risk.kills_per_pod_day)


def test_floors_hold_unless_the_owner_asked_for_less() -> None:
    idle = book_of(np.zeros((2, 8)), np.full((2, 8), 1e-6))
    asked = [container(), container("tiny", cpu=0.01, memory_gib=2**-6)]
    made = recommend(idle, np.arange(2), asked, made_at_seconds=NOON)
    assert made[0].requests == Amounts(0.025, 32 * 2**20)
    assert made[1].requests == Amounts(0.01, 16 * 2**20)


def test_an_autoscaler_on_cpu_leaves_memory_advised() -> None:
    made = one(book_of(np.full((1, 8), 0.2), np.full((1, 8), 0.5)), container(scaled_on=frozenset({"cpu"})))
    assert math.isnan(made.requests.cpu_cores)
    assert made.requests.memory_bytes == pytest.approx(0.6 * GIB)
    assert made.untouched == ""


def test_a_workload_that_is_left_alone_says_why_and_is_advised_all_the_same() -> None:
    made = one(book_of(np.full((1, 8), 0.2), np.full((1, 8), 0.5)), container(has_vertical_autoscaler=True))
    assert made.untouched == "vertical-autoscaler"
    assert made.requests.cpu_cores == pytest.approx(0.23)


def test_a_container_without_requests_is_advised_some() -> None:
    made = one(book_of(np.full((1, 8), 0.2), np.full((1, 8), 0.5)), container(cpu=NAN, memory_gib=NAN))
    assert made.untouched == "no-request"
    assert made.requests.cpu_cores == pytest.approx(0.23)


def test_a_container_never_seen_and_none_at_all_are_no_trouble() -> None:
    book = book_of(np.full((1, 8), 0.2), np.full((1, 8), 0.5))
    made = recommend(book, np.array([0]), [container(), container("new")], made_at_seconds=NOON)
    assert made[1].untouched == "no-advice"
    assert made[1].history_days == 0.0
    assert recommend(book, np.array([-1]), [], made_at_seconds=NOON) == []


ODD = st.sampled_from([NAN, 0.0, -1.0, 1e-12, 0.3, 5.0, 1e6, math.inf])


@settings(deadline=None)
@given(st.data(), st.integers(1, 5), st.integers(0, 10))
def test_whatever_is_measured_advice_is_an_amount_or_nothing(data: st.DataObject, rows: int, days: int) -> None:
    book = DailyUse(rows, 2)
    for day in range(days):
        cpu, memory = (
            np.array(data.draw(st.lists(st.lists(ODD, min_size=2, max_size=2), min_size=rows, max_size=rows)), dtype=np.float32)
            for _ in range(2)
        )
        throttled = np.array(data.draw(st.lists(st.booleans(), min_size=2 * rows, max_size=2 * rows))).reshape(rows, 2)
        killed = np.array(data.draw(st.lists(st.sampled_from([NAN, 1e9]), min_size=rows, max_size=rows)))
        book.absorb(day, DayOfUse(cpu, memory, throttled, killed))
    asked = [container(), container("none", cpu=NAN, memory_gib=0.0), container("other", cpu=64.0)]
    group_of = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=rows, max_size=rows)))
    for made in recommend(book, group_of, asked, made_at_seconds=NOON):
        for amount in (made.requests.cpu_cores, made.requests.memory_bytes, made.memory_limit_bytes):
            assert math.isnan(amount) or 0 < amount < math.inf
        assert not made.memory_limit_bytes < made.requests.memory_bytes
        for ratio in (made.risk.cpu_above_ratio, made.risk.memory_above_ratio, made.risk.kills_per_pod_day):
            assert math.isnan(ratio) or 0 <= ratio <= 1
        assert made.untouched in ("", *REASONS)
