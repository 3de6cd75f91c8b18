import pytest
from hydatis_core.errors import Duplicate, InvalidValue
from hydatis_lifecycle.retraining import COOLDOWN_SECONDS, DriftReport, Severity
from hydatis_pipelines.lifecycle_home import LifecycleHome
from hydatis_pipelines.retraining_trigger import triggered
from hydatis_pipelines.run_folder import RunFolder
from hydatis_pipelines.run_report import report_of, summary_of
from hydatis_pipelines.step_journal import DONE, FAILED, RUNNING, StepEntry

STARTED = {"pipeline": "training", "options": {"seed": 1}, "started_seconds": 100.0}


def entry(task, seconds=10.0, status=DONE, **more):
    return StepEntry(task, task, status, 100.0, seconds, **more)


def test_orchestration_is_what_steps_did_not_take():
    report = report_of("r", STARTED, [entry("a"), entry("b", 5.0, cached=True)], 118.0)
    assert (report["seconds"], report["step_seconds"], report["orchestration_seconds"]) == (18.0, 15.0, 3.0)
    assert (report["status"], report["cached_count"]) == ("succeeded", 1)


def test_a_step_that_ended_without_a_word_failed():
    report = report_of("r", STARTED, [entry("a"), entry("b", status=RUNNING)], 120.0)
    assert report["status"] == "failed"
    assert report["failures"] == {"b": "it ended without a word"}
    assert "failed: b" in summary_of(report)


def test_a_missed_gate_is_a_stop_and_no_failure_and_says_why():
    stopped = report_of("r", STARTED, [entry("validate"), entry("stop", result={"reasons": ["row 3 is wrong"]})], 130.0)
    assert stopped["status"] == "stopped"
    assert "row 3 is wrong" in summary_of(stopped)


def test_models_stand_with_their_verdicts():
    registered = {"registered": [{"name": "m", "version": "1.0.1", "signer": "a" * 64}], "not_registered": {"n": "worse: by much"}}
    entries = [
        entry("evaluate", result={"verdicts": {"m": "better: by a tenth", "n": "worse: by much"}}),
        entry("business-check", result={"passed": True, "scores": {}, "reason": "score +0.1 holds"}),
        entry("register", result=registered),
    ]
    text = summary_of(report_of("r", STARTED, entries, 140.0))
    for said in ("m: better", "registered: m 1.0.1", "not registered: n: worse", "business-check: score +0.1"):
        assert said in text


def test_a_failed_step_says_what_it_said():
    report = report_of("r", {}, [entry("a", status=FAILED, error="no such file")], 110.0)
    assert report["failures"] == {"a": "no such file"}


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 200])
def test_a_run_is_named_by_what_can_name_a_folder(tmp_path, name):
    with pytest.raises(InvalidValue):
        RunFolder(tmp_path, name)


def drift(observed=50.0):
    return DriftReport(observed, {"cpu-forecaster": Severity.MODERATE}, ("a",), 10, 5.0)


def test_only_one_retraining_runs_and_the_next_waits(tmp_path):
    home = LifecycleHome(tmp_path, {})
    with triggered(home, drift(), 1000.0), pytest.raises(Duplicate, match="a retraining runs"), triggered(home, drift(), 1e9):
        pass
    with pytest.raises(Duplicate, match="cooldown"), triggered(home, drift(2e5), 1000.0 + COOLDOWN_SECONDS / 2):
        pass
    with pytest.raises(Duplicate, match="seen before"), triggered(home, drift(), 1000.0 + COOLDOWN_SECONDS):
        pass
    with triggered(home, drift(2e5), 1e6):
        pass


def test_a_spoiled_memory_of_the_trigger_keeps_nobody_from_retraining(tmp_path):
    (tmp_path / "retraining.json").write_text("{")
    with triggered(LifecycleHome(tmp_path, {}), drift(), 1000.0):
        pass
