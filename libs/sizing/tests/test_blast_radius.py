import pytest
from hydatis_core.errors import InvalidValue
from hydatis_sizing.blast_radius import BlastRadius
from hydatis_sizing.recommendation import Amounts
from hypothesis import given, settings
from hypothesis import strategies as st

CLUSTER = Amounts(100.0, 1000.0)


def test_a_share_of_the_cluster_is_taken_and_the_rest_waits_for_the_window_to_pass() -> None:
    radius = BlastRadius(0.05, 3600.0)
    assert radius.take(Amounts(3.0, 10.0), CLUSTER, 0.0)
    assert not radius.take(Amounts(3.0, 10.0), CLUSTER, 1800.0)
    assert radius.take(Amounts(2.0, 10.0), CLUSTER, 1800.0)
    assert radius.refused_count == 1
    assert radius.taken(1800.0) == Amounts(5.0, 20.0)
    assert radius.take(Amounts(3.0, 10.0), CLUSTER, 3600.0)
    assert radius.taken(1e9) == Amounts(0.0, 0.0)


def test_memory_alone_can_fill_it() -> None:
    assert not BlastRadius(0.05, 60.0).take(Amounts(0.0, 51.0), CLUSTER, 0.0)


def test_what_is_given_back_makes_no_room() -> None:
    radius = BlastRadius(0.05, 60.0)
    assert radius.take(Amounts(-50.0, -100.0), CLUSTER, 0.0)
    assert not radius.take(Amounts(6.0, 0.0), CLUSTER, 1.0)


def test_what_is_not_known_is_not_taken() -> None:
    radius = BlastRadius(0.05, 60.0)
    assert not radius.take(Amounts(float("nan"), 1.0), CLUSTER, 0.0)
    assert not radius.take(Amounts(1.0, 1.0), Amounts(float("nan"), 1e9), 0.0)


@pytest.mark.parametrize(("share", "window"), [(-0.1, 1.0), (1.1, 1.0), (0.1, 0.0), (float("nan"), 1.0)])
def test_a_radius_that_is_none_is_refused(share: float, window: float) -> None:
    with pytest.raises(InvalidValue):
        BlastRadius(share, window)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 5), st.floats(0, 50)), max_size=60))
def test_no_window_ever_holds_more_than_the_share(takes: list[tuple[float, float, float]]) -> None:
    radius, now = BlastRadius(0.1, 60.0), 0.0
    done: list[tuple[float, float]] = []
    for waited, cpu, memory in takes:
        now += waited
        if radius.take(Amounts(cpu, memory), CLUSTER, now):
            done.append((now, cpu))
        assert sum(cpu for at, cpu in done if now - 60.0 < at) <= 10.0 + 1e-9
