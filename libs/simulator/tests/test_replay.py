from __future__ import annotations

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_simulator.cluster_shape import make_nodes
from hydatis_simulator.generator import generate_trace
from hydatis_simulator.outcomes import OUTCOME_FIGURES
from hydatis_simulator.policy import RandomPolicy, StockPolicy
from hydatis_simulator.replay import RESTART_SECONDS, replay
from hydatis_simulator.trace import TracePod
from hydatis_simulator.workload_shape import SERVICE_CHURN

GIB = 2.0**30
START = 1_500_000_000.0


class _Diary:
    """Writes down all it is told."""

    def __init__(self):
        self.lines, self.usage = [], {}

    def on_nodes(self, nodes, tick_seconds, scrape_delay_seconds):
        self.lines.append(("nodes", len(nodes), tick_seconds, scrape_delay_seconds))

    def on_tick(self, tick_time_seconds, sample_time_seconds, node_usage, pod_uids, pod_usage):
        self.lines.append(("tick", tick_time_seconds - START, sample_time_seconds - START, tuple(pod_uids)))
        self.usage[tick_time_seconds - START] = (node_usage, pod_usage)

    def on_bind(self, pod, node_name, time_seconds):
        self.lines.append(("bind", time_seconds - START, pod.uid))

    def on_end(self, uid, node_name, time_seconds):
        self.lines.append(("end", time_seconds - START, uid))


def test_events_come_in_order_of_time_and_metrics_come_late(make_trace, make_pod, make_cluster_nodes):
    trace = make_trace([TracePod(make_pod("a"), START + 10, START + 600), TracePod(make_pod("b"), START + 590)], steps=3)
    diary = _Diary()
    replay(trace, make_cluster_nodes(1), StockPolicy(), [diary], seed=1, scrape_delay_seconds=20.0)
    assert diary.lines == [
        ("nodes", 1, 300.0, 20.0),
        ("tick", 0.0, -20.0, ()),
        ("bind", 10.0, "a"),
        ("tick", 300.0, 280.0, ("a",)),
        ("bind", 590.0, "b"),
        ("end", 600.0, "a"),
        ("tick", 600.0, 580.0, ("a",)),
        ("tick", 900.0, 880.0, ("b",)),
    ]


def test_metrics_show_the_use_at_the_sample_time(make_trace, make_pod, make_cluster_nodes):
    trace = make_trace([TracePod(make_pod("a"), START)], cpu=[[0.1, 0.2, 0.3]], memory_gib=[[1, 2, 3]], steps=3)
    diary = _Diary()
    replay(trace, make_cluster_nodes(2), StockPolicy(), [diary], seed=1, scrape_delay_seconds=30.0)
    node_usage, pod_usage = diary.usage[600.0]
    assert np.allclose(pod_usage, [[0.2, 2 * GIB]])
    assert np.allclose(np.sort(node_usage[:, 0]), [0.0, 0.2])
    assert np.isnan(node_usage[:, 2:]).all()
    assert node_usage.dtype == pod_usage.dtype == np.float32


def test_network_and_disk_of_pods_add_up_on_their_node(make_trace, make_pod, make_cluster_nodes):
    io = np.ones((2, 2, 4), dtype=np.float32)
    io[1, :, 3] = np.nan
    trace = make_trace([TracePod(make_pod("a"), START), TracePod(make_pod("b"), START)], steps=2, io=io)
    diary = _Diary()
    replay(trace, make_cluster_nodes(1), StockPolicy(), [diary], seed=1)
    assert diary.usage[300.0][0][0, 2:].tolist() == [2.0, 2.0, 2.0, 1.0]


def test_a_hole_is_held_for_the_cluster_but_stays_a_hole_in_the_metrics(make_trace, make_pod, make_cluster_nodes):
    trace = make_trace([TracePod(make_pod("a"), START)], cpu=[[0.4, np.nan, np.nan]], memory_gib=[[2, np.nan, 1]], steps=3)
    diary = _Diary()
    outcome = replay(trace, make_cluster_nodes(1), StockPolicy(), [diary], seed=1)
    node_usage, pod_usage = diary.usage[600.0]
    assert np.isnan(pod_usage).all()
    assert np.allclose(node_usage[0, :2], [0.4, 2 * GIB])
    assert np.isclose(outcome.figures["held_usage_ratio"], 2 / 3)


def test_a_pod_that_was_never_measured_uses_what_it_asked_for(make_trace, make_pod, make_cluster_nodes):
    trace = make_trace([TracePod(make_pod("a", cpu=3), START)], cpu=np.nan, steps=2)
    outcome = replay(trace, make_cluster_nodes(1), StockPolicy(), seed=1)
    assert np.isclose(outcome.cpu_load[-1, 0], 0.75)


def test_a_trace_without_memory_has_no_memory_figures(make_trace, make_pod, make_cluster_nodes):
    trace = make_trace([TracePod(make_pod("a"), START)], memory_gib=np.nan)
    diary = _Diary()
    outcome = replay(trace, make_cluster_nodes(1), StockPolicy(), [diary], seed=1)
    assert np.isnan(outcome.figures["oom_count"])
    assert np.isnan(outcome.memory_load).all()
    assert np.isnan(diary.usage[600.0][0][:, 1]).all()


def test_pods_that_do_not_fit_wait_and_are_tried_in_order_at_each_tick(make_trace, make_pod, make_cluster_nodes):
    pods = [
        TracePod(make_pod("a", cpu=4), START, START + 450),
        TracePod(make_pod("b", cpu=3), START + 1),
        TracePod(make_pod("c", cpu=3), START + 2, START + 550),
        TracePod(make_pod("d", cpu=1), START + 3),
        TracePod(make_pod("e", cpu=3, priority=5), START + 4),
    ]
    outcome = replay(make_trace(pods), make_cluster_nodes(1), StockPolicy(), seed=1)
    assert [(p.pod_uid, p.time_seconds - START) for p in outcome.placements] == [("a", 0.0), ("e", 600.0), ("d", 600.0)]
    assert outcome.pending_uids == ("b",)
    figures = outcome.figures
    assert (figures["pods_count"], figures["placed_count"], figures["pending_count"], figures["expired_count"]) == (5, 3, 1, 1)


def test_cpu_over_allocatable_is_throttled_and_counted(make_trace, make_pod, make_cluster_nodes):
    trace = make_trace([TracePod(make_pod("a", cpu=2), START), TracePod(make_pod("b", cpu=2), START)], cpu=3.0, steps=2)
    diary = _Diary()
    outcome = replay(trace, make_cluster_nodes(1), StockPolicy(), [diary], seed=1)
    assert outcome.cpu_load[1:, 0].tolist() == [1.5, 1.5]
    assert outcome.figures["throttled_core_seconds"] == 2 * 2.0 * 300
    assert np.isclose(outcome.figures["throttled_demand_ratio"], 1 / 3)
    node_usage, pod_usage = diary.usage[300.0]
    assert node_usage[0, 0] == 4.0
    assert pod_usage[:, 0].tolist() == [2.0, 2.0]


def test_memory_over_allocatable_kills_restarts_and_kills_again(make_trace, make_pod, make_cluster_nodes):
    pods = [TracePod(make_pod("a", memory_gib=4), START), TracePod(make_pod("b", memory_gib=1), START)]
    trace = make_trace(pods, cpu=1.0, memory_gib=[[10.0], [10.0]], steps=5)
    diary = _Diary()
    outcome = replay(trace, make_cluster_nodes(1), StockPolicy(), [diary], seed=1)
    assert RESTART_SECONDS == 300.0
    # Killed at the first, third and fifth sample; restarting at the second and fourth.
    assert outcome.figures["oom_count"] == 3
    assert outcome.figures["oom_lost_core_seconds"] == 2 * 300.0
    assert diary.usage[300.0][1][:, 1].tolist() == [10 * GIB, 0.0]
    assert outcome.memory_load[1:, 0].tolist() == [1.25, 0.625, 1.25, 0.625, 1.25]


@pytest.fixture(scope="module")
def workload():
    trace = generate_trace(7, 80, days=1, request_factor=0.5, lifetimes=SERVICE_CHURN)
    return trace, make_nodes(trace, target_request_ratio=0.8)


@pytest.mark.parametrize("policy", [lambda seed: StockPolicy(), RandomPolicy])
def test_the_same_replay_gives_the_same_placements_twice(workload, policy):
    trace, nodes = workload
    first, second, other = (replay(trace, nodes, policy(seed), seed=seed) for seed in (5, 5, 6))
    assert first.digest == second.digest != other.digest
    assert first.to_json(matrices=True) == second.to_json(matrices=True)


def test_pods_are_conserved(workload):
    trace, nodes = workload
    diary = _Diary()
    outcome = replay(trace, nodes, StockPolicy(), [diary], seed=5)
    figures = outcome.figures
    assert figures["pods_count"] == len(trace.pods)
    assert figures["pods_count"] == figures["placed_count"] + figures["pending_count"] + figures["expired_count"]
    binds = [line[2] for line in diary.lines if line[0] == "bind"]
    ends = [line[2] for line in diary.lines if line[0] == "end"]
    assert len(set(binds)) == len(binds) == figures["placed_count"]
    assert set(ends) <= set(binds)
    assert len(ends) > 10
    assert outcome.pod_counts[-1].sum() == len(binds) - len(ends)


def test_every_figure_is_there(workload):
    trace, nodes = workload
    outcome = replay(trace, nodes, StockPolicy(), seed=5)
    assert list(outcome.figures) == [figure.name for figure in OUTCOME_FIGURES]
    assert outcome.cpu_load.shape == outcome.memory_load.shape == (len(outcome.tick_times_seconds), len(nodes))
    assert outcome.figures["abstained_ratio"] == 1.0


def test_a_replay_stops_where_it_is_told_and_reports_progress(workload):
    trace, nodes = workload
    seen = []
    until = trace.start_seconds + 3600
    outcome = replay(
        trace, nodes, StockPolicy(), seed=5, until=until, progress=lambda done, of, text: seen.append((done, of, text))
    )
    assert [done for done, _, _ in seen] == list(range(1, 14))
    assert {of for _, of, _ in seen} == {13}
    assert max(p.time_seconds for p in outcome.placements) <= until


def test_a_short_tick_and_a_delay_longer_than_it_keep_their_order(make_trace, make_pod, make_cluster_nodes):
    trace = make_trace([TracePod(make_pod("a"), START)], cpu=[[0.1, 0.2]], steps=2)
    diary = _Diary()
    replay(trace, make_cluster_nodes(1), StockPolicy(), [diary], seed=1, tick_seconds=15, scrape_delay_seconds=40)
    ticks = [line for line in diary.lines if line[0] == "tick"]
    assert [(tick, sample) for _, tick, sample, _ in ticks] == [(15.0 * i, 15.0 * i - 40) for i in range(41)]
    assert np.isclose(diary.usage[330.0][1][0, 0], 0.1)
    assert np.isclose(diary.usage[345.0][1][0, 0], 0.2)


@pytest.mark.parametrize(
    "wrong", [{"tick_seconds": 0.5}, {"tick_seconds": 7.5}, {"scrape_delay_seconds": -1.0}, {"until": START - 1}]
)
def test_times_out_of_range_are_refused(make_trace, make_pod, make_cluster_nodes, wrong):
    with pytest.raises(InvalidValue):
        replay(make_trace([TracePod(make_pod("a"), START)]), make_cluster_nodes(1), StockPolicy(), seed=1, **wrong)
