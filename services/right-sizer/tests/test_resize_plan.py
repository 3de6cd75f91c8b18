"""Slowly, a share at a time, within the node's cap and the cluster's hour, and nothing that is not ours to touch."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hydatis_right_sizer.policy import ResizePolicy
from hydatis_right_sizer.resize_plan import Change, Plan, Wanted, blast_radius, change_of, plan
from hydatis_right_sizer.resize_record import RESIZE_ANNOTATION, ResizeRecord
from hydatis_serving.kube.resizing import ORIGINAL_ANNOTATION
from hydatis_serving.kube.running_pods import RunningPod, read_running_pod
from hydatis_sizing.node_cap import NodeCap, Reclaimed
from hydatis_sizing.recommendation import Amounts

NOW = 1_790_000_000.0
GIB = 2.0**30
POLICY = ResizePolicy(enabled=True, share_ratio=0.25, observation_seconds=600.0)
ROOM = {"n": NodeCap(Reclaimed(1_000_000, 1_000_000))}
CLUSTER = Amounts(1000.0, 2000 * GIB)
HALF = {"app": Amounts(0.5, GIB)}


def pod(name: str, cpu: str = "1", memory: str = "2Gi", **changes: Any) -> RunningPod:
    """A Burstable pod of one container that runs on the node "n"; changes by "section__field"."""
    container: dict[str, Any] = {"name": "app", "resources": {"requests": {"cpu": cpu, "memory": memory}}}
    there: dict[str, dict[str, Any]] = {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", "generation": 2},
        "spec": {"nodeName": "n", "containers": [container]},
        "status": {"phase": "Running", "qosClass": "Burstable", "observedGeneration": 2},
    }
    for where, value in changes.items():
        section, _, field = where.partition("__")
        (container if section == "container" else there[section])[field] = value
    return read_running_pod(json.dumps(there).encode())


def annotations(seconds_ago: float, cpu_taken: str = "500m", reason: str = "") -> dict[str, str]:
    record = ResizeRecord.of(pod("x"), {"app": {"cpu": "500m"}}, {"cpu": cpu_taken}, NOW - seconds_ago, reason)
    return {ORIGINAL_ANNOTATION: '{"app": {"cpu": "1", "memory": "2Gi"}}', RESIZE_ANNOTATION: record.written()}


def planned(*workloads: list[Wanted], caps: dict[str, NodeCap] = ROOM, share: float = 1.0, requested: Amounts = CLUSTER) -> Plan:
    pods = [wanted.pod for pods in workloads for wanted in pods]
    return plan(workloads, caps, blast_radius(pods, share, 3600.0, NOW), requested, POLICY, NOW)


def names(done: Plan) -> list[str]:
    return sorted(change.pod.metadata.name for change in done.changes)


def changed(wanted: Wanted) -> Change:
    change = change_of(wanted)
    assert change is not None
    return change


def test_what_is_asked_for_and_what_it_gives() -> None:
    change = changed(Wanted(pod("a"), {"app": Amounts(0.12, 700 * 2.0**20)}))
    assert change.requests == {"app": {"cpu": "120m", "memory": "700Mi"}}
    assert (change.taken, change.more) == (Amounts(0.88, 1348 * 2.0**20), Reclaimed(880, 1348))


def test_a_share_of_a_workload_at_a_time_and_one_always() -> None:
    many, one = [[Wanted(pod(f"{kind}{i}"), HALF) for i in range(count)] for kind, count in (("m", 10), ("o", 1))]
    done = planned(many, one)
    assert names(done) == ["m0", "m1", "o0"]
    assert done.held["observing"] == 8


def test_the_next_wave_waits_until_the_last_was_watched_long_enough() -> None:
    pods = [Wanted(pod(f"p{i}"), HALF) for i in range(6)]
    for seconds_ago, expected in ((599.0, []), (601.0, ["p0"])):
        watched = Wanted(pod("w", "500m", "1Gi", metadata__annotations=annotations(seconds_ago)), HALF)
        assert names(planned([*pods, watched])) == expected


def test_an_unfinished_resize_keeps_the_next_wave_waiting_however_old_it_is() -> None:
    pending = [{"type": "PodResizePending", "status": "True", "reason": "Deferred"}]
    for state in ({"status__conditions": pending}, {"metadata__generation": 3}):
        waiting = pod("w", "500m", metadata__annotations=annotations(1e6), **state)
        assert names(planned([Wanted(waiting, HALF), *(Wanted(pod(f"p{i}"), HALF) for i in range(4))])) == []


def test_an_announced_resize_keeps_the_next_wave_waiting_too() -> None:
    announced = Wanted(pod("w", metadata__annotations=annotations(1e6)), HALF)
    assert names(planned([announced, *(Wanted(pod(f"p{i}"), HALF) for i in range(4))])) == []


def test_what_went_back_is_watched_by_nobody() -> None:
    back = Wanted(pod("w", metadata__annotations=annotations(1.0, reason="restarted")), {})
    assert names(planned([back, Wanted(pod("p"), HALF)])) == ["p"]


def test_the_cap_of_a_node_is_not_passed_by_the_sum_of_a_wave() -> None:
    pods = [[Wanted(pod(f"p{i}"), HALF)] for i in range(5)]
    done = planned(*pods, caps={"n": NodeCap(Reclaimed(2000, 100_000), held=Reclaimed(400, 0), in_place=Reclaimed(500, 0))})
    assert (len(done.changes), done.held["node-cap"]) == (2, 3)
    assert planned(*pods, caps={}).held["node-cap"] == 5


def test_what_a_pod_asks_for_as_extended_resources_makes_no_more_room_necessary() -> None:
    """It was sized by the webhook to 400 milli-cores and holds 600: 300 would need 100 more."""
    held = {"cpu": "400m", "memory": "2Gi", "hydatis.io/reclaimed-cpu": "600"}
    kept = {ORIGINAL_ANNOTATION: '{"app": {"cpu": "1", "memory": "2Gi"}}'}
    sized = pod("a", container__resources={"requests": held}, metadata__annotations=kept)
    assert changed(Wanted(sized, {"app": Amounts(0.3, 2 * GIB)})).more == Reclaimed(100, 0)
    assert changed(Wanted(sized, {"app": Amounts(0.8, 2 * GIB)})).more == Reclaimed(0, 0)


def test_a_recommender_that_halves_everything_gets_an_hours_share_and_no_more() -> None:
    """1,000 workloads of one pod, all halved at once: 5 % of 1,000 cores are 100 pods' halves."""
    everything = [[Wanted(pod(f"p{i:04d}"), HALF)] for i in range(1000)]
    done = planned(*everything, share=0.05)
    assert (len(done.changes), done.held["blast-radius"]) == (100, 900)
    after = [[Wanted(pod("w", "500m", "1Gi", metadata__annotations=annotations(3000.0, cpu_taken="30")), HALF)], *everything]
    assert len(planned(*after, share=0.05).changes) == 40


def test_memory_counts_like_cpu_for_the_hours_share() -> None:
    workloads = [[Wanted(pod(f"p{i}"), HALF)] for i in range(10)]
    assert len(planned(*workloads, share=0.05, requested=Amounts(1000.0, 60 * GIB)).changes) == 3


def test_requests_grow_back_without_room_or_share_and_never_above_the_owners() -> None:
    small = pod("a", "500m", "1Gi", metadata__annotations=annotations(1e5))
    change = changed(Wanted(small, {"app": Amounts(7.0, 1.5 * GIB)}))
    assert (change.requests, change.more) == ({"app": {"cpu": "1", "memory": "1536Mi"}}, Reclaimed())
    assert names(planned([Wanted(small, {"app": Amounts(7.0, GIB)})], caps={}, share=0.0)) == ["a"]


LEFT_ALONE = {
    "pending": {"status__phase": "Pending"},
    "being deleted": {"metadata__deletionTimestamp": "2026-01-01T00:00:00Z"},
    "on no node": {"spec__nodeName": ""},
    "Guaranteed": {"status__qosClass": "Guaranteed"},
    "pod-level resources": {"spec__resources": {"requests": {"cpu": "4"}}},
    "an unfinished resize": {"status__conditions": [{"type": "PodResizeInProgress", "status": "True"}]},
    "restarted for either": {
        "container__resizePolicy": [{"resourceName": one, "restartPolicy": "RestartContainer"} for one in ("cpu", "memory")]
    },
    "an original that cannot be meant": {"metadata__annotations": {ORIGINAL_ANNOTATION: "[]"}},
    "requests that cannot be meant": {"container__resources": {"requests": {"cpu": "-1"}}},
    "no requests": {"container__resources": {}},
}


@pytest.mark.parametrize("why", LEFT_ALONE)
def test_these_are_left_alone(why: str) -> None:
    assert change_of(Wanted(pod("a", **LEFT_ALONE[why]), HALF)) is None


def test_a_resource_whose_resize_restarts_the_container_stays_and_the_other_goes() -> None:
    rules = [
        {"resourceName": "memory", "restartPolicy": "RestartContainer"},
        {"resourceName": "cpu", "restartPolicy": "NotRequired"},
    ]
    assert changed(Wanted(pod("a", container__resizePolicy=rules), HALF)).requests == {"app": {"cpu": "500m"}}


@pytest.mark.parametrize(
    "advised", [{}, {"other": Amounts(0.1, GIB)}, {"app": Amounts(math.nan, math.nan)}, {"app": Amounts(0.97, 2 * GIB)}]
)
def test_nothing_new_is_no_change(advised: dict[str, Amounts]) -> None:
    assert change_of(Wanted(pod("a"), advised)) is None
