"""What is known from watches: books, indexes, and what is taken on nodes."""

from __future__ import annotations

import json
from typing import Any

from hydatis_right_sizer.cluster_state import ClusterState
from hydatis_right_sizer.node_accounts import NodeAccounts, taken_by
from hydatis_right_sizer.object_book import ObjectBook
from hydatis_right_sizer.object_index import ObjectIndex
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.running_pods import RunningPod, read_running_pod
from hydatis_serving.kube.watch import Resource
from hydatis_serving.kube.watch_metrics import KubernetesMetrics
from hydatis_sizing.node_cap import Reclaimed
from msgspec import Raw
from prometheus_client import CollectorRegistry


def raw_pod(name: str, node: str = "", **requests: str) -> Raw:
    container = {"name": "main", "resources": {"requests": requests}}
    pod = {"metadata": {"name": name, "namespace": "shop"}, "spec": {"nodeName": node, "containers": [container]}}
    return Raw(json.dumps(pod).encode())


def pod(name: str, node: str = "", **requests: str) -> RunningPod:
    return read_running_pod(raw_pod(name, node, **requests))


def fill(book: ObjectBook[Any], found: dict[str, Any]) -> None:
    book.listing()
    book.page([Raw(json.dumps(found).encode())])
    book.listed()


def test_a_book_follows_a_list_and_its_changes() -> None:
    told: list[tuple[str, str]] = []

    def tell(before: RunningPod | None, after: RunningPod | None) -> None:
        told.append((before.metadata.name if before else "", after.metadata.name if after else ""))

    book = ObjectBook(
        Resource("pods", "/pods"),
        read_running_pod,
        lambda one: (one.metadata.namespace, one.metadata.name),
        KubernetesMetrics(CollectorRegistry()),
        tell,
    )
    assert not book.whole
    book.listing()
    book.page([raw_pod("a"), raw_pod("b"), Raw(b'{"metadata": 3}')])
    book.listed()
    assert book.whole
    assert {one.metadata.name for one in book.all()} == {"a", "b"}
    book.changed([("ADDED", raw_pod("c")), ("DELETED", raw_pod("a"))])
    assert (book.get("shop", "a"), len(book)) == (None, 2)
    book.listing()
    book.page([raw_pod("c")])
    book.listed()
    assert sorted(told) == [("", "a"), ("", "b"), ("", "c"), ("a", ""), ("b", "")]


def test_an_index_forgets_what_went() -> None:
    index: ObjectIndex[str, str] = ObjectIndex(lambda one: one[0], lambda one: one)
    index.change(None, "ab")
    index.change(None, "ac")
    index.change("ab", "bb")
    assert (index.of("a"), index.of("b")) == (("ac",), ("bb",))
    index.change("ac", None)
    assert (index.of("a"), index.groups()) == ((), {"b"})


def test_what_is_taken_on_a_node_comes_and_goes_with_its_pods() -> None:
    accounts = NodeAccounts()
    sized = {"cpu": "100m", "memory": "1Gi", "hydatis.io/reclaimed-cpu": "900", "hydatis.io/reclaimed-memory": "1024"}
    accounts.change(None, pod("a", "", **sized))
    assert accounts.waiting.reclaimed == Reclaimed(900, 1024)
    accounts.change(pod("a", "", **sized), pod("a", "n1", **sized))
    assert accounts.waiting.reclaimed == Reclaimed()
    assert accounts.of("n1").reclaimed == Reclaimed(900, 1024)
    accounts.change(None, pod("b", "n1", cpu="1"))
    assert round(accounts.of("n1").cpu_cores, 6) == 1.1
    accounts.change(pod("a", "n1", **sized), None)
    assert accounts.of("n1").reclaimed == Reclaimed()
    assert taken_by(pod("c", cpu="none")).cpu_cores == 0.0


def test_whatever_container_an_autoscaler_goes_by_the_workload_is_scaled_on_it() -> None:
    cluster = ClusterState(KubernetesApi("none"), KubernetesMetrics(CollectorRegistry()))
    metric = {"containerResource": {"name": "cpu", "container": "a", "target": {"type": "Utilization"}}}
    target = {"kind": "Rollout", "name": "web"}
    metadata = {"name": "web", "namespace": "shop"}
    scalers = next(book for book in cluster._needed if book.resource.name == "horizontalpodautoscalers")
    fill(scalers, {"metadata": metadata, "spec": {"scaleTargetRef": target, "metrics": [metric]}})
    fill(cluster._vertical_book, {"metadata": metadata, "spec": {"targetRef": target}})
    for workload in (("shop", "Rollout/web"), ("shop", "ReplicaSet/web-7f9cd8b5c4")):
        assert cluster.scaled_on(workload) == {"cpu"}
        assert cluster.has_vertical_autoscaler(workload)
    assert cluster.scaled_on(("shop", "Deployment/web")) == frozenset()
    assert not cluster.has_vertical_autoscaler(("shop", "Deployment/web"))
