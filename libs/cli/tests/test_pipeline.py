import io
import json

from hydatis_cli import pipeline_tables
from hydatis_cli.main import app
from hydatis_cli.pipeline_tables import run_table
from hydatis_core.errors import HydatisError, InvalidValue
from hydatis_pipelines.run_folder import RunFolder
from hydatis_pipelines.run_report import report_of
from hydatis_pipelines.step_journal import DONE, FAILED, StepEntry
from hydatis_pipelines.whole_files import write_whole
from rich.console import Console
from typer.testing import CliRunner


def said(*arguments):
    return CliRunner().invoke(app, ["pipeline", *map(str, arguments)])


def stored(state, run, *entries):
    folder = RunFolder(state, run)
    report = report_of(run, {"pipeline": "training", "started_seconds": 0.0}, entries, 20.0) | {"lineage_error": ""}
    write_whole(folder.report, json.dumps(report).encode())
    return report, folder


def test_runs_are_listed_with_what_they_registered_and_those_that_never_ended(tmp_path, monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(pipeline_tables, "out", Console(file=shown, width=200))
    registered = {"registered": [{"name": "cpu-forecaster", "version": "1.2.0", "signer": "a"}]}
    stored(tmp_path, "first", StepEntry("register", "register", DONE, 1.0, 2.0, result=registered))
    write_whole(RunFolder(tmp_path, "second").start_file, b'{"pipeline": "retraining"}')
    listed = json.loads(said("runs", "--state", tmp_path, "--json").stdout)
    assert [(one["run"], one["pipeline"], one["status"]) for one in listed] == [
        ("first", "training", "succeeded"),
        ("second", "retraining", "unfinished"),
    ]
    assert said("runs", "--state", tmp_path).exit_code == 0
    assert "cpu-forecaster 1.2.0" in shown.getvalue()
    assert said("runs", "first", "--state", tmp_path).exit_code == 0
    assert "run first: training succeeded" in shown.getvalue()


def test_a_failed_run_names_the_step_its_error_and_its_log(tmp_path, monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(pipeline_tables, "err", Console(file=shown, width=400))
    report, folder = stored(tmp_path, "broken", StepEntry("validate", "validate", FAILED, 1.0, 2.0, error="a.parquet: damaged"))
    run_table(report, folder)
    assert "validate failed: a.parquet: damaged" in shown.getvalue()
    assert "logs/validate.log" in shown.getvalue()


def refused(*arguments) -> HydatisError:
    error = said(*arguments).exception
    assert isinstance(error, HydatisError)
    return error


def test_what_does_not_fit_together_is_refused_before_anything_runs(tmp_path):
    drift = tmp_path / "drift.json"
    drift.write_text("{}")
    common = ("--data", tmp_path, "--state", tmp_path / "state")
    assert refused("run", "--drift", drift, *common).field == "--drift"
    assert refused("run", "--pipeline", "retraining", *common).field == "--drift"
    assert isinstance(refused("run", "--pipeline", "retraining", "--drift", drift, *common), InvalidValue)
    assert not (tmp_path / "state").exists()


def test_compiling_writes_both_pipelines(tmp_path):
    assert said("compile", "--out", tmp_path).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"training.yaml", "retraining.yaml"}
