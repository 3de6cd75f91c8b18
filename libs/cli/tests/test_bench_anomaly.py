"""`hydatis bench anomaly` end to end on a tiny folder in the published layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_anomaly.inputs import INPUTS, columns_of
from hydatis_anomaly.training import train
from hydatis_cli import node_faults
from hydatis_cli.anomaly_report import anomaly_tables
from hydatis_cli.console import EXIT_USAGE, exit_code_of
from hydatis_cli.main import app
from hydatis_core.errors import ArtifactRefused, InvalidValue, TraceRefused
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.artifacts import Manifest, digest_files
from typer.testing import CliRunner

ROWS = 300
TICK = 300


def write_machines(folder: Path) -> None:
    inner = folder / "asd"
    inner.mkdir(parents=True)
    random = np.random.default_rng(1)
    for part in ("train", "test"):
        values = random.normal(0.5, 0.05, (ROWS, 3))
        labels = np.zeros(ROWS, dtype=np.int8)
        if part == "test":
            values[150:165] += 0.4
            labels[150:165] = 1
        columns = {"server_id": ["one"] * ROWS, "step_5min": np.arange(ROWS)}
        columns |= {f"metric_0{place}_minmax01": values[:, place] for place in range(3)}
        pq.write_table(pa.table(columns | ({"is_anomaly": labels} if part == "test" else {})), inner / f"{part}.parquet")
    (inner / "anomaly_segments.csv").write_text('server_id,start_step,end_step,dims_1based\none,150,164,"1,2,3"\n')


def short_machine(folder: Path) -> None:
    """A machine with ten rows of training."""
    write_machines(folder)
    path = folder / "asd" / "train.parquet"
    pq.write_table(pq.read_table(path).slice(0, 10), path)


def write_bitbrains(folder: Path, days: int) -> None:
    """Twenty machines from the first day of the trace on."""
    inner = folder / "bitbrains"
    inner.mkdir(parents=True)
    random = np.random.default_rng(2)
    rows = days * 288
    times = 1_372_629_600 + TICK * np.arange(rows)
    tables = []
    for machine in range(20):
        load = np.clip(10 + 5 * np.sin(np.arange(rows) / 40 + machine) + random.normal(0, 1, rows), 0, 100)
        io = {
            f"{name}_kib_per_s": np.abs(random.normal(100, 10, rows))
            for name in ("disk_read", "disk_write", "net_received", "net_transmitted")
        }
        tables.append(
            pa.table(
                {
                    "vm_id": np.full(rows, machine, dtype=np.int32),
                    "timestamp_s": times.astype(np.int32),
                    "cpu_cores": np.full(rows, 4, dtype=np.int8),
                    "cpu_capacity_mhz": np.full(rows, 10_000.0),
                    "cpu_usage_mhz": load * 100,
                    "cpu_usage_pct": load,
                    "memory_capacity_kib": np.full(rows, 8_388_608.0),
                    "memory_usage_kib": np.abs(random.normal(1e6, 1e4, rows)),
                    **io,
                }
            )
        )
    pq.write_table(pa.concat_tables(tables), inner / "rnd_2013-07.parquet")


def run(*arguments: object) -> object:
    return CliRunner().invoke(app, ["bench", "anomaly", *map(str, arguments)])


def test_a_labelled_set_ends_as_json_page_and_tables(tmp_path: Path) -> None:
    write_machines(tmp_path / "data")
    result = run(
        "--data", tmp_path / "data", "--json", tmp_path / "a.json", "--report", tmp_path / "a.html", "--quick", "--seed", 3
    )
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "a.json").read_text())
    assert (figures["data"], figures["seed"]) == (["asd"], 3)
    assert str(tmp_path) not in (tmp_path / "a.json").read_text()
    detectors = figures["sets"]["asd"]["detectors"]
    assert detectors["forest on windows"]["ranking"]["auc_pr"] > 0.5
    assert detectors["forest on windows"]["ranking"]["auc_pr"] > detectors["random"]["ranking"]["auc_pr"]
    assert all(0 <= one["ranking"]["auc_pr"] <= 1 for one in detectors.values())
    page = (tmp_path / "a.html").read_text()
    assert page.startswith("<!doctype html>")
    assert 'src="http' not in page
    titles = [table.title for table in anomaly_tables(figures)]
    assert titles == ["asd: ranking of rows, mean over machines", "asd: alarms at the rate fixed beforehand", "asd: metrics named"]
    assert "smd: skipped" in result.output


def publish_forest(folder: Path) -> None:
    """A frozen detector, grown on made-up rows of the node table."""
    random = np.random.default_rng(5)
    columns = columns_of(INPUTS)
    forest = train(random.uniform(0.2, 0.6, (400, len(columns))).astype(np.float32), seed=1)
    files = forest.to_files()
    digest = "sha256:" + "0" * 64
    manifest = Manifest(
        "anomaly-detector", "1.2.3", "isolation_forest", forest.columns, forest.outputs, digest, "test", {}, {}, digest_files(files)
    )
    ArtifactFolder(folder).publish(manifest, files)


@pytest.mark.parametrize("frozen", [True, False])
def test_nodes_with_faults_are_judged_by_a_frozen_detector_or_by_that_of_the_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frozen: bool
) -> None:
    write_bitbrains(tmp_path / "data", 4)
    monkeypatch.setattr(node_faults, "QUICK", node_faults.Sizes(12, 2, 2, 1, 1, 1))
    models = []
    if frozen:
        publish_forest(tmp_path / "models")
        models = ["--models", tmp_path / "models"]
    result = run("--data", tmp_path / "data", "--json", tmp_path / "a.json", "--quick", *models)
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "a.json").read_text())["sets"]["nodes"]
    assert figures["model_version"] == ("1.2.3 (frozen)" if frozen else "trained here")
    assert figures["faults"] == figures["nodes"] == sum(one["faults"] for one in figures["by_fault"].values())
    product = figures["detectors"][node_faults.NODE_TABLE]
    assert 0 <= product["ranking"]["auc_pr"] <= 1
    assert {alarm["threshold"] for alarm in product["alarms"]} == {"trailing", "fixed"}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: None, "no folder"),
        (lambda data: data.mkdir(), "holds none of"),
        (lambda data: (data / "smd").mkdir(parents=True), "train.parquet"),
        (lambda data: (data / "bitbrains").mkdir(parents=True), "bitbrains"),
        (short_machine, "one window"),
    ],
)
def test_bad_folders_are_one_sentence_and_leave_nothing(tmp_path: Path, spoil, said: str) -> None:
    spoil(tmp_path / "data")
    result = run("--data", tmp_path / "data", "--json", tmp_path / "a.json")
    assert isinstance(result.exception, InvalidValue | TraceRefused)
    assert exit_code_of(result.exception) == EXIT_USAGE
    assert said in str(result.exception)
    assert list(tmp_path.glob("*.json")) == []


def test_a_folder_without_the_model_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    write_bitbrains(tmp_path / "data", 2)
    result = run("--data", tmp_path / "data", "--models", tmp_path / "models", "--json", tmp_path / "a.json", "--quick")
    assert isinstance(result.exception, ArtifactRefused)
    assert "anomaly-detector" in str(result.exception)
    assert not (tmp_path / "a.json").exists()
