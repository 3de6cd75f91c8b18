import dataclasses

import numpy as np
import pytest
from hydatis_anomaly.forest import IsolationForestArrays
from hydatis_forecasting.model import QuantileForecaster
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.evaluation.verdict import Verdict
from hydatis_lifecycle.signing.statement import SIGNATURE_FILE
from hydatis_pipelines.anomaly_step import train_anomaly
from hydatis_pipelines.business_step import business_check
from hydatis_pipelines.champions import champions_digest
from hydatis_pipelines.dataset_step import build_dataset
from hydatis_pipelines.effort import effort_named
from hydatis_pipelines.evaluate_step import evaluate, read_verdicts
from hydatis_pipelines.forecaster_step import train_forecaster
from hydatis_pipelines.judging.detector_losses import detector_losses
from hydatis_pipelines.judging.forecaster_losses import forecaster_losses
from hydatis_pipelines.judging.judged_window import judged_window
from hydatis_pipelines.judging.policy_losses import policy_losses
from hydatis_pipelines.node_record import write_record
from hydatis_pipelines.progress import untold
from hydatis_pipelines.publish_step import publish
from hydatis_pipelines.register_step import register
from hydatis_pipelines.take_champion_step import take_champion
from hydatis_pipelines.trained_model import TrainedModel, read_trained, write_trained
from hydatis_pipelines.workload import write_workload
from hydatis_placement.after_state import COLUMN_DEFINITIONS
from hydatis_placement.q_function import zero_q_function
from hydatis_simulator.learned_policy import persistence

GIVEN = {"dataset_version": "sha256:0", "training_run": "run-1", "seed": 1}


@pytest.fixture(scope="module")
def record(workload):
    return build_dataset(*workload, seed=1, rows_count_at_most=10_000)


@pytest.fixture(scope="module")
def trained(record):
    effort = effort_named("smoke")
    return train_forecaster(record, "cpu", effort=effort, **GIVEN)


@pytest.fixture
def place(tmp_path, workload, record):
    """Files of a run, and its evaluate."""
    write_workload(tmp_path / "w.npz", *workload)
    write_record(tmp_path / "d.npz", record)
    none = dict.fromkeys(("cpu_model", "memory_model", "anomaly_model", "policy_model"))
    common = {"models_dir": tmp_path / "state" / "models", "seed": 1, "effort": "smoke", "progress": untold}

    def judged(name="evaluation.json", **models):
        out = tmp_path / name
        evaluate(dataset=tmp_path / "d.npz", workload=tmp_path / "w.npz", out=out, **common, **(none | models))
        return read_verdicts(out)

    def registered(name="evaluation.json", accept="better", **models):
        given = none | models
        business_check(
            evaluation=tmp_path / name, workload=tmp_path / "w.npz", accept=accept, out=tmp_path / "b.json", **common, **given
        )
        return register(
            evaluation=tmp_path / name,
            business=tmp_path / "b.json",
            state=tmp_path / "state",
            accept=accept,
            out=tmp_path / "r.json",
            progress=untold,
            **given,
        )

    return tmp_path, judged, registered


def test_losses_of_a_forecaster_are_those_of_the_same_rows_for_all(record, trained):
    model = QuantileForecaster.from_files(dict(trained.files))
    losses = forecaster_losses(record, model, model)
    np.testing.assert_array_equal(losses.candidate, losses.by_champion)
    assert losses.candidate.shape == losses.by_baseline.shape == losses.hours.shape
    assert np.isfinite(losses.by_baseline).all()
    pinball = np.mean([value for name, value in trained.metrics.items() if "pinball" in name])
    assert losses.candidate.mean() == pytest.approx(pinball, rel=1e-5)


def test_a_champion_that_reads_columns_that_are_gone_is_not_compared(record, trained):
    model = QuantileForecaster.from_files(dict(trained.files))
    old = QuantileForecaster(
        "cpu", ((model.columns[0][0], "0" * 8), *model.columns[1:]), model._boosters
    )  # the definition of its first column was another
    assert forecaster_losses(record, model, old).by_champion is None


def test_a_detector_ranks_what_was_disturbed_above_what_was_not_more_often_than_chance(record):
    forest = IsolationForestArrays.from_files(dict(train_anomaly(record, effort=effort_named("smoke"), **GIVEN).files))
    losses = detector_losses(record, forest, forest, seed=1)
    assert 0 <= losses.candidate.min() <= losses.candidate.mean() < 0.5
    np.testing.assert_array_equal(losses.candidate, losses.by_champion)
    again = detector_losses(record, forest, None, seed=1)
    np.testing.assert_array_equal(losses.candidate, again.candidate)


def test_a_policy_that_adds_nothing_places_as_greedy_does(workload):
    trace, nodes = workload
    nothing = zero_q_function(len(COLUMN_DEFINITIONS))
    losses = policy_losses(judged_window(trace, effort_named("smoke")), nodes, nothing, None, persistence, seed=1)
    np.testing.assert_array_equal(losses.candidate, losses.by_baseline)
    assert losses.by_champion is None


@pytest.fixture
def silent_policy(tmp_path):
    """A policy that adds nothing: exactly as good as its baseline."""
    function = zero_q_function(len(COLUMN_DEFINITIONS))
    model = TrainedModel(
        "placement-policy", "q_function", COLUMN_DEFINITIONS, ("q",), function.to_files(), "sha256:0", "run-1", {}, {"seed": 1}
    )
    write_trained(tmp_path / "policy", model)
    return tmp_path / "policy"


def test_a_first_model_is_registered_signed_and_the_same_again_is_not(place, silent_policy):
    folder, judged, registered = place
    (verdict,) = judged(policy_model=silent_policy)
    assert verdict.verdict is Verdict.FIRST, verdict.reason
    said = registered(policy_model=silent_policy)
    assert [(one["name"], one["version"]) for one in said["registered"]] == [("placement-policy", "1.0.0")]
    version = folder / "state" / "models" / "placement-policy" / "1.0.0"
    assert (version / SIGNATURE_FILE).exists()
    metrics = ArtifactFolder(folder / "state" / "models").load("placement-policy").manifest.metrics
    assert metrics["loss_saved_over_baseline_ratio_low"] <= metrics["loss_saved_over_baseline_ratio"]
    assert "business_roi_score" in metrics
    before = champions_digest(folder / "state" / "models")
    (again,) = judged(policy_model=silent_policy)
    assert (again.verdict, again.champion) == (Verdict.SAME, "1.0.0")
    assert registered(policy_model=silent_policy)["registered"] == []
    assert champions_digest(folder / "state" / "models") == before


def test_a_worse_model_stays_where_it_is_and_a_model_that_was_exchanged_is_not_registered(place, record, trained):
    folder, judged, registered = place
    # a day of four nodes is too little for twelve rounds: one round says "it stays as it is", and is better
    cautious = dataclasses.replace(effort_named("smoke"), boosting_rounds=1, tree_depth=1)
    publish(train_forecaster(record, "cpu", effort=cautious, **GIVEN), folder / "state" / "models")
    write_trained(folder / "worse", trained)
    (verdict,) = judged(cpu_model=folder / "worse")
    assert verdict.verdict is Verdict.WORSE
    assert registered(cpu_model=folder / "worse")["not_registered"]["cpu-forecaster"].startswith(verdict.verdict.value)
    write_trained(folder / "other", dataclasses.replace(trained, training_run="run-2"))
    assert "not the model that was evaluated" in registered(cpu_model=folder / "other")["not_registered"]["cpu-forecaster"]


def test_a_champion_comes_back_as_it_was_trained(tmp_path, trained):
    publish(trained, tmp_path / "models")
    take_champion(name="cpu-forecaster", models_dir=tmp_path / "models", out=tmp_path / "taken", progress=untold)
    assert read_trained(tmp_path / "taken") == trained
