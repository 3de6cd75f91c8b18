"""The pipelines as they run here: from raw data to signed, registered models with their lineage; and every way they stop."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.adapters.ec_key import EcVerifier, trusted_keys_beside
from hydatis_lifecycle.adapters.lineage_store import LineageStore
from hydatis_lifecycle.lineage.record import EntityKind
from hydatis_lifecycle.quality.report import QualityReport
from hydatis_lifecycle.signing.check import SignatureCheck
from hydatis_pipelines.kubeflow.local_pipeline import run_pipeline
from hydatis_pipelines.lifecycle_catalogue import open_catalogue
from hydatis_pipelines.run_folder import RunFolder, home_of, models_of
from hydatis_pipelines.step_journal import read_journal
from hydatis_pipelines.tracking.context import card_context

TRAINING = {
    *("register-dataset", "validate", "make-workload", "build-features", "store-features", "train-cpu-forecaster"),
    *(
        "train-memory-forecaster",
        "train-anomaly-detector",
        "train-placement-policy",
        "evaluate",
        "business-check",
        "register",
        "track",
    ),
}
START, MACHINES, ROWS = 1_372_629_600, 16, 2 * 288
SMALL = {"effort": "smoke", "days": 2, "pods": 24, "threads": 1}


def write_traces(folder: Path, **changed: np.ndarray) -> Path:
    """Two days of sixteen machines in the layout of Bitbrains; columns may be changed, None takes one away."""
    random = np.random.default_rng(2)
    machine = np.repeat(np.arange(MACHINES), ROWS)
    tick = np.tile(np.arange(ROWS), MACHINES)
    load = np.clip(25 + 15 * np.sin(tick / 40 + machine) + random.normal(0, 2, MACHINES * ROWS), 0.1, 100)
    rate = np.abs(random.normal(100, 10, MACHINES * ROWS))
    columns = {
        "vm_id": machine.astype(np.int16),
        "timestamp_s": (START + 300 * tick).astype(np.int32),
        "cpu_cores": np.full(len(tick), 4, dtype=np.int16),
        "cpu_capacity_mhz": np.full(len(tick), 10_000, dtype=np.float32),
        "cpu_usage_mhz": (load * 100).astype(np.float32),
        "cpu_usage_pct": load.astype(np.float32),
        "memory_capacity_kib": np.full(len(tick), 2**23, dtype=np.float32),
        "memory_usage_kib": np.abs(random.normal(2e6, 1e5, len(tick))).astype(np.float32),
        **{f"{name}_kib_per_s": rate.astype(np.float32) for name in ("disk_read", "disk_write", "net_received", "net_transmitted")},
    } | changed
    (folder / "bitbrains").mkdir(parents=True)
    table = pa.table({name: values for name, values in columns.items() if values is not None})
    pq.write_table(table, folder / "bitbrains" / "rnd_2013-07.parquet")
    return folder


def ran(state: Path, run: str, data: Path, pipeline: str = "training", **options: object) -> dict:
    folder = RunFolder(state, run)
    given = SMALL | {"data": str(data)} | options
    return run_pipeline(pipeline, given, folder, started_seconds=time.time(), tell=lambda _: None)


def tasks(state: Path, run: str) -> set[str]:
    return {entry.task for entry in read_journal(RunFolder(state, run).journal)}


@pytest.fixture(scope="module", autouse=True)
def one_code():
    """The same code throughout, also while somebody edits it: what is restored depends on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYDATIS_CODE_VERSION", "of-this-test")
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory, one_code):
    """(state folder, data folder, report) of a first run."""
    folder = tmp_path_factory.mktemp("pipeline")
    data = write_traces(folder / "data")
    return folder / "state", data, ran(folder / "state", "first", data)


def test_a_run_goes_from_raw_data_to_signed_and_registered_models(trained):
    state, _, report = trained
    assert report["status"] == "succeeded", report["failures"]
    assert report["registered"]
    home = home_of(state)
    folder = ArtifactFolder(models_of(state), SignatureCheck(EcVerifier(trusted_keys_beside(home.signing_key)), "refuse"))
    for one in report["registered"]:
        assert folder.load(one["name"], one["version"]).manifest.metrics["loss_candidate"] >= 0
    assert {step["status"] for step in report["steps"]} == {"done"}
    assert report["orchestration_seconds"] < report["seconds"]
    assert RunFolder(state, "first").summary.read_text().startswith("run first (training): succeeded")


def test_exactly_one_branch_runs_when_the_gate_is_passed(trained):
    assert tasks(trained[0], "first") == TRAINING


def test_a_registered_model_is_traced_to_the_registered_data(trained):
    state, _, report = trained
    store = LineageStore(home_of(state).catalogue_url)
    for one in report["registered"]:
        records = store.upstream(one["digest"]).derivations.values()
        assert {"register", "evaluate", "build-dataset", "make-workload", "register-dataset"} <= {record.step for record in records}
        raw = {made for record in records for made in record.outputs if made.kind is EntityKind.DATASET}
        assert {(made.name, made.version) for made in raw} == {("bitbrains", "1.0.0")}
        served = store.downstream(one["digest"]).derivations.values()
        assert {made.kind for record in served for made in record.outputs} == {EntityKind.DEPLOYMENT}


def test_the_scores_of_the_data_stand_in_the_catalogue_and_in_the_cards_of_models(trained):
    state, _, report = trained
    kept = QualityReport.from_json(open_catalogue(home_of(state)).get("bitbrains", "1.0.0").quality)
    assert kept.passed
    name = report["registered"][0]["name"]
    context = card_context(home_of(state), ArtifactFolder(models_of(state)).load(name, "1.0.0").manifest)
    assert context.quality["completeness"] == (kept.scores["completeness"].ratio, kept.scores["completeness"].checked_count)


def test_a_run_in_which_nothing_changed_restores_its_steps_and_registers_nothing(trained):
    state, data, first = trained
    again = ran(state, "again", data)
    assert again["status"] == "succeeded", again["failures"]
    cached = {step["task"] for step in again["steps"] if step["cached"]}
    learned = {"make-workload", "build-features", "train-cpu-forecaster", "train-memory-forecaster"}
    assert cached >= learned | {"validate", "train-anomaly-detector", "train-placement-policy"}
    assert again["registered"] == []
    assert len(again["not_registered"]) == 4
    for one in first["registered"]:
        assert again["not_registered"][one["name"]].startswith("same")


def test_a_missed_gate_stops_before_training_and_names_column_rule_and_rows(tmp_path):
    wrong = np.full(MACHINES * ROWS, -5, dtype=np.float32)
    report = ran(tmp_path / "state", "wrong", write_traces(tmp_path / "data", memory_usage_kib=wrong))
    assert report["status"] == "stopped"
    assert tasks(tmp_path / "state", "wrong") == {"register-dataset", "validate", "stop"}
    said = "\n".join(report["gate"])
    assert "memory_usage_kib" in said
    assert "rnd_2013-07.parquet:" in said
    assert not models_of(tmp_path / "state").exists()


def test_a_column_that_is_gone_fails_or_stops_and_nothing_is_published(tmp_path):
    report = ran(tmp_path / "state", "gone", write_traces(tmp_path / "data", cpu_usage_mhz=None))
    assert report["status"] in ("failed", "stopped")
    assert "cpu_usage_mhz" in json.dumps(report["failures"] or report["gate"])
    assert not models_of(tmp_path / "state").exists()


def test_a_damaged_file_is_named_and_the_repaired_one_goes_on(tmp_path):
    data = write_traces(tmp_path / "data")
    file = data / "bitbrains" / "rnd_2013-07.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    report = ran(tmp_path / "state", "damaged", data)
    assert report["status"] == "failed"
    (error,) = report["failures"].values()
    assert "rnd_2013-07.parquet" in error


KILLING = """
import sys, time
from pathlib import Path
from hydatis_pipelines.kubeflow.local_pipeline import run_pipeline
from hydatis_pipelines.run_folder import RunFolder
run_pipeline("training", {"data": sys.argv[2], "effort": "full", "days": 2, "pods": 24, "threads": 1},
             RunFolder(Path(sys.argv[1]), sys.argv[3]), started_seconds=time.time(), tell=lambda views: print(
                 [view.task for view in views if view.status == "running"], flush=True))
"""


def _started(state: Path, data: Path, run: str, until: str) -> subprocess.Popen:
    starter = subprocess.Popen([sys.executable, "-c", KILLING, str(state), str(data), run], stdout=subprocess.PIPE, text=True)
    for line in starter.stdout:
        if until in line:
            return starter
    raise AssertionError("it ended before")


def _steps_of(process: psutil.Process, step: str) -> list[psutil.Process]:
    return [child for child in process.children(recursive=True) if step in child.cmdline() and "--lifeline" in child.cmdline()]


def test_a_step_that_is_killed_is_named_with_its_log(trained, tmp_path):
    state, data, _ = trained
    starter = _started(state, data, "killed", "build-features")
    for step in _steps_of(psutil.Process(starter.pid), "build-dataset"):
        step.kill()
    starter.communicate()
    report = json.loads(RunFolder(state, "killed").report.read_text())
    assert report["status"] == "failed"
    assert list(report["failures"]) == ["build-features"]
    assert "ended with code -9" in report["failures"]["build-features"]
    assert RunFolder(state, "killed").log("build-features").exists()


def test_nothing_outlives_whoever_started_a_run(trained):
    state, data, _ = trained
    starter = _started(state, data, "left", "build-features")
    children = psutil.Process(starter.pid).children(recursive=True)
    os.kill(starter.pid, signal.SIGKILL)
    starter.communicate()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


def drift(models: dict[str, str], fresh_days: float) -> dict:
    return {
        "observed_seconds": 1.0,
        "models": models,
        "features": ["cpu_used_ratio"],
        "features_checked_count": 60,
        "fresh_days": fresh_days,
    }


def test_a_critical_drift_without_data_falls_back_and_trains_nothing(trained):
    state, data, first = trained
    name = first["registered"][0]["name"]
    report = ran(state, "fallback", data, "retraining", drift=drift({name: "critical"}, 0.1))
    assert report["status"] == "succeeded", report["failures"]
    assert tasks(state, "fallback") == {"plan-retraining", "fall-back"}
    assert report["plan"]["action"] == "fallback"
    assert "there is no earlier version" in report["fell_back"][name]


def test_a_drift_that_calls_for_nothing_does_nothing(trained):
    state, data, _ = trained
    ran(state, "nothing", data, "retraining", drift=drift({"cpu-forecaster": "minor"}, 5.0))
    assert tasks(state, "nothing") == {"plan-retraining"}


@pytest.mark.slow
def test_a_moderate_drift_trains_the_family_that_drifted_and_the_champions_stay_for_the_others(trained):
    state, data, first = trained
    served = {one["name"] for one in first["registered"]}
    drifted = "anomaly-detector"
    report = ran(state, "incremental", data, "retraining", drift=drift({drifted: "moderate"}, 5.0))
    assert report["status"] == "succeeded", report["failures"]
    trains = {drifted} | set(report["verdicts"]) - served
    assert {task.removeprefix("train-") for task in tasks(state, "incremental") if task.startswith("train-")} == trains
    taken = {task.removeprefix("take-") for task in tasks(state, "incremental") if task.startswith("take-")}
    assert taken == set(report["verdicts"]) - trains
    assert all(report["verdicts"][name].startswith("same") for name in taken)
    assert not taken & {one["name"] for one in report["registered"]}
