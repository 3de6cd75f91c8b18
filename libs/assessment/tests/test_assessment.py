"""The whole assessment on clusters of a dozen pods: no peeking, resumption, and what is said when there is too little to say."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hydatis_assessment.analysis.assessment import assess, digest_of_use
from hydatis_assessment.analysis.intervals import estimate
from hydatis_assessment.analysis.judged_days import cut
from hydatis_assessment.analysis.left_alone import history_days, reasons
from hydatis_assessment.analysis.levers import LEVERS
from hydatis_assessment.analysis.pods import pods_of
from hydatis_assessment.analysis.samples import sample
from hydatis_assessment.analysis.savings import node_shape
from hydatis_assessment.analysis.sized_rows import sized_rows
from hydatis_assessment.cluster_use import NOTHING, ClusterUse, ContainerRow, Gap, cluster_use
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_core.seeds import generator
from hydatis_sizing.recommendation import Amounts, ContainerName

GIB = 2.0**30
STEPS = 24


def cluster(days: int = 9, replicas: int = 3, workloads: int = 4, seed: int = 1) -> ClusterUse:
    """Hours of Deployments that ask for ten times what they use, on nodes that have room for them all."""
    random = generator(seed, "tests/assessment")
    rows, use, on = [], [], []
    for workload in range(workloads):
        level = 0.1 * (workload + 1)
        course = 1.0 + 0.3 * np.sin(2 * np.pi * np.arange(days * STEPS) / STEPS)
        for replica in range(replicas):
            name = ContainerName("shop", f"Deployment/app-{workload}", "app")
            rows.append(ContainerRow(name, f"app-{workload}-{replica}", requests=Amounts(10 * level, 20 * level * GIB)))
            cpu = level * course * random.uniform(0.8, 1.2, days * STEPS)
            use.append([cpu, 2 * level * GIB * random.uniform(0.9, 1.0, days * STEPS)])
            on.append([(workload * replicas + replica) % 4] * days)
    nodes = [Node(f"node-{number}", Resources(16.0, 64 * GIB)) for number in range(4)]
    return cluster_use(
        rows, np.array(use).transpose(1, 0, 2), nodes=nodes, node_by_day=np.array(on), step_seconds=3600.0, source="test"
    )


def told(use: ClusterUse, known: dict[str, Any] | None = None) -> dict[str, Any]:
    return assess(use, {} if known is None else known, lambda *_: None, samples_count=2, pods_count=40)


def by_name(figures: dict[str, Any]) -> dict[str, Any]:
    return {lever["name"]: lever["nodes"] for lever in figures["savings"]["levers"]}


def test_sizing_needs_fewer_nodes_than_todays_requests_and_the_bounds_fewer_still() -> None:
    figures = told(cluster())
    levers = by_name(figures)
    assert list(levers) == [lever.name for lever in LEVERS]
    for ratio in ("0.001", "0.01", "0.05"):
        today, sized, both, oracle = (levers[name][ratio]["value"] for name in ("today", "right-sizing", "both", "oracle"))
        assert oracle <= both < today
        assert sized < today
        assert figures["savings"]["bounds"]["fluid_nodes"]["value"] <= oracle
        assert levers["both"][ratio]["violation_ratio"] <= float(ratio)
        assert levers["both"][ratio]["low"] <= both <= levers["both"][ratio]["high"]
    assert figures["savings"]["nodes_now"] == 4.0
    assert figures["savings"]["sizable_ratio"] == [1.0, 1.0]
    assert figures["care"]["workloads"] == []
    assert figures["not_told"] == []


def test_nothing_that_is_judged_is_known_to_whoever_sizes_or_is_tuned() -> None:
    use = cluster()
    days = cut(use.days_count)
    assert days is not None
    later = use.use.copy()
    later[:, :, days.judged_from_day * STEPS :] *= 5.0
    changed = replace(use, use=later)
    np.testing.assert_array_equal(sized_rows(use, days).requests, sized_rows(changed, days).requests)
    first, second = told(use), told(changed)
    assert first["savings"]["tuned"] == second["savings"]["tuned"]
    assert by_name(first)["oracle"] != by_name(second)["oracle"]


def test_copies_of_a_small_cluster_keep_history_and_judged_time_apart() -> None:
    use = cluster()
    days = cut(use.days_count)
    assert days is not None
    marked = use.use.copy()
    marked[:, :, days.judged_from_day * STEPS :] += 100.0
    use = replace(use, use=marked)
    pods = pods_of(use, days, reasons(use, history_days(use)), sized_rows(use, days))
    drawn = sample(use, pods, days, np.array([16.0, 64 * GIB]), 110, pods_count=40, seed=1)
    assert drawn.fleet.pods_count == 48  # four whole copies of twelve
    assert drawn.scale == 0.25
    assert drawn.fleet.usage[0, :, : drawn.fleet.judged_from_step].max() < 100.0
    assert drawn.fleet.judged[0].min() > 100.0


def test_large_pods_come_first_and_a_large_cluster_is_sampled_from_all_sizes() -> None:
    use = cluster(replicas=30)
    days = cut(use.days_count)
    assert days is not None
    pods = pods_of(use, days, reasons(use, history_days(use)), sized_rows(use, days))
    drawn = sample(use, pods, days, np.array([6.0, 64 * GIB]), 110, pods_count=20, seed=1)
    assert drawn.fleet.requests[0, 0] == 4.0
    np.testing.assert_allclose(np.sort(drawn.fleet.requests[0]), np.repeat([1.0, 2.0, 3.0, 4.0], 5))
    assert (drawn.scale, drawn.least_nodes) == (6.0, 1)


def test_what_was_done_is_not_done_again() -> None:
    use = cluster()
    known: dict[str, Any] = {}
    first = told(use, known)
    asked = set(known)
    said: list[str] = []
    second = assess(use, known, lambda done, of, text: said.append(text), samples_count=2, pods_count=40)
    assert set(known) == asked
    assert second == first
    assert not {"waste", "forecasts"} & set(said)
    assert digest_of_use(use) == digest_of_use(cluster())
    assert digest_of_use(use) != digest_of_use(cluster(seed=2))


@pytest.mark.parametrize("days", [1, 2])
def test_hours_of_data_tell_waste_and_say_that_they_tell_no_more(days: int) -> None:
    figures = told(cluster(days=days))
    assert figures["savings"] is None
    assert figures["forecasts"] is None
    assert figures["waste"]["cluster"]["requested_cpu_cores"] == 30.0
    assert f"the past is {days} whole days long, 3 are needed" in figures["not_told"][0]


def test_too_short_a_history_sizes_nothing() -> None:
    figures = told(cluster(days=3))
    assert figures["savings"]["days"] == {"first_day": 0, "history_days": 1, "judged_days": 1, "arrival_days": 1}
    assert figures["savings"]["harm"]["hydatis"]["cpu_asked_ratio"] == 1.0
    assert figures["savings"]["tuned"] == {}


def test_no_container_and_no_metric_are_refused_in_a_sentence() -> None:
    with pytest.raises(InvalidValue, match="no container"):
        told(cluster_use([], np.empty((2, 0, STEPS)), step_seconds=3600.0))
    use = cluster()
    with pytest.raises(InvalidValue, match="no container was measured"):
        told(replace(use, use=np.full_like(use.use, np.nan)))


def test_a_node_without_metrics_leaves_its_pods_out_and_says_so() -> None:
    use = cluster()
    dark = use.use.copy()
    dark[:, use.node_by_day[:, 0] == 2] = np.nan
    figures = told(replace(use, use=dark))
    assert figures["savings"]["unmeasured_pods_count"] == 3
    assert figures["savings"]["pods_count"] == 9
    node = next(one for one in figures["waste"]["nodes"] if one["node"] == "node-2")
    assert math.isnan(node["violation_ratio"])
    assert node["unmeasured_count"] == 3
    assert "too-little-history" not in figures["care"]["counts"]  # other replicas stand for them


def test_gaps_are_no_use_and_are_told() -> None:
    use = cluster()
    holed = use.use.copy()
    holed[:, :, 5 * STEPS : 6 * STEPS] = np.nan
    start = use.start_seconds + 5 * 86_400.0
    figures = told(replace(use, use=holed, gaps=(Gap(start, start + 86_400.0),)))
    assert figures["capture"]["gap_days"] == 1.0
    assert figures["savings"] is not None
    whole = told(use)["waste"]["cluster"]["mean_cpu_cores"]
    assert figures["waste"]["cluster"]["mean_cpu_cores"] == pytest.approx(whole, rel=0.02)


def test_daemon_sets_take_their_share_of_every_node_and_are_not_placed() -> None:
    use = cluster()
    agents = [
        ContainerRow(ContainerName("system", "DaemonSet/agent", "agent"), f"agent-{number}", requests=Amounts(0.5, GIB))
        for number in range(4)
    ]
    series = np.concatenate([use.use, np.full((2, 4, use.steps_count), 0.25, dtype=np.float32)], axis=1)
    on = np.concatenate([use.node_by_day, np.repeat(np.arange(4)[:, None], use.days_count, axis=1)])
    whole = cluster_use([*use.rows, *agents], series, nodes=use.nodes, node_by_day=on, step_seconds=3600.0)
    figures = told(whole)
    assert figures["savings"]["pods_count"] == 12
    assert figures["savings"]["node"]["on_every_node_cpu_cores"] == 0.5
    assert figures["care"]["counts"] == {"daemon-set": 1}


def test_who_is_left_alone_keeps_its_requests_and_is_named_with_the_reason() -> None:
    use = cluster()
    rows = [replace(row, hpa_resources=frozenset({"cpu"})) if row.name.workload == "Deployment/app-0" else row for row in use.rows]
    rows = [replace(row, qos="Guaranteed") if row.name.workload == "Deployment/app-1" else row for row in rows]
    rows = [replace(row, requests=NOTHING) if row.name.workload == "Deployment/app-2" else row for row in rows]
    use = replace(use, rows=tuple(rows))
    days = cut(use.days_count)
    assert days is not None
    sized = sized_rows(use, days).requests
    assert np.isnan(sized[0, :3]).all()
    assert (sized[1, :3] < use.requests[1, :3]).all()
    assert np.isnan(sized[:, 3:9]).all()
    care = {one["workload"]: (one["cpu"], one["memory"]) for one in told(use)["care"]["workloads"]}
    assert care["Deployment/app-0"] == (["horizontal-autoscaler"], [])
    assert care["Deployment/app-1"] == (["guaranteed"], ["guaranteed"])
    assert care["Deployment/app-2"] == (["no-request"], ["no-request"])


def test_a_leak_a_kill_and_throttling_call_for_care() -> None:
    use = cluster()
    leaking = use.use.copy()
    leaking[1, :3] += np.linspace(0.0, 4 * GIB, use.steps_count, dtype=np.float32)
    kills, throttled = np.zeros((12, 9), dtype=np.float32), np.zeros((12, 9), dtype=np.float32)
    kills[4, 2], throttled[7] = 1.0, 0.4
    found = told(replace(use, use=leaking, kills_count=kills, throttled_ratio=throttled))["care"]
    care = {one["workload"]: (one["cpu"], one["memory"]) for one in found["workloads"]}
    assert "memory-grows" in care["Deployment/app-0"][1]
    assert care["Deployment/app-1"] == ([], ["killed"])
    assert care["Deployment/app-2"] == (["throttled"], [])
    assert set(found["texts"]) == set(found["counts"])


def test_the_shape_with_most_cpu_stands_for_the_cluster() -> None:
    small, large = (Resources(4.0, 16 * GIB), Resources(32.0, 128 * GIB))
    nodes = [Node(f"s{number}", small) for number in range(3)] + [Node("l", large)]
    shape, share, count = node_shape(nodes)
    assert (shape.name, share, count) == ("l", 32 / 44, 44 / 32)


def test_intervals_are_students_and_never_narrower_than_the_grain() -> None:
    found = estimate([1.0, 2.0, 3.0])
    assert (found.value, found.low) == (2.0, pytest.approx(2.0 - 4.303 / math.sqrt(3)))
    assert math.isnan(estimate([1.0]).low)
    flat = estimate([5.0, 5.0], grain=2.0)
    assert (flat.low, flat.high) == (4.0, 6.0)
