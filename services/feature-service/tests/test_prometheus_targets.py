"""Which node is behind a target, in every habit of naming that is known, and in those that mean nothing certain."""

from __future__ import annotations

import pytest
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_feature_service.prometheus_directory import AMBIGUOUS, Directory, PodNames
from hydatis_feature_service.prometheus_targets import STRATEGIES, TargetBook, host_of
from hydatis_feature_service.sources import Cluster
from hydatis_features.engine import FeatureEngine
from hydatis_serving.prometheus.answers import FactLabels, Series, TargetLabels

#: What the source of nodes says; "ip-10-0-0-4.ec2.internal" is a name with a domain, and two nodes share a host name.
ADDRESSES = {
    "worker-a": ("10.0.0.1", "fd00::1", "Worker-A.example.net"),
    "worker-b": ("10.0.0.2", "twin"),
    "worker-c": ("10.0.0.3", "twin"),
    "ip-10-0-0-4.ec2.internal": ("10.0.0.4",),
}


def fact(value: float = 1.0, **labels: str) -> Series[FactLabels]:
    return Series(FactLabels(**labels), (0.0, str(value)))


@pytest.fixture
def book() -> TargetBook:
    nodes = tuple(Node(name, Resources(8.0, 2.0**35)) for name in ADDRESSES)
    engine = FeatureEngine(nodes, 15.0, 15.0)
    engine.bind(Pod("uid-1", "node-exporter-x7k2p", "monitoring"), "worker-c", 1.0)
    infos = [fact(node="state-metrics-node", exported_node="worker-b", internal_ip="10.0.0.2", system_uuid="4C4C-02")]
    return TargetBook(
        Directory.of(Cluster(nodes, 15.0, 15.0, ADDRESSES), infos, engine.state.bound_pods()),
        {TargetLabels(instance="172.17.0.1:9100"): "worker-a"},
        {TargetLabels(instance="172.17.0.2:9100"): "4c4c-02"},
    )


@pytest.mark.parametrize(
    ("labels", "node", "strategy"),
    [
        ({"node": "worker-a"}, "worker-a", "node_label"),
        ({"kubernetes_node": "worker-a"}, "worker-a", "node_label"),
        ({"kubernetes_io_hostname": "worker-a.example.net"}, "worker-a", "node_label"),
        ({"nodename": "WORKER-A"}, "worker-a", "node_label"),
        ({"instance": "worker-a"}, "worker-a", "instance_name"),
        ({"instance": "worker-a:9100"}, "worker-a", "instance_name"),
        ({"instance": "10.0.0.2:9100"}, "worker-b", "instance_address"),
        ({"instance": "[fd00:0:0::1]:9100"}, "worker-a", "instance_address"),
        ({"instance": "https://10.0.0.3:10250/metrics/cadvisor"}, "worker-c", "instance_address"),
        ({"instance": "worker-a.example.net:9100"}, "worker-a", "instance_hostname"),
        ({"instance": "exporter", "hostname": "worker-b"}, "worker-b", "host_label"),
        ({"instance": "10.244.1.7:9100", "namespace": "monitoring", "pod": "node-exporter-x7k2p"}, "worker-c", "own_pod"),
        ({"instance": "172.17.0.1:9100"}, "worker-a", "uname"),
        ({"instance": "172.17.0.2:9100"}, "worker-b", "system_uuid"),
        ({"instance": "ip-10-0-0-4:9100"}, "ip-10-0-0-4.ec2.internal", "short_name"),
        ({"instance": "worker-b.other.example.net:9100"}, "worker-b", "short_name"),
    ],
)
def test_a_target_is_placed_in_any_habit_of_naming(book, labels, node, strategy):
    found = book.find(TargetLabels(**labels))
    assert (found.node_name, found.outcome) == (node, strategy)


@pytest.mark.parametrize(
    ("labels", "outcome"),
    [
        ({"node": "worker-a", "instance": "10.0.0.2:9100"}, "contradicted"),
        ({"instance": "twin:9100"}, "ambiguous"),
        ({"instance": "10.0.0.77:9100"}, "unknown"),
        ({"instance": "worker-zz:9100", "node": "worker-zz"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_a_target_of_no_certain_node_is_placed_nowhere_and_it_is_said_why(book, labels, outcome):
    found = book.find(TargetLabels(**labels))
    assert (found.node_name, found.outcome) == ("", outcome)


def test_a_name_of_two_nodes_hinders_no_other_clue(book):
    assert book.find(TargetLabels(instance="twin:9100", node="worker-b")).node_name == "worker-b"


def test_a_label_that_no_node_bears_hinders_no_other_clue(book):
    assert book.find(TargetLabels(instance="10.0.0.1:9100", node="pool-7")).node_name == "worker-a"


def test_targets_are_counted_by_what_told_their_node(book):
    targets = [TargetLabels(node="worker-a"), TargetLabels(node="worker-b"), TargetLabels(instance="nobody")]
    assert book.counts(targets) == {"node_label": 2, "unknown": 1}


def test_info_series_of_nodes_that_are_gone_are_passed_over(book):
    directory = Directory.of(Cluster((Node("a", Resources(1.0, 1.0)),), 15.0, 0.0), [fact(node="gone", internal_ip="10.0.0.9")])
    assert dict(directory.addresses) == {}


def test_an_address_of_two_nodes_is_neither_s():
    nodes = tuple(Node(name, Resources(1.0, 1.0)) for name in ("a", "b"))
    cluster = Cluster(nodes, 15.0, 0.0, {"a": ("10.0.0.1",), "b": ("10.0.0.1",)})
    assert Directory.of(cluster).addresses == {"10.0.0.1": AMBIGUOUS}


@pytest.mark.parametrize(
    ("instance", "host"),
    [("a:9100", "a"), ("A", "a"), ("http://a:1/x", "a"), ("[::1]:9100", "::1"), ("fd00::1", "fd00::1"), ("10.0.0.1:1", "10.0.0.1")],
)
def test_the_host_of_an_instance(instance, host):
    assert host_of(instance) == host


def test_strategies_are_told_apart_by_name():
    assert len({strategy.name for strategy in STRATEGIES}) == len(STRATEGIES)


def bound(engine: FeatureEngine, uid: str, name: str) -> None:
    engine.bind(Pod(uid, name, "team"), "worker-a", 1.0)


def test_a_pod_that_follows_one_of_its_name_is_not_measured_until_the_windows_have_passed():
    engine = FeatureEngine((Node("worker-a", Resources(8.0, 2.0**35)),), 15.0, 0.0)
    names = PodNames(memory_seconds=60.0)
    bound(engine, "first", "db-0")
    names.update(engine.state.bound_pods(), 100.0)
    assert (names.uids, names.renewed) == ({("team", "db-0"): "first"}, frozenset())
    engine.end("first", 110.0)
    names.update(engine.state.bound_pods(), 115.0)
    bound(engine, "second", "db-0")
    bound(engine, "other", "db-1")
    names.update(engine.state.bound_pods(), 130.0)
    assert names.uids == {("team", "db-0"): "second", ("team", "db-1"): "other"}
    assert names.renewed == {"second"}
    names.update(engine.state.bound_pods(), 174.0)
    assert names.renewed == {"second"}
    names.update(engine.state.bound_pods(), 176.0)
    assert names.renewed == frozenset()


def test_a_pod_without_a_name_cannot_be_told_by_one():
    engine = FeatureEngine((Node("worker-a", Resources(8.0, 2.0**35)),), 15.0, 0.0)
    bound(engine, "uid", "")
    names = PodNames(60.0)
    names.update(engine.state.bound_pods(), 100.0)
    assert names.uids == {}
