"""Who is bound where, however often and in whatever order the events come."""

import math

import numpy as np
import pytest
from hydatis_core.errors import Duplicate, InvalidValue, UnknownNode
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.cluster_state import ClusterState
from hydatis_features.expected_use import ExpectedUse, UseSource
from hypothesis import given
from hypothesis import strategies as st

USE = ExpectedUse(0.1, 0.2, 1.0, 2.0, UseSource.REQUEST)
GPUS = tuple(GpuDevice(i) for i in range(2))


def _nodes(*names):
    return [Node(name, Resources(8.0, 32e9), gpu_devices=GPUS if name.startswith("gpu") else ()) for name in names]


def _pod(uid, cpu=1.0, memory=2e9, **more):
    return Pod(uid, requests=Resources(cpu, memory), **more)


def test_a_bind_counts_once():
    state = ClusterState(_nodes("a", "b"))
    assert state.bind(_pod("u"), "b", 10.0, USE)
    assert not state.bind(_pod("u"), "b", 10.0, USE)
    assert not state.bind(_pod("u"), "a", 11.0, USE)
    assert state.pod_counts().tolist() == [0, 1]
    assert state.sums()[1, :2].tolist() == [1.0, 2e9]
    bound = state.pod("u")
    assert bound is not None
    assert (bound.node_name, bound.bind_time_seconds, bound.expected) == ("b", 10.0, USE)


def test_an_end_counts_once_and_leaves_nothing():
    state = ClusterState(_nodes("a"))
    state.bind(_pod("u"), "a", 10.0, USE)
    assert state.end("u", 20.0)
    assert not state.end("u", 20.0)
    assert not state.sums().any()
    assert state.bound_pods() == []
    assert state.started.counts(20.0, 1).tolist() == state.stopped.counts(20.0, 1).tolist() == [1]


def test_a_bind_that_comes_after_its_end_is_left_out_but_a_new_life_is_not():
    state = ClusterState(_nodes("a"))
    assert not state.end("u", 20.0)
    assert not state.bind(_pod("u"), "a", 10.0, USE)
    assert state.bind(_pod("u"), "a", 30.0, USE)


def test_ended_pods_are_not_remembered_for_ever():
    state = ClusterState(_nodes("a"))
    state.end("u", 20.0)
    state.forget_before(20.0 + 3601.0)
    assert state.bookkeeping() == ([], {})


def test_a_limit_counts_at_least_as_much_as_the_request():
    state = ClusterState(_nodes("a"))
    state.bind(_pod("u", limits=Resources(3.0, 1e9)), "a", 1.0, USE)
    assert state.sums()[0].tolist() == [1.0, 2e9, 3.0, 2e9, 0.0]


def test_unknown_nodes_and_times_that_are_none_are_refused_and_change_nothing():
    state = ClusterState(_nodes("a"))
    with pytest.raises(UnknownNode):
        state.bind(_pod("u"), "b", 1.0, USE)
    for time in (math.nan, -1.0, math.inf):
        with pytest.raises(InvalidValue):
            state.bind(_pod("u"), "a", time, USE)
        with pytest.raises(InvalidValue):
            state.end("u", time)
    assert state.bound_pods() == []
    with pytest.raises(Duplicate):
        ClusterState(_nodes("a", "a"))


def test_absurd_amounts_are_counted_as_a_large_one():
    state = ClusterState(_nodes("a"))
    state.bind(_pod("u", cpu=1e30, memory=1e30), "a", 1.0, USE)
    assert np.isfinite(state.sums()).all()


@given(st.permutations(range(12)), st.lists(st.floats(0, 64, allow_nan=False), min_size=12, max_size=12))
def test_sums_do_not_depend_on_the_order_of_events(order, amounts):
    straight, mixed = ClusterState(_nodes("a", "b")), ClusterState(_nodes("a", "b"))
    for state, sequence in ((straight, range(12)), (mixed, order)):
        for i in sequence:
            state.bind(_pod(f"u{i}", cpu=amounts[i], memory=amounts[i] * 1e9), "ab"[i % 2], 1.0, USE)
        for i in sequence:
            if i % 3 == 0:
                state.end(f"u{i}", 2.0)
    assert np.array_equal(straight.sums(), mixed.sums())


def test_slots_are_found_for_bound_pods_only():
    state = ClusterState(_nodes("a"))
    state.bind(_pod("u"), "a", 1.0, USE)
    state.bind(_pod("v"), "a", 1.0, USE)
    state.end("u", 2.0)
    slots = state.slots_of(["v", "u", "never"])
    assert slots[1:].tolist() == [-1, -1]
    assert state.node_rows[slots[0]] == 0


def test_gpu_shares_are_taken_and_given_back():
    state = ClusterState(_nodes("a", "gpu"))
    state.bind(Pod("u", requests=Resources(gpu_count=1, gpu_milli_per_device=400)), "gpu", 1.0, USE)
    assert [device.free_milli for device in state.gpus.devices()[1]] == [600, 1000]
    assert state.sums()[1, 4] == pytest.approx(0.4)
    state.end("u", 2.0)
    assert [device.free_milli for device in state.gpus.devices()[1]] == [1000, 1000]


def test_nodes_come_and_go_and_their_pods_with_them():
    state = ClusterState(_nodes("a", "gpu", "c"))
    state.bind(_pod("on-a"), "a", 1.0, USE)
    state.bind(Pod("on-gpu", requests=Resources(2.0, 1e9, 1, 400)), "gpu", 1.0, USE)
    state.bind(_pod("on-c"), "c", 1.0, USE)
    assert state.replace_nodes(_nodes("new", "c", "gpu")) == ["on-a"]
    assert state.pod_counts().tolist() == [0, 1, 1]
    assert state.sums()[:, 0].tolist() == [0.0, 1.0, 2.0]
    assert [device.free_milli for device in state.gpus.devices()[2]] == [600, 1000]
    assert state.started.counts(2.0, 3).tolist() == [0, 1, 1]
    assert state.pod("on-a") is None
    with pytest.raises(Duplicate):
        state.replace_nodes(_nodes("x", "x"))
    assert [node.name for node in state.nodes] == ["new", "c", "gpu"]


def test_a_node_that_lost_devices_keeps_its_pods():
    state = ClusterState(_nodes("gpu"))
    state.bind(Pod("u", requests=Resources(gpu_count=2)), "gpu", 1.0, USE)
    state.replace_nodes([Node("gpu", Resources(8.0, 32e9), gpu_devices=GPUS[:1])])
    assert [device.free_milli for device in state.gpus.devices()[0]] == [0]
    state.end("u", 2.0)
    assert [device.free_milli for device in state.gpus.devices()[0]] == [1000]
