import math
from dataclasses import dataclass
from typing import Any

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_sizing.node_cap import NodeCap, Reclaimed, cap_capacity, excess
from hydatis_sizing.recommendation import Amounts
from hypothesis import given, settings
from hypothesis import strategies as st

MIB = 2.0**20
RESOURCES = ("cpu_cores", "memory_bytes")


def test_a_pod_asks_for_what_it_gave_up_rounded_up() -> None:
    assert excess([(Amounts(0.3, 1024 * MIB), Amounts(0.1, 100 * MIB + 1))]) == Reclaimed(200, 924)
    assert excess([(Amounts(1.0, MIB), Amounts(0.9995, MIB - 1))]) == Reclaimed(1, 1)
    assert excess([(Amounts(1.0, MIB), Amounts(2.0, math.nan))]) == Reclaimed(0, 0)


def test_a_node_advertises_what_the_cap_leaves_rounded_down() -> None:
    assert cap_capacity(Amounts(3.92, 7000.7 * MIB), 2.0) == Reclaimed(3920, 7000)
    assert cap_capacity(Amounts(3.92, math.nan), 1.0) == Reclaimed(0, 0)
    for wrong in (0.9, math.nan, math.inf):
        with pytest.raises(InvalidValue, match="cap"):
            cap_capacity(Amounts(1.0, 1.0), wrong)


def test_what_is_given_up_in_place_is_no_longer_advertised() -> None:
    cap = NodeCap(Reclaimed(1000, 100), held=Reclaimed(300, 10), in_place=Reclaimed(500, 20))
    assert cap.advertised == Reclaimed(500, 80)
    assert cap.room == Reclaimed(200, 70)
    assert cap.takes_in_place(Reclaimed(200, 70))
    assert not cap.takes_in_place(Reclaimed(201, 0))
    assert not cap.takes_in_place(Reclaimed(0, 71))


@st.composite
def pods(draw: st.DrawFn) -> tuple[Amounts, Amounts]:
    """(original, reduced), in milli-cores and bytes as Kubernetes has them."""
    cpu, memory = draw(st.integers(1, 8000)), draw(st.integers(1, 2**34))
    return Amounts(cpu / 1000, float(memory)), Amounts(draw(st.integers(0, cpu)) / 1000, float(draw(st.integers(0, memory))))


steps = st.one_of(
    st.tuples(st.just("new"), pods()),
    st.tuples(st.just("resize"), st.tuples(st.integers(0, 50), st.floats(0, 1))),
    st.tuples(st.just("end"), st.tuples(st.integers(0, 50), st.just(0.0))),
)


@dataclass
class Running:
    original: Amounts
    reduced: Amounts
    asked: Reclaimed

    def beyond(self, reduced: Amounts) -> Reclaimed:
        return excess([(self.original, reduced)]).less(self.asked)


@settings(deadline=None)
@given(st.integers(1000, 32000), st.integers(2**30, 2**36), st.floats(1.0, 3.0), st.lists(steps, max_size=40))
def test_whatever_comes_resizes_and_ends_originals_stay_below_the_cap(
    cpu_milli: int, memory: int, ratio: float, sequence: list[tuple[str, Any]]
) -> None:
    allocatable = Amounts(cpu_milli / 1000, float(memory))
    full = cap_capacity(allocatable, ratio)
    running: list[Running] = []

    def account() -> NodeCap:
        held = in_place = Reclaimed()
        for pod in running:
            held += pod.asked
            in_place += pod.beyond(pod.reduced)
        return NodeCap(full, held, in_place)

    def total(which: str, resource: str) -> float:
        return math.fsum(getattr(getattr(pod, which), resource) for pod in running)

    for what, (first, second) in sequence:
        cap = account()
        if what == "new":  # what NodeResourcesFit checks, and nobody else
            asked = excess([(first, second)])
            sums = ((total("reduced", name) + getattr(second, name), getattr(allocatable, name)) for name in RESOURCES)
            if all(wanted <= there for wanted, there in sums) and (cap.held + asked).fits(cap.advertised):
                running.append(Running(first, second, asked))
        elif running and what == "end":
            running.pop(first % len(running))
        elif running:
            pod = running[first % len(running)]
            smaller = Amounts(pod.reduced.cpu_cores * second, pod.reduced.memory_bytes * second)
            if cap.takes_in_place(pod.beyond(smaller).less(pod.beyond(pod.reduced))):
                pod.reduced = smaller
        for name in RESOURCES:
            assert total("original", name) <= ratio * getattr(allocatable, name) * (1 + 1e-9)
