"""Five scores with their counts: each defect is found in its dimension, named with its rows, and judged by its gate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydatis_core.errors import ArtifactRefused, InvalidValue
from hydatis_lifecycle.quality.gates import DEFAULT_GATES, gates_from
from hydatis_lifecycle.quality.report import DIMENSIONS, Finding, QualityReport, Score
from hydatis_lifecycle.quality.rules import ColumnRule, RowRule, SeriesRule, TableRules, UnitRule
from hydatis_lifecycle.quality.table_check import TableCheck

START = 1_700_000_000
RULES = TableRules(
    "use",
    "use_*.parquet",
    (
        ColumnRule("machine", "text"),
        ColumnRule("time_s", "integer"),
        ColumnRule("used_bytes", low=0),
        ColumnRule("capacity_bytes", low=0, nullable=True),
    ),
    (
        RowRule(
            "above_capacity",
            "accuracy",
            ("used_bytes", "capacity_bytes"),
            "more is used than there is",
            lambda batch: batch["used_bytes"] > batch["capacity_bytes"],
        ),
    ),
    SeriesRule(("machine",), "time_s", 60.0, unix=True),
    (
        UnitRule("time_s", "Unix seconds", lambda batch: batch["time_s"].astype(float), 1e9, 4e9, {"milliseconds": 1e-3}),
        UnitRule("used_bytes", "bytes", lambda batch: batch["used_bytes"], 1e6, 1e13, {"MiB": 2.0**20}),
    ),
)


def rows(machine: str = "a", count: int = 100, **changed: Any) -> dict[str, Any]:
    """A batch without fault; ``changed`` columns instead of its own."""
    time = START + 60 * np.arange(count)
    return {
        "machine": np.array([machine] * count, dtype=object),
        "time_s": time,
        "used_bytes": np.full(count, 1e9, dtype=np.float32),
        "capacity_bytes": np.full(count, 2e9, dtype=np.float32),
    } | changed


def changed_rows(column: str, at: Any, value: Any, count: int = 100) -> dict[str, Any]:
    batch = rows(count=count)
    batch[column][at] = value
    return batch


def checked(
    *batches: dict[str, Any], now: float | None = None, rules: TableRules = RULES
) -> tuple[dict[str, Score], dict[str, Finding]]:
    check = TableCheck(rules, now)
    assert check.add_file("use_1.parquet", pd.DataFrame(batches[0]).head(0))
    first = 0
    for batch in batches:
        check.add("use_1.parquet", first, batch)
        first += len(batch["time_s"])
    scores, findings = check.result()
    return scores, {one.rule: one for one in findings}


def test_what_is_right_scores_a_hundred_percent_of_every_row() -> None:
    scores, findings = checked(rows("a"), rows("b"))
    assert scores == dict.fromkeys(DIMENSIONS, Score(200, 200))
    assert findings == {}


def test_values_out_of_range_and_cross_checks_cost_accuracy_once_a_row() -> None:
    batch = rows()
    batch["used_bytes"][[3, 7]] = -1.0
    batch["used_bytes"][9] = 3e9
    batch["capacity_bytes"][7] = -2.0  # the row that has two faults
    scores, findings = checked(rows("b"), batch)
    assert scores["accuracy"] == Score(197, 200)
    assert findings["above_capacity"].rows_count == 2
    assert findings["above_capacity"].example_rows == (107, 109)
    assert findings["above_capacity"].examples[1].values == {
        "machine": "a",
        "time_s": START + 540,
        "used_bytes": 3e9,
        "capacity_bytes": 2e9,
    }
    check = TableCheck(RULES)
    check.add_file("use_1.parquet", pd.DataFrame(batch).head(0))
    check.add("use_1.parquet", 0, batch)
    ranges = {one.column: one.rows_count for one in check.result()[1] if one.rule == "range"}
    assert ranges == {"used_bytes": 2, "capacity_bytes": 1}


def test_infinite_values_are_out_of_range() -> None:
    scores, findings = checked(changed_rows("used_bytes", [5, 6], np.inf))
    assert scores["accuracy"] == Score(98, 100)
    assert (findings["range"].rows_count, findings["range"].text) == (2, "the value is below 0 or infinite")


def test_unknown_values_cost_completeness_where_they_must_be_known() -> None:
    batch = rows()
    batch["used_bytes"][[0, 1, 2, 3]] = np.nan
    batch["capacity_bytes"][50:] = np.nan
    scores, findings = checked(batch)
    assert scores["completeness"] == Score(96, 100)
    assert (findings["unknown_value"].column, findings["unknown_value"].rows_count) == ("used_bytes", 4)


def test_missing_samples_are_counted_between_first_and_last_of_their_series() -> None:
    keep = np.r_[0:40, 50:100]
    late = {name: values[keep] for name, values in rows("a").items()}
    scores, findings = checked(late, rows("b", 30))
    assert (findings["missing"].rows_count, findings["missing"].counted) == (10, "samples")
    assert scores["completeness"] == Score(120, 130)
    assert scores["timeliness"] == Score(119, 120)
    assert findings["late"].example_rows == (40,)
    assert findings["missing"].examples[0].values == {"machine": "a", "time_s": START + 3000, "missing_before": 10}
    assert "silence" not in findings  # ten steps are no silence


def test_a_silence_of_everybody_is_noted_and_costs_nothing_more() -> None:
    keep = np.r_[0:40, 60:100]
    batches = [{name: values[keep] for name, values in rows(machine).items()} for machine in "ab"]
    scores, findings = checked(*batches)
    assert scores["completeness"] == Score(160, 200)
    assert (findings["silence"].rows_count, findings["silence"].scored) == (1, False)
    assert f"{START + 39 * 60} to {START + 60 * 60}" in findings["silence"].text


def test_repetitions_are_found_across_batches_and_fill_no_gap() -> None:
    again = {name: values[10:15] for name, values in rows().items()}
    scores, findings = checked(rows(), again)
    assert scores["uniqueness"] == Score(100, 105)
    assert scores["completeness"] == Score(100, 100)
    assert findings["repeated"].example_rows == (100, 101, 102)
    assert findings["disordered"].rows_count == 1


def test_the_same_time_of_another_machine_is_no_repetition() -> None:
    scores, _ = checked(rows("a"), rows("b"), rows("c"))
    assert scores["uniqueness"].ratio == 1.0


def test_times_after_now_stop_training() -> None:
    scores, findings = checked(rows(), now=START + 60 * 90.5)
    assert (findings["future"].rows_count, findings["future"].hard) == (9, True)
    assert scores["timeliness"] == Score(91, 100)
    assert checked(rows(), now=START + 1e6)[1] == {}


@pytest.mark.parametrize(
    ("column", "factor", "said"),
    [
        ("time_s", 1000, "looks like milliseconds and should be Unix seconds"),
        ("used_bytes", 2.0**-20, "looks like MiB and should be bytes"),
        ("used_bytes", 1e12, "is no size for bytes"),
    ],
)
def test_a_wrong_unit_is_named(column: str, factor: float, said: str) -> None:
    batch = rows()
    batch[column] = batch[column] * factor
    _, findings = checked(batch)
    assert said in findings["unit"].text
    assert "in use_1.parquet" in findings["unit"].text
    assert findings["unit"].hard


def test_a_unit_is_looked_at_file_by_file() -> None:
    check = TableCheck(RULES)
    for file, factor in (("use_1.parquet", 1), ("use_2.parquet", 1000)):
        batch = rows()
        batch["time_s"] = batch["time_s"] * factor
        assert check.add_file(file, pd.DataFrame(batch).head(0))
        check.add(file, 0, batch)
    (unit,) = [one for one in check.result()[1] if one.rule == "unit"]
    assert unit.text.endswith("in use_2.parquet")


@pytest.mark.parametrize(
    ("change", "rule", "column", "goes_on"),
    [
        (lambda frame: frame.drop(columns="used_bytes"), "column_missing", "used_bytes", False),
        (lambda frame: frame.rename(columns={"used_bytes": "used"}), "column_unknown", "used", False),
        (lambda frame: frame.assign(more=1), "column_unknown", "more", True),
        (lambda frame: frame.astype({"time_s": str}), "column_kind", "time_s", False),
        (lambda frame: frame.astype({"time_s": float}), "column_kind", "time_s", False),
    ],
)
def test_a_changed_schema_stops_training_and_names_the_column(change: Any, rule: str, column: str, goes_on: bool) -> None:
    check = TableCheck(RULES)
    assert check.add_file("use_7.parquet", change(pd.DataFrame(rows())).head(0)) is goes_on
    found = {(one.rule, one.column): one for one in check.result()[1]}
    assert found[rule, column].hard
    assert "use_7.parquet" in found[rule, column].text


def test_integers_do_for_numbers() -> None:
    batch = rows(used_bytes=np.full(100, 10**9))
    assert checked(batch)[1] == {}


def test_a_table_without_series_has_nothing_to_be_late_or_repeated() -> None:
    rules = TableRules("plain", "*", RULES.columns)
    scores, _ = checked(rows(), rules=rules)
    assert scores["timeliness"] == scores["uniqueness"] == Score(0, 0)
    assert scores["timeliness"].ratio == 1.0


def findings_of(*batches: dict[str, Any]) -> tuple[dict[str, Score], list[Finding]]:
    scores, findings = checked(*batches)
    return scores, list(findings.values())


def test_gates_stop_below_hard_and_warn_below_soft() -> None:
    hard, soft = DEFAULT_GATES.failures(*findings_of(changed_rows("used_bytes", slice(0, 6), np.nan)))
    assert hard == ("completeness 94.00 % of 100 is below 95 %; most by use.used_bytes: unknown_value (6 rows)",)
    assert soft == ()
    hard, soft = DEFAULT_GATES.failures(*findings_of(changed_rows("used_bytes", slice(0, 5), np.nan)))
    assert hard == ()
    assert soft == ("completeness 95.00 % of 100 is below 99 %; most by use.used_bytes: unknown_value (5 rows)",)


def test_gates_of_the_first_three_dimensions_are_those_asked_for() -> None:
    told = {name: DEFAULT_GATES.dimensions[name].hard_pct for name in ("completeness", "consistency", "timeliness")}
    assert told == {"completeness": 95.0, "consistency": 90.0, "timeliness": 98.0}
    assert set(DEFAULT_GATES.dimensions) == set(DIMENSIONS)


def test_a_file_can_move_gates_and_make_rules_hard() -> None:
    gates = gates_from({"completeness": {"hard_pct": 90, "soft_pct": 93}, "rules": {"above_capacity": "hard", "unit": "soft"}})
    assert gates.dimensions["accuracy"] == DEFAULT_GATES.dimensions["accuracy"]
    scores, findings = findings_of(changed_rows("used_bytes", 4, 3e9))
    (applied,) = map(gates.applied, findings)
    assert gates.failures(scores, [applied])[0] == (
        "use.used_bytes, capacity_bytes: above_capacity: more is used than there is (1 rows, first use_1.parquet row 4)",
    )
    assert gates_from(None) == DEFAULT_GATES
    assert gates_from({"accuracy": {"hard_pct": 99}}).dimensions["accuracy"].soft_pct == 99.0


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ([], "thresholds"),
        ({"beauty": {}}, "thresholds"),
        ({"accuracy": 95}, "thresholds.accuracy"),
        ({"accuracy": {"least": 95}}, "thresholds.accuracy"),
        ({"accuracy": {"hard_pct": 101}}, "thresholds.accuracy.hard_pct"),
        ({"accuracy": {"hard_pct": True}}, "thresholds.accuracy.hard_pct"),
        ({"accuracy": {"hard_pct": 95, "soft_pct": 90}}, "thresholds.accuracy"),
        ({"rules": {"unit": "medium"}}, "thresholds.rules"),
    ],
)
def test_what_is_no_gate_is_refused(told: Any, field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        gates_from(told)
    assert refused.value.field == field


def test_a_report_is_what_its_json_says() -> None:
    scores, findings = findings_of(changed_rows("used_bytes", slice(0, 6), np.nan), rows("b"))
    report = QualityReport("use", "sha256:" + "0" * 64, 200, scores, tuple(findings), *DEFAULT_GATES.failures(scores, findings))
    assert QualityReport.from_json(report.to_json()) == report
    assert report.passed
    assert report.to_json()["scores"]["completeness"] == {"ratio": 0.97, "passed_count": 194, "checked_count": 200}
    with pytest.raises(ArtifactRefused, match="no quality report"):
        QualityReport.from_json({"dataset": "use"})
