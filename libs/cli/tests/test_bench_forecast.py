"""`hydatis bench forecast` from end to end on a folder that holds one small trace."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_cli.main import main
from hydatis_forecasting.dataset import Dataset
from hydatis_forecasting.inputs import INPUT_COLUMNS
from hydatis_forecasting.targets import TARGETS
from hydatis_forecasting.training import TrainingParameters, train
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.artifacts import Manifest, digest_files


def _write_machines(data: Path, machines: int = 6, steps: int = 700) -> None:
    rng = np.random.default_rng(5)
    time = 300 * np.tile(np.arange(steps), machines)
    machine = np.repeat(np.arange(machines), steps)
    swing = 35 + 15 * np.sin(2 * np.pi * time / 86_400 + machine)
    (data / "alibaba_2018").mkdir(parents=True)
    table = {
        "machine_id": [f"m_{i}" for i in machine],
        "timestamp_s": time.astype(np.int32),
        "cpu_util_pct": (swing + rng.normal(0, 4, len(time))).clip(0, 100).astype(np.int16),
        "mem_util_pct": (80 + rng.normal(0, 2, len(time))).clip(0, 100).astype(np.int16),
    }
    pq.write_table(pa.table(table), data / "alibaba_2018" / "machine_usage.parquet")


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["hydatis", "bench", "forecast", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_it_writes_figures_and_a_page_and_says_what_it_skipped(tmp_path, monkeypatch, capsys) -> None:
    _write_machines(tmp_path / "data")
    figures, page = tmp_path / "figures.json", tmp_path / "page.html"
    assert _run(monkeypatch, "--data", tmp_path / "data", "--json", figures, "--report", page, "--quick") == 0
    found = json.loads(figures.read_text())
    assert found["command"] == "hydatis bench forecast --data DATA --quick --seed 1"
    assert found["data"] == ["alibaba_2018"]
    unseen = found["sets"]["alibaba_2018 workloads"]["cpu"]["unseen"]
    assert unseen["persistence"]["3600s"]["mase"] == 1.0
    assert unseen["ours"]["3600s"]["mase"] < 1.0
    assert str(tmp_path) not in figures.read_text()
    text = page.read_text()
    assert "<title>HYDATIS forecast benchmark</title>" in text
    assert "src=" not in text.split("</script>")[-1]
    assert "bitbrains: skipped" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("made", "options", "sentence"),
    [
        (lambda data: None, [], "no folder"),
        (Path.mkdir, [], "holds none of"),
        (lambda data: _write_machines(data, machines=1, steps=3), [], "too short"),
        (_write_machines, ["--models", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2_and_leaves_nothing_behind(
    tmp_path, monkeypatch, capsys, made, options, sentence
) -> None:
    made(tmp_path / "data")
    figures = tmp_path / "figures.json"
    assert _run(monkeypatch, "--data", tmp_path / "data", "--json", figures, "--quick", *options) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error
    assert not figures.exists()


def _publish_no_change(models: Path) -> None:
    """Forecasters that say it stays as it is."""
    rows, targets = np.zeros((64, len(INPUT_COLUMNS)), dtype=np.float32), np.zeros((64, len(TARGETS)), dtype=np.float32)
    for resource in ("cpu", "memory"):
        dataset = Dataset(resource, INPUT_COLUMNS, rows, targets, targets, np.arange(64), np.zeros(64, dtype=np.int32))
        model = train(dataset, seed=0, parameters=TrainingParameters(rounds=1, max_depth=1))
        name, files = f"{resource}-forecaster", model.to_files()
        manifest = Manifest(name, "1.0.0", "xgboost_quantile", model.columns, model.outputs, "d", "r", {}, {}, digest_files(files))
        ArtifactFolder(models).publish(manifest, files)


def test_frozen_models_are_judged_as_they_are(tmp_path, monkeypatch) -> None:
    _write_machines(tmp_path / "data", machines=4, steps=300)
    _publish_no_change(tmp_path / "models")
    figures = tmp_path / "figures.json"
    assert _run(monkeypatch, "--data", tmp_path / "data", "--models", tmp_path / "models", "--json", figures, "--quick") == 0
    found = json.loads(figures.read_text())
    assert found["models"] == "frozen"
    assert found["sets"]["alibaba_2018 workloads"]["cpu"]["unseen"]["ours"]["300s"]["mase"] == pytest.approx(1.0, abs=1e-3)
