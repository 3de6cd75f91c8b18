from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, UnknownNode
from hydatis_core.pods import Pod
from hydatis_simulator.cluster import Cluster
from hydatis_simulator.kube_scheduler import (
    EXTENDER_WEIGHT,
    KubeScheduler,
    balanced_allocation,
    least_allocated,
    nodes_to_find_count,
)
from hydatis_simulator.policy import RandomPolicy, StockPolicy


def _amounts(*values):
    return tuple(np.array([value], dtype=np.int64) for value in values)


class _Answers:
    """Answers what it was given, and remembers what it was asked."""

    name = "answers"

    def __init__(self, kept=None, scores=None, level=None):
        self.kept, self.scores, self.level, self.asked = kept, scores or {}, level, []

    def filter_and_score(self, pod, node_names, time_seconds):
        self.asked.append(list(node_names))
        return (list(node_names) if self.kept is None else self.kept), (
            self.scores if self.level is None else dict.fromkeys(node_names, self.level)
        )


def test_least_allocated_golden_value():
    assert least_allocated(_amounts(1500), _amounts(4000)).tolist() == [62]
    assert least_allocated(_amounts(1500, 1000), _amounts(4000, 4000)).tolist() == [68]


def test_least_allocated_is_zero_for_a_resource_that_is_over():
    assert least_allocated(_amounts(5000, 1000), _amounts(4000, 4000)).tolist() == [37]


def test_balanced_allocation_golden_value():
    score = balanced_allocation(_amounts(375, 500), _amounts(250, 500), _amounts(1000, 1000))
    assert score.tolist() == [78]


def test_balanced_allocation_of_no_change_is_75():
    assert balanced_allocation(_amounts(300, 300), _amounts(200, 200), _amounts(1000, 1000)).tolist() == [75]


@pytest.mark.parametrize(("nodes", "wanted"), [(1, 1), (99, 99), (100, 100), (200, 100), (1000, 420), (5000, 500), (20_000, 1000)])
def test_how_many_nodes_are_looked_for(nodes, wanted):
    assert nodes_to_find_count(nodes) == wanted


def test_the_sample_goes_on_where_the_last_cycle_stopped(make_cluster_nodes, make_pod):
    scheduler = KubeScheduler(Cluster(make_cluster_nodes(250)), seed=1)
    first, second = scheduler.feasible_rows(make_pod("a")), scheduler.feasible_rows(make_pod("b"))
    assert len(first) == nodes_to_find_count(250) == 120
    assert first.tolist() == list(range(120))
    assert second.tolist() == list(range(120, 240))
    assert scheduler.feasible_rows(make_pod("c")).tolist()[:12] == [*range(240, 250), 0, 1]


def test_full_nodes_are_passed_over(make_cluster_nodes, make_pod):
    cluster = Cluster(make_cluster_nodes(3))
    cluster.bind(make_pod("a", cpu=4), 1, 0.0)
    assert KubeScheduler(cluster, seed=1).feasible_rows(make_pod("b")).tolist() == [0, 2]


def test_the_emptier_node_wins_without_an_extender(make_cluster_nodes, make_pod):
    cluster = Cluster(make_cluster_nodes(2))
    cluster.bind(make_pod("a", cpu=1, memory_gib=4), 0, 0.0)
    choice = KubeScheduler(cluster, seed=1).choose(make_pod("b"), StockPolicy(), 0.0)
    assert (choice.node_row, choice.abstained) == (1, True)


def test_in_tree_scores_are_the_stated_sum(make_cluster_nodes, make_pod):
    cluster = Cluster(make_cluster_nodes(1, cpu=4, memory_gib=4))
    cluster.bind(make_pod("a", cpu=1, memory_gib=2), 0, 0.0)
    # Least: cpu (4000-1500)/4000 -> 62, memory (4-2)/4 -> 50, mean 56. Balanced: 78, as in its golden value.
    assert (
        KubeScheduler(cluster, seed=1).in_tree_scores(make_pod("b", cpu=0.5, memory_gib=0), np.array([0])).tolist()[0]
        == 56 - 3 + 78
    )


def test_one_extender_level_outranks_all_in_tree_scores(make_cluster_nodes, make_pod):
    cluster = Cluster(make_cluster_nodes(2, cpu=4, memory_gib=16))
    cluster.bind(make_pod("a", cpu=3, memory_gib=1), 0, 0.0)
    scheduler = KubeScheduler(cluster, seed=1, extender_weight=EXTENDER_WEIGHT)
    choice = scheduler.choose(make_pod("b", cpu=1, memory_gib=1), _Answers(scores={"n0": 5, "n1": 4}), 0.0)
    assert choice.node_row == 0


def test_equal_extender_scores_place_like_the_stock_scheduler(make_cluster_nodes, make_pod):
    rows = []
    for policy in (StockPolicy(), _Answers(level=7)):
        cluster = Cluster(make_cluster_nodes(9))
        scheduler = KubeScheduler(cluster, seed=3)
        for number in range(30):
            pod = make_pod(f"p{number}", cpu=0.1 + number % 3)
            choice = scheduler.choose(pod, policy, 0.0)
            if choice.node_row is not None:
                cluster.bind(pod, choice.node_row, 0.0)
            rows.append(choice.node_row)
    assert rows[:30] == rows[30:]


def test_nodes_the_policy_filters_are_not_chosen_and_none_left_means_wait(make_cluster_nodes, make_pod):
    cluster = Cluster(make_cluster_nodes(3))
    assert KubeScheduler(cluster, seed=1).choose(make_pod("a"), _Answers(kept=["n2"]), 0.0).node_row == 2
    choice = KubeScheduler(cluster, seed=1).choose(make_pod("a"), _Answers(kept=[]), 0.0)
    assert (choice.node_row, choice.feasible_count, choice.kept_count) == (None, 3, 0)


def test_a_pod_that_fits_nowhere_is_not_asked_about(make_cluster_nodes, make_pod):
    policy = _Answers()
    choice = KubeScheduler(Cluster(make_cluster_nodes(3)), seed=1).choose(make_pod("a", cpu=9), policy, 0.0)
    assert (choice.node_row, policy.asked) == (None, [])


@pytest.mark.parametrize("policy", [_Answers(kept=["nowhere"]), _Answers(scores={"nowhere": 3})])
def test_a_node_that_was_not_asked_about_is_refused(make_cluster_nodes, make_pod, policy):
    with pytest.raises(UnknownNode, match="nowhere"):
        KubeScheduler(Cluster(make_cluster_nodes(3)), seed=1).choose(make_pod("a"), policy, 0.0)


def test_ties_are_broken_by_the_seed(make_cluster_nodes):
    def rows(seed):
        scheduler = KubeScheduler(Cluster(make_cluster_nodes(8)), seed=seed)
        return [scheduler.choose(Pod(f"p{i}"), StockPolicy(), 0.0).node_row for i in range(40)]

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)
    assert len(Counter(rows(1))) == 8


def test_chance_reaches_every_node_whatever_the_in_tree_scores(make_cluster_nodes, make_pod):
    cluster = Cluster(make_cluster_nodes(4))
    cluster.bind(make_pod("a", cpu=2), 0, 0.0)
    scheduler, policy = KubeScheduler(cluster, seed=1), RandomPolicy(5)
    drawn = Counter(scheduler.choose(make_pod(f"p{i}"), policy, 0.0).node_row for i in range(400))
    assert set(drawn) == {0, 1, 2, 3}
    assert min(drawn.values()) > 60


def test_a_weight_below_one_is_refused(make_cluster_nodes):
    with pytest.raises(InvalidValue, match="weight"):
        KubeScheduler(Cluster(make_cluster_nodes(1)), seed=1, extender_weight=0)
