"""The report is one whole page; the table says which value is best only where one direction is better."""

from dataclasses import replace

import numpy as np
import pytest
from hydatis_cli.outcome_table import outcome_rows
from hydatis_cli.replay_result import ReplayResult, percentiles_milliseconds
from hydatis_cli.report import write_report
from hydatis_cli.workloads import evaluation_workload
from hydatis_simulator.policy import RandomPolicy, StockPolicy
from hydatis_simulator.replay import replay


@pytest.fixture(scope="module")
def outcomes():
    workload = evaluation_workload("synthetic", None, seed=2, pod_count=30, node_count=3, days=1)
    return tuple(replay(workload.trace, workload.nodes, policy, seed=2) for policy in (StockPolicy(), RandomPolicy(2)))


def result_of(outcomes, **changes):
    return ReplayResult(
        command="hydatis replay --trace <synthetic>",
        outcomes=outcomes,
        rungs={"full": 28, "greedy": 2},
        reasons={"breaker_open": 2},
        unanswered_count=0,
        latencies_seconds=[0.004] * 29 + [0.02],
        tick_seconds=[0.02, 0.03],
        retries_count=0,
        trace_report=evaluation_workload("synthetic", None, seed=2, pod_count=30, node_count=3, days=1).trace.report,
        **changes,
    )


def test_the_page_is_self_contained_and_whole(outcomes, tmp_path):
    page = write_report(result_of(outcomes, models={"cpu-forecaster": "1.0.0"}), tmp_path / "report.html").read_text()

    assert page.rstrip().endswith("</html>")
    assert 'src="http' not in page
    assert "&lt;synthetic&gt;" in page, "what the user typed is escaped"
    for wanted in (
        "93.3 %",
        "CPU demand of every node",
        "Decisions by rung",
        "breaker_open",
        "cpu-forecaster 1.0.0",
        "stock",
        "random",
    ):
        assert wanted in page
    assert list(tmp_path.iterdir()) == [tmp_path / "report.html"], "nothing half-written is left"


def test_a_page_without_memory_and_decisions_is_whole_too(outcomes, tmp_path):
    unknown = np.full_like(outcomes[0].memory_load, np.nan)
    without = replace(result_of(tuple(replace(o, memory_load=unknown) for o in outcomes)), latencies_seconds=[], rungs={})
    page = write_report(without, tmp_path / "report.html").read_text()

    assert page.rstrip().endswith("</html>")
    assert "Memory demand of every node" not in page


def test_the_best_value_stands_out_only_where_one_direction_is_better(outcomes):
    better = replace(outcomes[0], figures=outcomes[0].figures | {"throttled_core_seconds": 1.0, "cpu_load_mean_ratio": 0.1})
    worse = replace(outcomes[1], figures=outcomes[1].figures | {"throttled_core_seconds": 2.0, "cpu_load_mean_ratio": 0.2})
    rows = {row.label: row for row in outcome_rows((better, worse))}

    assert rows["CPU throttled, core-seconds"].best == (True, False)
    assert rows["CPU demand, mean %"].best == (False, False)
    assert rows["CPU demand, mean %"].cells == ("10.0", "20.0")


def test_a_figure_that_does_not_exist_is_a_dash(outcomes):
    missing = replace(outcomes[0], figures=outcomes[0].figures | {"oom_count": float("nan")})
    rows = {row.label: row for row in outcome_rows((missing, outcomes[1]))}
    assert rows["out-of-memory kills"].cells[0] == "-"


def test_percentiles_are_in_milliseconds():
    assert percentiles_milliseconds([0.001, 0.003]) == pytest.approx({"p50": 2.0, "p90": 2.8, "p99": 2.98, "max": 3.0})
    assert percentiles_milliseconds([]) == {}
