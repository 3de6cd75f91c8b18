import json
import subprocess
import sys

import psutil
import pytest
from hydatis_core.errors import ArtifactRefused, InvalidValue
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_pipelines import command, step_table
from hydatis_pipelines.local_run import train_all
from hydatis_pipelines.step_process import StepProcess
from hydatis_pipelines.workload import write_workload
from hydatis_simulator.cluster_shape import make_nodes
from hydatis_simulator.generator import generate_trace

MODELS = ["cpu-forecaster", "memory-forecaster", "anomaly-detector", "placement-policy"]


def test_one_call_trains_and_publishes_all_models(tmp_path, workload, tiny_named):
    told = []
    report = train_all(
        *workload,
        tmp_path / "models",
        seed=1,
        progress=lambda *call: told.append(call),
        effort=tiny_named,
        jobs=1,
        work_dir=tmp_path / "work",
    )
    folder = ArtifactFolder(tmp_path / "models")
    assert [model.name for model in report.models] == MODELS
    for model in report.models:
        manifest = folder.load(model.name).manifest
        assert manifest.version == model.version == "1.0.0"
        assert manifest.training_run == report.training_run
        assert dict(manifest.metrics) == model.metrics
    assert folder.load("cpu-forecaster").manifest.dataset_version == report.dataset_version
    assert folder.load("placement-policy").manifest.dataset_version == report.workload_version
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][:2] == (1000, 1000)
    json.dumps(report.to_json())


def test_a_run_that_fails_publishes_nothing(tmp_path, workload, monkeypatch):
    monkeypatch.setattr("hydatis_pipelines.steps.effort_named", lambda name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train_all(*workload, tmp_path / "models", effort="demo", jobs=1, work_dir=tmp_path / "work")
    assert not (tmp_path / "models").exists()


def test_no_jobs_and_unknown_efforts_are_refused_before_anything_is_done(tmp_path, workload):
    with pytest.raises(InvalidValue, match="0 jobs"):
        train_all(*workload, tmp_path, jobs=0)
    with pytest.raises(InvalidValue, match="no effort"):
        train_all(*workload, tmp_path, effort="heroic")
    assert list(tmp_path.iterdir()) == []


def test_a_step_runs_in_a_process_of_its_own_and_tells_how_far_it_is(tmp_path, workload):
    write_workload(tmp_path / "w.npz", *workload)
    told = []
    options = {"workload": tmp_path / "w.npz", "seed": 1, "effort": "demo", "out": tmp_path / "d.npz"}
    result = StepProcess("build-dataset", options).wait(lambda *call: told.append(call))
    assert result["digest"].startswith("sha256:")
    assert result["seconds"] > 0
    assert (tmp_path / "d.npz").exists()
    assert told[-1][0] == told[-1][1] > 1


def test_the_error_of_a_step_in_another_process_is_the_error_here(tmp_path):
    options = {"workload": tmp_path / "none.npz", "seed": 1, "effort": "demo", "out": tmp_path / "d.npz"}
    with pytest.raises(ArtifactRefused, match="there is no workload"):
        StepProcess("build-dataset", options).wait(lambda *_: None)
    assert list(tmp_path.iterdir()) == []


STARTER = """
import sys
from hydatis_pipelines.step_process import StepProcess
step = StepProcess("build-dataset", {"workload": sys.argv[1], "seed": 1, "effort": "full", "out": sys.argv[2]})
step.wait(lambda *_: print("at work", flush=True))
"""


def test_a_step_ends_when_whoever_started_it_is_killed(tmp_path):
    trace = generate_trace(3, 300, days=4, request_factor=0.25)
    write_workload(tmp_path / "w.npz", trace, make_nodes(trace, node_count=200))
    arguments = [sys.executable, "-c", STARTER, str(tmp_path / "w.npz"), str(tmp_path / "d.npz")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as starter:
        starter.stdout.readline()
        (step,) = psutil.Process(starter.pid).children()
        starter.kill()
    psutil.wait_procs([step], timeout=30)
    assert not step.is_running()
    assert not (tmp_path / "d.npz").exists()


@pytest.mark.parametrize("step", step_table.STEPS)
def test_every_step_explains_itself(step, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main([step, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for argument in step_table.STEPS[step].arguments:
        assert f"--{argument.name}" in text


def test_a_step_with_wrong_input_ends_with_one_sentence(tmp_path, capsys):
    code = command.main(["publish", "--model", str(tmp_path), "--models-dir", str(tmp_path / "m")])
    said = capsys.readouterr()
    assert code == 1
    assert said.err.startswith("publish: model: ")
    assert said.err.count("\n") == 1
    assert json.loads(said.out)["error"]["type"] == "ArtifactRefused"


def test_a_workload_is_made_from_the_generator(tmp_path, capsys):
    arguments = ["make-workload", "--pod-count", "5", "--days", "1", "--node-count", "2", "--out", str(tmp_path / "w.npz")]
    assert command.main(arguments) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert (result["pods_count"], result["nodes_count"]) == (5, 2)
    assert command.main(["make-workload", "--trace", "bitbrains", "--out", str(tmp_path / "x.npz")]) == 1


def test_asking_for_help_imports_nothing_heavy():
    heavy = ("xgboost", "sklearn", "pandas")
    script = f"import sys; from hydatis_pipelines import command; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
