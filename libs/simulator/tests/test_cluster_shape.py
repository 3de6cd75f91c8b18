from __future__ import annotations

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_simulator.cluster_shape import GENERAL, SHAPES, NodeShape, make_nodes, peak_requests
from hydatis_simulator.trace import TracePod

GIB = 2.0**30
START = 1_500_000_000.0


@pytest.fixture
def trace(make_trace, make_pod):
    return make_trace(
        [
            TracePod(make_pod("a", cpu=8, memory_gib=8), START, START + 300),
            TracePod(make_pod("b", cpu=4, memory_gib=40), START + 300, START + 600),
            TracePod(make_pod("c", cpu=2, memory_gib=2), START + 300),
        ]
    )


def test_the_peak_counts_pods_alive_together_only(trace):
    peak = peak_requests(trace)
    assert (peak.cpu_cores, peak.memory_bytes) == (8.0, 42 * GIB)


def test_nodes_are_as_few_as_bring_the_peak_to_the_target(trace):
    assert len(make_nodes(trace, target_request_ratio=0.5)) == 2
    assert len(make_nodes(trace, target_request_ratio=1.0)) == 1


def test_shapes_are_taken_in_turn_under_names_that_sort(trace):
    nodes = make_nodes(trace, node_count=3, shapes=(GENERAL, SHAPES["memory-16"]))
    assert [node.name for node in nodes] == ["node-0000", "node-0001", "node-0002"]
    assert [node.allocatable.memory_bytes / GIB for node in nodes] == [64, 128, 64]


def test_without_a_shape_nodes_grow_with_the_largest_pod(make_trace, make_pod):
    def cores(cpu, memory_gib):
        return make_nodes(make_trace([TracePod(make_pod("a", cpu=cpu, memory_gib=memory_gib), START)]))[0].allocatable.cpu_cores

    assert [cores(1, 1), cores(32, 1), cores(1, 65), cores(33, 1)] == [16, 32, 32, 64]
    with pytest.raises(InvalidValue, match="more than any node shape"):
        cores(65, 1)


def test_a_shape_with_gpus_makes_nodes_with_devices():
    node = NodeShape("g", 8, 8 * GIB, gpu_count=2, gpu_model="T4").node("n")
    assert [(d.device_index, d.model, d.free_milli) for d in node.gpu_devices] == [(0, "T4", 1000), (1, "T4", 1000)]


@pytest.mark.parametrize(
    "wrong", [{"node_count": 0}, {"target_request_ratio": 0.0}, {"shapes": ()}, {"shapes": (SHAPES["general-8"],)}]
)
def test_what_cannot_hold_the_trace_is_refused(trace, wrong):
    with pytest.raises(InvalidValue):
        make_nodes(trace, **wrong)
