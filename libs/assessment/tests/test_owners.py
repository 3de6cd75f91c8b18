"""Whose a pod was is told by kube-state-metrics, else by its name, in the words that the API server would have used."""

from __future__ import annotations

import pytest
from hydatis_assessment.capture.owners import past_workload

KNOWN = {("shop", "DaemonSet/agent"), ("shop", "Job/migrate"), ("shop", "Deployment/web")}


@pytest.mark.parametrize(
    ("pod", "workload"),
    [
        ("web-7f9cd8b5c4-x2x5z", "Deployment/web"),
        ("two-words-5d4c8f7b96-q9wzt", "Deployment/two-words"),
        ("report-29384756-k7jbq", "CronJob/report"),
        ("db-0", "StatefulSet/db"),
        ("agent-fk29x", "DaemonSet/agent"),
        ("migrate-fk29x", "Job/migrate"),
        ("somebody-fk29x", ""),
        ("operated-by-hand", ""),
    ],
)
def test_a_name_tells(pod: str, workload: str) -> None:
    assert past_workload(("shop", pod), {}, {}, KNOWN) == workload


@pytest.mark.parametrize(
    ("pod", "owner", "workload"),
    [
        ("web-7f9cd8b5c4-x2x5z", "ReplicaSet/web-7f9cd8b5c4", "Deployment/web"),
        ("odd-name", "ReplicaSet/bare", "ReplicaSet/bare"),
        ("odd-name", "Job/report-29384756", "CronJob/report"),
        ("odd-name", "Job/report-20261123", "Job/report-20261123"),
        ("etcd-node-1", "Node/node-1", "Static/etcd"),
        ("odd-name", "Cluster/main", "Cluster/main"),
    ],
)
def test_what_kube_state_metrics_tells_counts_more(pod: str, owner: str, workload: str) -> None:
    assert past_workload(("shop", pod), {("shop", pod): owner}, {}, KNOWN) == workload


def test_a_replicaset_s_own_owner_counts_most() -> None:
    owners, sets = {("shop", "p"): "ReplicaSet/odd"}, {("shop", "odd"): "Deployment/even"}
    assert past_workload(("shop", "p"), owners, sets, KNOWN) == "Deployment/even"
    assert past_workload(("shop", "p"), owners, {("other", "odd"): "Deployment/even"}, KNOWN) == "ReplicaSet/odd"
