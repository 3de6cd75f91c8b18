"""Advice rests on all replicas of a workload, also on those that are gone; what nobody can apply is not advised on."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hydatis_assessment.advice import advice
from hydatis_assessment.cluster_use import ContainerRow, cluster_use
from hydatis_sizing.recommendation import Amounts, ContainerName

GIB, DAYS = 2.0**30, 10
WEB = ContainerName("shop", "Deployment/web", "app")
ASKED = Amounts(4.0, 8 * GIB)


def use_of(rows: list[ContainerRow], cpu: list[float], memory: list[float], **told: np.ndarray):
    levels = np.array([cpu, memory])[:, :, None]
    wobble = 1.0 + 0.1 * np.sin(np.arange(DAYS * 288) / 20.0)
    return cluster_use(rows, levels * wobble, **told)


def test_replicas_share_one_request_by_the_hardest_working() -> None:
    limits = Amounts(float("nan"), 8 * GIB)
    rows = [ContainerRow(WEB, f"web-{number}", requests=ASKED, limits=limits) for number in (1, 2)]
    (one,) = advice(use_of(rows, [0.1, 1.0], [GIB, 2 * GIB]))
    assert one.container == WEB
    assert one.pods_count == 2
    assert one.owned == ASKED
    assert 1.0 < one.requests.cpu_cores < 2.0
    assert 2.2 * GIB < one.requests.memory_bytes < 3.5 * GIB
    assert one.memory_limit_bytes > one.requests.memory_bytes
    assert one.untouched == ""
    assert one.made_at_seconds == use_of(rows, [1.0, 1.0], [1.0, 1.0]).end_seconds


def test_what_is_gone_is_seen_but_nobody_is_advised_for_it_alone() -> None:
    gone = ContainerRow(WEB, "web-0", running=False)
    rows = [gone, ContainerRow(WEB, "web-1", requests=ASKED), replace(gone, name=replace(WEB, workload="Deployment/former"))]
    (one,) = advice(use_of(rows, [2.0, 0.1, 1.0], [4 * GIB, GIB, GIB]))
    assert (one.container, one.pods_count, one.owned) == (WEB, 1, ASKED)
    assert one.requests.memory_bytes > 4.4 * GIB


def test_bare_pods_and_sidecars_are_left_out() -> None:
    rows = [
        ContainerRow(replace(WEB, workload=""), "bare", requests=ASKED),
        ContainerRow(replace(WEB, container="mesh"), "web-1", requests=ASKED, is_sidecar=True),
    ]
    assert advice(use_of(rows, [1.0, 1.0], [GIB, GIB])) == []


def test_throttled_and_killed_use_is_no_evidence_to_shrink() -> None:
    rows = [ContainerRow(WEB, "web-1", requests=ASKED, limits=Amounts(4.0, 8 * GIB))]
    free = use_of(rows, [0.5], [GIB])
    throttled = use_of(rows, [0.5], [GIB], throttled_ratio=np.full((1, DAYS), 0.6))
    killed_at = np.full((1, DAYS), math.nan)
    killed_at[0, -1] = 8 * GIB
    killed = use_of(rows, [0.5], [GIB], killed_at_bytes=killed_at)
    assert advice(free)[0].requests.cpu_cores < 1.0
    assert advice(throttled)[0].requests.cpu_cores == 4.0
    assert advice(killed)[0].requests.memory_bytes > 8 * GIB


def test_no_cpu_request_is_advised_above_the_cpu_limit() -> None:
    rows = [ContainerRow(WEB, "web-1", requests=Amounts(1.0, 8 * GIB), limits=Amounts(1.5, math.nan))]
    (one,) = advice(use_of(rows, [1.45], [GIB]))
    assert one.requests.cpu_cores == 1.5


def test_the_reasons_of_the_table_are_given() -> None:
    by_reason = {
        "forbidden": {"right_size": "off"},
        "guaranteed": {"qos": "Guaranteed"},
        "vertical-autoscaler": {"vpa": True},
        "horizontal-autoscaler": {"hpa_resources": frozenset({"cpu", "memory"})},
    }
    rows = [
        ContainerRow(replace(WEB, workload=f"Deployment/{reason}"), reason, requests=ASKED, **facts)
        for reason, facts in by_reason.items()
    ]
    made = advice(use_of(rows, [1.0] * len(rows), [GIB] * len(rows)))
    assert {one.container.workload.removeprefix("Deployment/"): one.untouched for one in made} == {name: name for name in by_reason}

    half = [ContainerRow(WEB, "web-1", requests=ASKED, hpa_resources=frozenset({"cpu"}))]
    (one,) = advice(use_of(half, [1.0], [GIB]))
    assert math.isnan(one.requests.cpu_cores)
    assert one.requests.memory_bytes < 2 * GIB
