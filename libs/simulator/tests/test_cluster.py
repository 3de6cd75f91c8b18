from __future__ import annotations

import numpy as np
import pytest
from hydatis_core.errors import Duplicate, InvalidValue
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_simulator.cluster import Cluster, cpu_milli
from hypothesis import given, settings
from hypothesis import strategies as st

GIB = 2.0**30


@pytest.mark.parametrize(("cores", "milli"), [(0.1, 100), (0.57, 570), (4.35, 4350), (0.0001, 1), (1.0011, 1002), (0.0, 0)])
def test_cores_become_millicores_rounded_up(cores, milli):
    assert cpu_milli(cores) == milli


def test_a_pod_that_fits_exactly_is_bound_and_the_next_is_refused(make_pod, make_cluster_nodes):
    cluster = Cluster(make_cluster_nodes(1, cpu=0.3, memory_gib=16))
    for uid in "abc":
        cluster.bind(make_pod(uid, cpu=0.1), 0, 0.0)
    assert not cluster.fits(make_pod("d", cpu=0.1)).any()
    with pytest.raises(InvalidValue, match="no room"):
        cluster.bind(make_pod("d", cpu=0.1), 0, 0.0)


def test_a_pod_without_requests_needs_only_a_place(make_pod, make_cluster_nodes):
    cluster = Cluster(make_cluster_nodes(1, pod_limit=2))
    cluster.bind(make_pod("a", cpu=4, memory_gib=16), 0, 0.0)
    assert cluster.fits(Pod("b")).all()
    cluster.bind(Pod("b"), 0, 0.0)
    assert not cluster.fits(Pod("c")).any()


def test_a_pod_is_bound_once(make_pod, make_cluster_nodes):
    cluster = Cluster(make_cluster_nodes(1))
    cluster.bind(make_pod("a"), 0, 0.0)
    with pytest.raises(Duplicate):
        cluster.bind(make_pod("a"), 0, 0.0)


def test_ending_an_unknown_pod_changes_nothing(make_cluster_nodes):
    assert Cluster(make_cluster_nodes(1)).end("x") is None


def test_a_cluster_needs_nodes_with_names_of_their_own(make_cluster_nodes):
    with pytest.raises(InvalidValue):
        Cluster(())
    with pytest.raises(Duplicate):
        Cluster(make_cluster_nodes(1) * 2)


requests = st.builds(
    Resources,
    st.floats(0, 3, allow_nan=False),
    st.floats(0, 8 * GIB, allow_nan=False),
    st.integers(0, 2),
    st.integers(0, 1000),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 14), requests, st.integers(0, 2)), max_size=60))
def test_requests_never_pass_what_a_node_gives_and_ended_pods_leave_nothing(make_cluster_nodes_static, steps):
    cluster = Cluster(make_cluster_nodes_static)
    for number, asked, row in steps:
        uid = f"p{number}"
        if uid in cluster.bound:
            cluster.end(uid)
        elif cluster.fits(Pod(uid, requests=asked))[row]:
            cluster.bind(Pod(uid, requests=asked), row, 0.0)
        assert (cluster.cpu_requested_milli <= cluster.cpu_allocatable_milli).all()
        assert (cluster.memory_requested_bytes <= cluster.memory_allocatable_bytes).all()
        assert (cluster.pod_counts <= cluster.pod_limits).all()
        assert (cluster.gpus.free_milli >= 0).all()
        assert (cluster.gpus.free_milli <= 1000).all()
        assert cluster.pod_counts.sum() == len(cluster.bound)
    for uid in list(cluster.bound):
        cluster.end(uid)
    for amounts in (cluster.cpu_requested_milli, cluster.memory_requested_bytes, cluster.cpu_scored_milli, cluster.pod_counts):
        assert not amounts.any()
    assert (cluster.gpus.free_milli == 1000).all()


@pytest.fixture(scope="module")
def make_cluster_nodes_static():
    from hydatis_core.nodes import GpuDevice, Node

    devices = (GpuDevice(0), GpuDevice(1))
    return tuple(Node(f"n{i}", Resources(8, 16 * GIB, 2), 6, devices) for i in range(3))


def test_amounts_are_counted_in_whole_numbers(make_cluster_nodes):
    assert Cluster(make_cluster_nodes(2)).cpu_allocatable_milli.dtype == np.int64
