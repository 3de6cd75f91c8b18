"""What is asked for and used, by hand-made clusters of which every figure is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hydatis_assessment.analysis.node_series import node_series
from hydatis_assessment.analysis.series import add_known, figures_of, summed
from hydatis_assessment.analysis.waste import waste
from hydatis_assessment.cluster_use import NOTHING, ClusterUse, ContainerRow, cluster_use
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_sizing.recommendation import Amounts, ContainerName

GIB = 2.0**30
STEPS = 24


def row(namespace: str, workload: str, pod: str, requests: Amounts = NOTHING, *, running: bool = True) -> ContainerRow:
    return ContainerRow(ContainerName(namespace, workload, "app"), pod, running, requests)


def small_cluster() -> ClusterUse:
    """Two days of hours: web's replicas peak at different times; the job is gone; one pod asks for nothing, one nobody measured."""
    rows = [
        row("batch", "Job/night", "night-1", Amounts(4.0, 4 * GIB), running=False),
        row("shop", "Deployment/web", "web-1", Amounts(2.0, 4 * GIB)),
        row("shop", "Deployment/web", "web-2", Amounts(2.0, 4 * GIB)),
        row("shop", "StatefulSet/db", "db-0"),
        row("shop", "StatefulSet/dark", "dark-0", Amounts(1.0, GIB)),
    ]
    use = np.full((2, 5, 2 * STEPS), np.nan)
    use[0, 0, :STEPS], use[1, 0, :STEPS] = 3.0, GIB
    use[0, 1], use[1, 1] = 0.5, GIB
    use[0, 2], use[1, 2] = 0.5, GIB
    use[0, 1, 0], use[0, 2, 1] = 3.0, 3.0
    use[0, 3], use[1, 3] = 1.0, 2 * GIB
    nodes = [Node("a", Resources(4.0, 16 * GIB)), Node("b", Resources(4.0, 16 * GIB))]
    on = np.array([[1, -1], [0, 0], [0, 1], [1, 1], [0, 0]])
    return cluster_use(rows, use, nodes=nodes, node_by_day=on, step_seconds=3600.0)


def told() -> dict[str, object]:
    return waste(small_cluster(), lambda *_: None)


def test_a_group_uses_what_its_containers_use_at_the_same_moment() -> None:
    shop = next(one for one in told()["namespaces"] if one["namespace"] == "shop")
    assert shop["max_cpu_cores"] == pytest.approx(3.0 + 0.5 + 1.0)  # and not 3 + 3 + 1
    assert shop["mean_cpu_cores"] == pytest.approx((2 * (4.5 - 2.0) + 48 * 2.0) / 48)
    assert shop["p95_memory_bytes"] == pytest.approx(4 * GIB)
    assert (shop["containers_count"], shop["unsized_count"], shop["unmeasured_count"]) == (4, 1, 1)


def test_waste_is_what_running_containers_ask_for_and_do_not_use() -> None:
    web = next(one for one in told()["workloads"] if one["workload"] == "Deployment/web")
    mean = (47 * 0.5 + 3.0) / 48
    assert web["requested_cpu_cores"] == 4.0
    assert web["wasted_cpu_cores"] == pytest.approx(2 * (2.0 - mean))
    assert web["wasted_memory_bytes"] == pytest.approx(6 * GIB)
    job = next(one for one in told()["workloads"] if one["workload"] == "Job/night")
    assert (job["requested_cpu_cores"], job["wasted_cpu_cores"], job["mean_cpu_cores"]) == (0.0, 0.0, 3.0)


def test_what_nobody_measured_wastes_nothing_that_could_be_said() -> None:
    dark = next(one for one in told()["workloads"] if one["workload"] == "StatefulSet/dark")
    assert dark["wasted_cpu_cores"] == 0.0
    assert math.isnan(dark["mean_cpu_cores"])
    assert dark["unmeasured_count"] == 1


def test_nodes_have_what_ran_on_them_day_by_day() -> None:
    series = node_series(small_cluster())
    assert series[0, 1, 5] == pytest.approx(4.0)  # the job and the database
    assert series[0, 1, STEPS + 5] == pytest.approx(1.5)  # the database and the second replica
    nodes = {one["node"]: one for one in told()["nodes"]}
    assert nodes["b"]["violation_ratio"] == 0.5  # the day on which the job filled it
    assert nodes["a"]["violation_ratio"] == 0.0
    assert told()["cluster"]["violation_ratio"] == 0.25
    assert nodes["a"]["requested_cpu_cores"] == 3.0
    assert told()["cluster"]["allocatable_cpu_cores"] == 8.0


def test_most_waste_comes_first() -> None:
    wasted = [one["wasted_cpu_cores"] for one in told()["workloads"]]
    assert wasted == sorted(wasted, reverse=True)


def test_sums_tell_a_gap_from_a_replica_less() -> None:
    rows = np.array([[[1.0, np.nan, np.nan], [1.0, 2.0, np.nan]]] * 2, dtype=np.float32)
    np.testing.assert_array_equal(summed(rows)[0], np.array([2.0, 2.0, np.nan], dtype=np.float32))
    total = np.full((2, 3), np.nan, dtype=np.float32)
    add_known(total, rows[:, 0])
    add_known(total, rows[:, 1])
    np.testing.assert_array_equal(total, summed(rows))
    found = figures_of(np.full((2, 1, 4), np.nan, dtype=np.float32))
    assert np.isnan([found.mean, found.p95, found.max]).all()
