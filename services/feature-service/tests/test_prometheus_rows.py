"""Series to rows: fresh targets only, duplicates once, unknown where nothing is certain."""

from __future__ import annotations

import numpy as np
import pytest
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_feature_service.prometheus_directory import Directory, PodNames
from hydatis_feature_service.prometheus_rows import MOST_HOSTS_COUNT, node_rows, pod_rows
from hydatis_feature_service.prometheus_targets import TargetBook
from hydatis_feature_service.sources import Cluster
from hydatis_features.engine import FeatureEngine
from hydatis_serving.prometheus.answers import PodLabels, Series, TargetLabels

CPU, MEMORY = "cpu_used_cores", "memory_used_bytes"
NODES = tuple(Node(name, Resources(8.0, 2.0**35)) for name in ("a", "b", "c"))
ROWS = {"a": 0, "b": 1, "c": 2}
NOW, OLDEST = 1000.0, 910.0


@pytest.fixture
def book() -> TargetBook:
    return TargetBook(Directory.of(Cluster(NODES, 15.0, 0.0)))


def of(amount: float | str, **labels: str) -> Series[TargetLabels]:
    return Series(TargetLabels(**labels), (NOW, str(amount)))


def pod(amount: float | str, **labels: str) -> Series[PodLabels]:
    return Series(PodLabels(**labels), (NOW, str(amount)))


def test_a_node_whose_samples_are_too_old_is_unknown_and_never_zero(book):
    times = [of(990, node="a"), of(909, node="b")]
    rows = node_rows(ROWS, book, times, {CPU: [of(2, node="a"), of(3, node="b")], MEMORY: [of(7, node="a")]}, OLDEST)
    np.testing.assert_array_equal(rows.usage[:, :2], np.float32([[2, 7], [np.nan] * 2, [np.nan] * 2]))
    np.testing.assert_array_equal(rows.sample_seconds, [990, np.nan, np.nan])
    assert rows.states == {"measured": 1, "stale": 1, "unmeasured": 1}


def test_what_was_not_answered_is_unknown(book):
    rows = node_rows(ROWS, book, [of(990, node="a")], {CPU: [], MEMORY: [of(7, node="a")]}, OLDEST)
    np.testing.assert_array_equal(rows.usage[0, :2], np.float32([np.nan, 7]))
    assert rows.states["unmeasured"] == 3
    unanswered = node_rows(ROWS, book, [], {CPU: [of(2, node="a")], MEMORY: [of(7, node="a")]}, OLDEST)
    assert np.isnan(unanswered.usage).all()


def test_of_two_targets_of_a_node_the_newer_one_is_taken_and_of_equals_the_greater(book):
    first, second = {"node": "a", "instance": "10.0.0.1:9100"}, {"node": "a", "instance": "exporter-b:9100"}
    answers = {CPU: [of(2, **first), of(5, **second)], MEMORY: [of(7, **first)]}
    newer = node_rows(ROWS, book, [of(995, **first), of(980, **second)], answers, OLDEST)
    assert newer.usage[0, :2].tolist() == [2, 7]
    equal = node_rows(ROWS, book, [of(990, **first), of(990, **second)], answers, OLDEST)
    assert equal.usage[0, :2].tolist() == [5, 7], "never their sum"


def test_more_hosts_than_one_node_can_have_make_it_unknown(book):
    crowd = [{"node": "a", "instance": f"10.0.0.{n}:9100"} for n in range(MOST_HOSTS_COUNT + 1)]
    rows = node_rows(ROWS, book, [of(990, **one) for one in crowd], {CPU: [of(2, **one) for one in crowd]}, OLDEST)
    assert np.isnan(rows.usage).all()
    assert rows.targets["crowded"] == MOST_HOSTS_COUNT + 1
    assert rows.unplaced[0] == "10.0.0.0:9100: crowded"


def test_targets_of_no_known_node_are_named_with_the_reason(book):
    rows = node_rows(ROWS, book, [of(990, instance="10.9.9.9:9100"), of(990, node="a", instance="b:9100")], {}, OLDEST)
    assert rows.unplaced == ("10.9.9.9:9100: unknown", "b:9100: contradicted")


@pytest.mark.parametrize("absurd", ["-1", "+Inf", "NaN", "1e300"])
def test_what_cannot_be_a_measurement_is_unknown(book, absurd):
    rows = node_rows(ROWS, book, [of(990, node="a")], {CPU: [of(absurd, node="a")]}, OLDEST)
    assert np.isnan(rows.usage[0, 0])


def test_nodes_without_an_exporter_are_filled_from_elsewhere_and_the_others_are_not(book):
    exporters = node_rows(ROWS, book, [of(990, node="a")], {CPU: [of(2, node="a")]}, OLDEST)
    roots = node_rows(ROWS, book, [of(980, node="a"), of(980, node="b")], {CPU: [of(9, node="a"), of(3, node="b")]}, OLDEST)
    filled = exporters.filled_from(roots)
    np.testing.assert_array_equal(filled.usage[:, 0], np.float32([2, 3, np.nan]))
    np.testing.assert_array_equal(filled.sample_seconds, [990, 980, np.nan])


@pytest.fixture
def names() -> PodNames:
    engine = FeatureEngine(NODES, 15.0, 0.0)
    for number in range(3):
        engine.bind(Pod(f"uid-{number}", f"web-{number}", "team"), "a", 1.0)
    names = PodNames(60.0)
    names.update(engine.state.bound_pods(), NOW)
    return names


def test_pods_are_known_by_namespace_and_name_also_behind_labels_of_the_target(names):
    cpu = [
        pod(1, namespace="team", pod="web-0"),
        pod(2, namespace="kube-system", pod="kubelet", exported_namespace="team", exported_pod="web-1"),
        pod(3, namespace="team", exported_namespace="", pod="gone"),
    ]
    memory = [pod(10, namespace="team", pod="web-0"), pod(20, namespace="team", pod="web-1")]
    rows = pod_rows(names, {CPU: cpu, MEMORY: memory})
    assert dict(zip(rows.uids, rows.usage.tolist(), strict=True)) == {"uid-0": [1, 10], "uid-1": [2, 20]}
    assert rows.states == {"measured": 2, "unbound": 1, "renewed": 0}


def test_a_pod_without_a_fresh_sample_of_memory_is_unknown(names):
    rows = pod_rows(names, {CPU: [pod(1, namespace="team", pod="web-0")], MEMORY: []})
    assert np.isnan(rows.usage).all()
    memory_unanswered = pod_rows(names, {CPU: [pod(1, namespace="team", pod="web-0")]})
    assert memory_unanswered.usage[0, 0] == 1


def test_a_pod_that_is_exported_twice_is_counted_once(names):
    twice = [
        pod(1, namespace="team", pod="web-0"),
        pod(1.5, namespace="x", pod="y", exported_namespace="team", exported_pod="web-0"),
    ]
    rows = pod_rows(names, {CPU: twice})
    assert rows.usage[:, 0].tolist() == [1.5]


def test_a_namesake_s_amounts_are_nobody_s(names):
    engine = FeatureEngine(NODES, 15.0, 0.0)
    engine.bind(Pod("new", "web-0", "team"), "b", 1.0)
    names.update(engine.state.bound_pods(), NOW + 15)
    rows = pod_rows(names, {CPU: [pod(1, namespace="team", pod="web-0")]})
    assert rows.uids == ()
    assert rows.states["renewed"] == 1
