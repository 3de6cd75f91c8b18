import json

from hydatis_lifecycle.lineage.record import Entity, EntityKind
from hydatis_lifecycle.quality.report import QualityReport, Score
from hydatis_pipelines.lifecycle_home import LifecycleHome
from hydatis_pipelines.run_events import run_events, tell_run
from hydatis_pipelines.step_journal import DONE, FAILED, RUNNING, StepEntry

RAW = Entity(EntityKind.DATASET, "bitbrains", f"sha256:{'a' * 64}", "1.0.0")
REPORT = Entity(EntityKind.EVALUATION, "validate", f"sha256:{'b' * 64}")
ROWS = Entity(EntityKind.FEATURES, "features", f"sha256:{'c' * 64}")


def entries(folder):
    report = QualityReport("bitbrains", RAW.digest, 100, {"accuracy": Score(99, 100)}, ())
    (folder / "quality.json").write_text(report.as_text())
    return (
        StepEntry(
            "validate", "validate", DONE, 1.0, 1.0, inputs=(RAW,), outputs=(REPORT,), result={"out": str(folder / "quality.json")}
        ),
        StepEntry("rows", "build-dataset", DONE, 2.0, 1.0, inputs=(RAW,), outputs=(ROWS,), result={"rows_count": 40}),
        StepEntry("train-cpu", "train-forecaster", FAILED, 3.0, 0.5, error="too few rows", inputs=(ROWS,)),
        StepEntry("train-memory", "train-forecaster", RUNNING, 3.0, inputs=(ROWS,), parameters={"resource": "memory"}),
        StepEntry("stop", "stop", DONE, 4.0, 0.1),
    )


def test_every_step_begins_and_ends_once_and_one_that_made_nothing_is_no_lineage(tmp_path):
    told = [(event.job.name, event.eventType.value) for event in run_events("run-1", entries(tmp_path))]
    assert told == [
        ("validate", "START"),
        ("validate", "COMPLETE"),
        ("build-dataset", "START"),
        ("build-dataset", "COMPLETE"),
        ("train-forecaster", "START"),
        ("train-forecaster", "FAIL"),
        ("train-forecaster", "START"),
        ("train-forecaster", "FAIL"),
    ]


def test_what_validate_found_and_how_many_rows_were_made_travel_along(tmp_path):
    events = run_events("run-1", entries(tmp_path))
    asserted = events[0].inputs[0].inputFacets["dataQualityAssertions"].assertions
    assert [(one.assertion, one.success, one.actual) for one in asserted] == [("accuracy", False, "99 of 100")]
    assert events[3].outputs[0].outputFacets["outputStatistics"].rowCount == 40
    assert events[4].inputs[0].inputFacets["dataQualityMetrics"].rowCount == 40


def test_a_step_that_was_killed_failed_without_a_word(tmp_path):
    messages = [event.run.facets["errorMessage"].message for event in run_events("run-1", entries(tmp_path))[5::2]]
    assert messages == ["too few rows", "it ended without a word"]


def test_a_report_that_is_gone_costs_its_facts_only(tmp_path):
    known = entries(tmp_path)
    (tmp_path / "quality.json").unlink()
    assert "dataQualityAssertions" not in run_events("run-1", known)[0].inputs[0].inputFacets


def test_events_lie_in_the_lifecycles_file_and_a_wrong_address_fails_no_run(tmp_path, monkeypatch):
    home = LifecycleHome(tmp_path / "lifecycle", {})
    assert tell_run("run-1", entries(tmp_path), home) == ()
    assert len([json.loads(line) for line in home.lineage_events.read_text().splitlines()]) == 8
    monkeypatch.setenv("OPENLINEAGE_URL", "nowhere")
    assert "OPENLINEAGE_URL" in tell_run("run-1", entries(tmp_path), home)[0]
