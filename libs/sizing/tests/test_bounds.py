import math

import pytest
from hydatis_sizing.bounds import CAUSES, Bounds, ContainerRequest, Range, bounded_pod, shrink_floor
from hypothesis import given, settings
from hypothesis import strategies as st

CPU = Bounds(floor=0.025)
NAN = math.nan


def one(
    owned: float, advised: float, limit: float = NAN, least: float = 0.0, **ranges: Range | float
) -> tuple[float, dict[str, int]]:
    requests, causes = bounded_pod([ContainerRequest(owned, advised, limit, least)], CPU, **ranges)  # type: ignore[arg-type]
    return requests[0], dict(causes)


def test_advice_within_bounds_is_followed() -> None:
    assert one(1.0, 0.12) == (0.12, {})


@pytest.mark.parametrize(
    ("owned", "advised", "set_", "cause"),
    [
        (1.0, 1.5, 1.0, "owner"),
        (1.0, 0.001, 0.025, "floor"),
        (0.01, 0.001, 0.01, "floor"),  # never above the owner's, be it below the floor
        (1.0, -0.5, 1.0, "refused"),
        (1.0, 0.0, 1.0, "refused"),
        (1.0, 10.5, 1.0, "refused"),
        (1.0, math.inf, 1.0, "refused"),
    ],
)
def test_advice_beyond_bounds_is_clamped_and_counted(owned: float, advised: float, set_: float, cause: str) -> None:
    assert one(owned, advised) == (set_, {cause: 1})
    assert cause in CAUSES


def test_without_advice_the_owners_stays_and_without_a_request_none_is_set() -> None:
    assert one(1.0, NAN) == (1.0, {})
    assert math.isnan(one(NAN, 0.5)[0])
    assert math.isnan(one(0.0, 0.5)[0])


def test_a_limit_range_holds_from_below() -> None:
    assert one(1.0, 0.1, of_container=Range(least=0.2)) == (0.2, {"limit-range": 1})
    assert one(1.0, 0.1, limit=2.0, of_container=Range(most_limit_ratio=4.0)) == (0.5, {"limit-range": 1})
    assert one(1.0, 0.1, of_container=Range(most_limit_ratio=4.0)) == (0.1, {})  # no limit, no ratio


def test_a_days_step_holds() -> None:
    assert one(1.0, 0.1, least=shrink_floor(1.0, 1.0, 2.0)) == (0.5, {"rate": 1})
    assert one(1.0, 0.6, least=0.5) == (0.6, {})


def test_a_pod_whose_sum_is_too_small_goes_back_by_the_same_share_of_each_way() -> None:
    containers = [ContainerRequest(1.0, 0.2), ContainerRequest(0.6, 0.2), ContainerRequest(NAN, NAN)]
    requests, causes = bounded_pod(containers, CPU, of_pod=Range(least=1.0))
    assert requests[:2] == pytest.approx([0.6, 0.4])
    assert sum(requests[:2]) >= 1.0
    assert causes == {"limit-range-pod": 1}
    requests, _ = bounded_pod(containers, CPU, of_pod=Range(most_limit_ratio=2.0), pod_limit=3.2)
    assert requests[:2] == [1.0, 0.6]


amounts = st.floats(0.03, 64.0)
maybe = st.one_of(st.just(NAN), amounts)


@st.composite
def containers(draw: st.DrawFn) -> ContainerRequest:
    owned = draw(amounts)
    limit = draw(st.one_of(st.just(NAN), st.floats(1.0, 4.0).map(lambda times: owned * times)))
    advised = draw(st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(1e-4, 100.0)))
    return ContainerRequest(owned, advised, limit, draw(st.floats(0.0, 70.0)))


@settings(deadline=None)
@given(st.lists(containers(), min_size=1, max_size=5), amounts, st.floats(1.0, 8.0), amounts, st.floats(1.0, 8.0))
def test_whatever_is_advised_requests_stay_within_the_owners_and_what_a_limit_range_let_pass(
    pod: list[ContainerRequest], least: float, ratio: float, pod_least: float, pod_ratio: float
) -> None:
    limits = [container.limit for container in pod]
    pod_limit = NAN if any(map(math.isnan, limits)) else math.fsum(limits)
    of_container, of_pod = Range(least, ratio), Range(pod_least, pod_ratio)
    requests, _ = bounded_pod(pod, CPU, of_container=of_container, of_pod=of_pod, pod_limit=pod_limit)
    for container, request in zip(pod, requests, strict=True):
        assert min(CPU.floor, container.owned) <= request <= container.owned
        assert request >= min(container.owned, of_container.least_request(container.limit))
    whole = math.fsum(container.owned for container in pod)
    assert math.fsum(requests) >= min(whole, of_pod.least_request(pod_limit)) * (1 - 1e-12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 1.0)), max_size=30))
def test_no_sequence_of_advice_falls_faster_than_the_factor_a_day(steps: list[tuple[float, float]]) -> None:
    applied, days = 64.0, 0.0
    for waited, share in steps:
        days += waited
        floor = shrink_floor(applied, waited, 2.0)
        requests, _ = bounded_pod([ContainerRequest(64.0, max(applied * share, 1e-9), least=floor)], CPU)
        applied = requests[0]
        assert applied >= 64.0 / 2.0**days * (1 - 1e-9)
