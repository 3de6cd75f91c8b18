"""Raw files of a published trace, crafted with one defect each: what the check counts, names, refuses and stops."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_core.errors import DependencyUnavailable, InvalidValue, TraceRefused
from hydatis_lifecycle.quality.gates import DEFAULT_GATES
from hydatis_lifecycle.quality.report import Finding, QualityReport
from hydatis_pipelines.progress import untold
from hydatis_pipelines.raw_quality.registry import RAW_RULES
from hydatis_pipelines.validate_step import check_trace, read_gates, validate
from hydatis_pipelines.whole_files import write_whole

START, STEPS, MACHINES = 1_372_629_600, 288, 4
NOW = START + 86_400.0 * 400


def bitbrains() -> pd.DataFrame:
    """A day of four machines without a fault."""
    rows = MACHINES * STEPS
    percent = np.tile(np.linspace(1, 40, STEPS), MACHINES).astype(np.float32)
    return pd.DataFrame(
        {
            "vm_id": np.repeat(np.arange(MACHINES), STEPS).astype(np.int16),
            "timestamp_s": np.tile(START + 300 * np.arange(STEPS), MACHINES).astype(np.int32),
            "cpu_cores": np.full(rows, 4, dtype=np.int16),
            "cpu_capacity_mhz": np.full(rows, 11_704, dtype=np.float32),
            "cpu_usage_mhz": (11_704 * percent / 100).astype(np.float32),
            "cpu_usage_pct": percent,
            "memory_capacity_kib": np.full(rows, 2**23, dtype=np.float32),
            "memory_usage_kib": np.full(rows, 2**20, dtype=np.float32),
            **{
                name: np.zeros(rows, dtype=np.float32)
                for name in ("disk_read_kib_per_s", "disk_write_kib_per_s", "net_received_kib_per_s", "net_transmitted_kib_per_s")
            },
        }
    )


def written(folder: Path, frame: pd.DataFrame, name: str = "bitbrains/rnd_2013-07.parquet") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, row_group_size=500)
    return path


def checked(folder: Path, trace: str = "bitbrains") -> tuple[QualityReport, dict[str, Finding]]:
    report = check_trace(trace, folder, DEFAULT_GATES, untold, now_seconds=NOW)
    return report, {one.rule: one for one in report.findings}


def test_a_trace_without_fault_passes_with_full_marks(tmp_path: Path) -> None:
    written(tmp_path, bitbrains())
    report, findings = checked(tmp_path)
    assert (report.passed, report.rows_count, findings) == (True, MACHINES * STEPS, {})
    # the root digest that the folder has as a version of a dataset
    sha256 = hashlib.sha256((tmp_path / "bitbrains" / "rnd_2013-07.parquet").read_bytes()).hexdigest()
    assert report.digest == "sha256:" + hashlib.sha256(f"{sha256}  rnd_2013-07.parquet\n".encode()).hexdigest()
    assert {score.ratio for score in report.scores.values()} == {1.0}
    assert report.soft_failures == ()


def test_each_defect_of_bitbrains_is_counted_in_its_dimension(tmp_path: Path) -> None:
    frame = bitbrains()
    frame.loc[
        0:9, ["cpu_cores", "cpu_capacity_mhz", "cpu_usage_mhz", "cpu_usage_pct", "memory_capacity_kib", "memory_usage_kib"]
    ] = 0
    frame.loc[5:6, "cpu_usage_pct"] = 3.0
    frame.loc[20:24, "cpu_usage_pct"] = 104.0
    frame.loc[20:24, "cpu_usage_mhz"] = 11_704 * 1.04
    frame.loc[30:32, "memory_usage_kib"] = 2**24
    frame.loc[40, "cpu_usage_mhz"] = 11_000.0
    frame = pd.concat([frame.drop(index=range(600, 610)), frame.iloc[50:57]], ignore_index=True)
    written(tmp_path, frame)
    report, findings = checked(tmp_path)
    counts = {rule: one.rows_count for rule, one in findings.items()}
    assert counts == {
        "capacity_zero": 10,
        "use_without_capacity": 2,
        "range": 5,
        "memory_above_capacity": 3,
        "megahertz_and_percent": 1,
        "missing": 10,
        "late": 1,
        "repeated": 7,
    }
    assert not findings["capacity_zero"].scored
    rows = MACHINES * STEPS - 10
    assert report.scores["consistency"].passed_count == rows + 7 - 3
    assert report.scores["accuracy"].passed_count == rows + 7 - 8
    assert (report.scores["completeness"].passed_count, report.scores["completeness"].checked_count) == (rows, rows + 10)
    assert findings["memory_above_capacity"].example_rows == (30, 31, 32)
    assert findings["repeated"].examples[0].file == "rnd_2013-07.parquet"


@pytest.mark.parametrize(
    ("change", "column", "said"),
    [
        (lambda frame: frame.assign(timestamp_s=frame["timestamp_s"].astype(np.int64) * 1000), "timestamp_s", "milliseconds"),
        (lambda frame: frame.assign(cpu_usage_pct=frame["cpu_usage_pct"] / 100), "cpu_usage_pct", "a ratio (0..1)"),
        (lambda frame: frame.assign(memory_capacity_kib=frame["memory_capacity_kib"] * 1024), "memory_capacity_kib", "bytes"),
        (lambda frame: frame.assign(memory_capacity_kib=frame["memory_capacity_kib"] / 1024), "memory_capacity_kib", "MiB"),
        (
            lambda frame: frame.assign(
                cpu_capacity_mhz=frame["cpu_capacity_mhz"] / 1000, cpu_usage_mhz=frame["cpu_usage_mhz"] / 1000
            ),
            "cpu_capacity_mhz",
            "GHz",
        ),
    ],
)
def test_wrong_units_stop_training_and_are_named(tmp_path: Path, change: Callable[[Any], Any], column: str, said: str) -> None:
    written(tmp_path, change(bitbrains()))
    report, findings = checked(tmp_path)
    assert not report.passed
    assert findings["unit"].column == column
    assert f"looks like {said} and should be" in findings["unit"].text
    assert any(findings["unit"].text in sentence for sentence in report.hard_failures)


def test_a_changed_schema_is_found_though_other_files_are_right(tmp_path: Path) -> None:
    written(tmp_path, bitbrains())
    written(tmp_path, bitbrains().rename(columns={"cpu_usage_pct": "cpu_pct"}), "bitbrains/rnd_2013-08.parquet")
    report, findings = checked(tmp_path)
    assert not report.passed
    assert "rnd_2013-08.parquet" in findings["column_missing"].text
    assert (findings["column_missing"].column, findings["column_unknown"].column) == ("cpu_usage_pct", "cpu_pct")
    assert report.rows_count == MACHINES * STEPS  # of the file that could be read


def test_times_of_the_future_stop_training(tmp_path: Path) -> None:
    frame = bitbrains()
    frame.loc[MACHINES * STEPS - 1, "timestamp_s"] = int(NOW) + 300
    written(tmp_path, frame)
    report, findings = checked(tmp_path)
    assert not report.passed
    assert findings["future"].example_rows == (MACHINES * STEPS - 1,)


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"PAR1" + data[4:-8] + b"nonsense"]
)
def test_a_truncated_file_is_refused_with_what_to_do(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = written(tmp_path, bitbrains())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TraceRefused, match=r"rnd_2013-07.parquet.* cannot be read as Parquet.*fetch it again"):
        checked(tmp_path)


def test_a_damaged_page_is_refused_with_the_row_before_it(tmp_path: Path) -> None:
    path = written(tmp_path, bitbrains())
    at = pq.ParquetFile(path).metadata.row_group(1).column(5).data_page_offset
    data = bytearray(path.read_bytes())
    data[at : at + 60] = os.urandom(60)
    path.write_bytes(data)
    with pytest.raises(TraceRefused, match="is damaged after row"):
        checked(tmp_path)


def test_a_missing_trace_or_name_is_said(tmp_path: Path) -> None:
    with pytest.raises(TraceRefused, match=r"has no rnd_\*.parquet"):
        checked(tmp_path)
    with pytest.raises(TraceRefused, match="does not exist"):
        checked(tmp_path / "nowhere")
    with pytest.raises(InvalidValue, match="nobody knows the data set 'weather'"):
        checked(tmp_path, "weather")
    with pytest.raises(TraceRefused, match="a folder that hydatis collect wrote"):
        checked(tmp_path, "collected")


def test_marks_and_lifetimes_of_the_other_traces(tmp_path: Path) -> None:
    count = 200
    usage = pd.DataFrame(
        {
            "machine_id": "m_1",
            "timestamp_s": 300 * np.arange(count),
            **{name: np.full(count, 50) for name in ("cpu_util_pct", "mem_util_pct")},
            **{
                name: np.full(count, 1.0)
                for name in (
                    "mem_bandwidth_norm0_100",
                    "cache_miss_per_1k_instr",
                    "net_in_norm0_100",
                    "net_out_norm0_100",
                    "disk_io_pct",
                )
            },
        }
    )
    usage.loc[3:5, "disk_io_pct"] = [-1.0, 101.0, -1.0]
    usage.loc[10:19, ["mem_bandwidth_norm0_100", "cache_miss_per_1k_instr"]] = np.nan
    written(tmp_path, usage, "alibaba_2018/machine_usage.parquet")
    report, findings = checked(tmp_path, "alibaba_2018")
    assert {rule: one.rows_count for rule, one in findings.items()} == {"range": 3, "marked_abnormal": 3, "counters_absent": 10}
    assert report.scores["accuracy"].passed_count == count - 3
    assert report.scores["completeness"].ratio == 1.0

    nodes = pd.DataFrame(
        {"node_name": ["a", "b"], "cpu_milli": 64_000, "memory_mib": 2**18, "gpu_count": [2, 0], "gpu_model": ["T4", None]}
    )
    for name in ("nodes_all_node", "nodes_gpu_node"):
        written(tmp_path, nodes, f"openb/{name}.parquet")
    pods = pd.DataFrame(
        {
            "pod_list": "default",
            "row_in_list": [0, 1, 2, 3, 3],
            "pod_name": [f"p{number}" for number in range(5)],
            "cpu_milli": 4000,
            "memory_mib": [0, 2048, 2048, 2048, 2048],
            "gpu_count": [0, 1, 2, 1, 1],
            "gpu_milli_per_gpu": [0, 500, 500, 1000, 1000],
            "gpu_spec": None,
            "qos": "LS",
            "pod_phase": ["Running", "Pending", "Running", "Failed", "Failed"],
            "creation_time_s": [0, 10, 20, 30, 30],
            "deletion_time_s": [100, 110, 10, 130, 12_902_960],
            "scheduled_time_s": [5.0, np.nan, 25.0, np.nan, 40.0],
        }
    ).astype({"gpu_spec": object})
    frame = pa.Table.from_pandas(pods, preserve_index=False)
    frame = frame.set_column(7, "gpu_spec", pa.nulls(5, pa.string())).set_column(
        12, "scheduled_time_s", frame["scheduled_time_s"].cast(pa.float64()).combine_chunks().cast(pa.int32())
    )
    (tmp_path / "openb").mkdir(exist_ok=True)
    pq.write_table(frame, tmp_path / "openb" / "pods.parquet")
    _, findings = checked(tmp_path, "openb")
    assert {rule: one.rows_count for rule, one in findings.items()} == {
        "range": 1,
        "pending_pod": 1,
        "scheduled_unknown": 1,
        "deletion_before_creation": 1,
        "deletion_before_scheduled": 1,
        "gpu_share": 1,
        "life_cut": 1,
        "repeated": 1,
    }


def test_every_rule_looks_at_columns_that_its_table_has() -> None:
    for tables in RAW_RULES.values():
        for table in tables:
            names = {rule.name for rule in table.columns}
            series = table.series
            asked = {name for rule in table.rows for name in rule.columns} | {rule.column for rule in table.units}
            asked |= {*series.key, *([series.time] if series.time else [])} if series else set()
            assert asked <= names, table.name


def test_the_step_writes_report_and_page_and_a_missed_gate_is_a_result(tmp_path: Path) -> None:
    frame = bitbrains()
    frame.loc[0:200, "memory_usage_kib"] = 2**24
    written(tmp_path, frame)
    thresholds = tmp_path / "gates.yaml"
    thresholds.write_text("accuracy: {hard_pct: 99, soft_pct: 99.5}\n")
    out = tmp_path / "run" / "quality.json"
    told = validate(trace="bitbrains", data=tmp_path, thresholds=thresholds, out=out, progress=untold, now_seconds=NOW)
    assert not told["passed"]
    assert told["hard_failures"] == [
        "accuracy 82.55 % of 1,152 is below 99 %; most by bitbrains.memory_usage_kib, memory_capacity_kib:"
        " memory_above_capacity (201 rows)"
    ]
    report = QualityReport.from_json(json.loads(out.read_text()))
    assert (report.passed, report.digest) == (False, told["digest"])
    page = out.with_suffix(".html").read_text()
    for words in ("Training stops: 1 hard gate missed", "memory_above_capacity", "82.55 %", "rnd_2013-07.parquet row 0"):
        assert words in page
    assert "src=" not in page
    assert "href=" not in page


def test_equal_data_give_an_equal_report(tmp_path: Path) -> None:
    written(tmp_path, bitbrains())
    texts = {check_trace("bitbrains", tmp_path, DEFAULT_GATES, untold, now_seconds=NOW).as_text() for _ in range(2)}
    assert len(texts) == 1


@pytest.mark.parametrize("text", ["accuracy: [", "- 1\n", "accuracy: {hard_pct: many}\n"])
def test_thresholds_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "gates.yaml").write_text(text)
    with pytest.raises(InvalidValue):
        read_gates(tmp_path / "gates.yaml")
    with pytest.raises(InvalidValue, match="cannot be read"):
        read_gates(tmp_path / "none.yaml")


def test_a_step_on_a_full_disk_ends_with_a_sentence_and_without_half_a_file(tmp_path: Path) -> None:
    written(tmp_path, bitbrains())
    out = tmp_path / "run" / "quality.json"
    command = [
        sys.executable,
        "-m",
        "hydatis_pipelines",
        "validate",
        "--trace",
        "bitbrains",
        "--data",
        str(tmp_path),
        "--out",
        str(out),
    ]

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    done = subprocess.run(
        command, check=False, capture_output=True, text=True, preexec_fn=small, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    )
    assert done.returncode == 1
    assert "cannot be written: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(out.parent.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DependencyUnavailable, match="cannot be written"):
        write_whole(tmp_path / "file" / "report.json", b"{}")
