"""The published traces themselves: what data/README.md says of them is what the readers find."""

from __future__ import annotations

import numpy as np
import pytest
from hydatis_simulator.cluster_shape import make_nodes
from hydatis_simulator.policy import StockPolicy
from hydatis_simulator.replay import replay
from hydatis_simulator.traces.registry import read_trace

pytestmark = pytest.mark.slow


def test_every_oddity_of_bitbrains_is_found(data_folder):
    trace = read_trace("bitbrains", data_folder, seed=1)
    report = trace.report
    assert report.rows_count == 5_016_495
    assert report.count("capacity_zero") == 222_167
    assert report.count("timestamp_repeated") == 66_373
    assert report.count("memory_above_capacity") == 25_621
    assert report.count("cpu_above_capacity") == 75_184
    assert report.count("unparsable_line") == report.count("negative_value") == report.count("not_in_order") == 0
    assert len({p.pod.workload for p in trace.pods}) == 200


def test_a_few_days_of_bitbrains_replay_alike_twice(data_folder):
    traces = [
        read_trace("bitbrains", data_folder, seed=1, start_day=3, days=2, pod_count=300, request_factor=0.4) for _ in range(2)
    ]
    assert traces[0].digest() == traces[1].digest()
    nodes = make_nodes(traces[0], target_request_ratio=0.8)
    first, second = (replay(trace, nodes, StockPolicy(), seed=1) for trace in traces)
    assert first.digest == second.digest
    assert first.figures["placed_count"] > 290


def test_planetlab_days_have_their_published_machines_and_means(data_folder):
    for day, (machines, mean) in enumerate([(1052, 12.31), (898, 11.44), (1516, 9.26)]):
        trace = read_trace("planetlab", data_folder, seed=1, start_day=day, days=1)
        assert len(trace.pods) == machines
        cores = np.array([p.pod.limits.cpu_cores for p in trace.pods])
        assert np.isclose((trace.cpu_used_cores / cores[:, None] * 100).mean(), mean, atol=0.01)


def test_alibaba_has_its_twelve_machines_and_mean(data_folder):
    trace = read_trace("alibaba_2018", data_folder, seed=1)
    assert (len(trace.pods), trace.report.rows_count) == (12, 72_982)
    assert np.isclose(np.nanmean(trace.cpu_used_cores) / 8 * 100, 32.4, atol=1.5)
    assert np.isclose(np.nanmean(trace.memory_used_bytes) / (32 * 2.0**30) * 100, 89.1, atol=1.0)


def test_openb_has_its_pods_nodes_and_gpus(data_folder):
    trace = read_trace("openb", data_folder, seed=1)
    assert (len(trace.pods), len(trace.nodes)) == (8152, 1213)
    assert sum(len(node.gpu_devices) for node in trace.nodes) == 6212
    assert trace.report.count("memory_request_zero") == 1
    assert len(read_trace("openb", data_folder, seed=1, node_list="all_node", days=1).nodes) == 1523
    assert read_trace("openb", data_folder, seed=1, pod_list="multigpu20", days=1).report.count("times_missing") > 0
