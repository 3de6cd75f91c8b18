import dataclasses
import json

import numpy as np
import pytest
from hydatis_anomaly.forest import IsolationForestArrays
from hydatis_core.errors import ArtifactRefused, InvalidValue
from hydatis_features.schema import SCHEMA
from hydatis_forecasting.model import QuantileForecaster
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_pipelines.anomaly_step import train_anomaly
from hydatis_pipelines.dataset_step import build_dataset
from hydatis_pipelines.effort import effort_named
from hydatis_pipelines.forecaster_step import train_forecaster
from hydatis_pipelines.node_record import read_record, write_record
from hydatis_pipelines.policy_step import forecast_with, train_placement_policy
from hydatis_pipelines.publish_step import publish
from hydatis_pipelines.trained_model import read_trained, write_trained
from hydatis_placement.q_function import FILE_NAME, QFunction

GIVEN = {"dataset_version": "sha256:0", "training_run": "run-1", "seed": 1}


@pytest.fixture(scope="module")
def record(workload):
    return build_dataset(*workload, seed=1, rows_count_at_most=10_000)


@pytest.fixture(scope="module")
def without_memory(workload):
    trace, nodes = workload
    unknown = np.full_like(trace.memory_used_bytes, np.nan)
    trace = dataclasses.replace(trace, memory_used_bytes=unknown, io=None)
    return build_dataset(trace, nodes, seed=1, rows_count_at_most=10_000)


@pytest.fixture(scope="module")
def cpu_model(record):
    effort = dataclasses.replace(effort_named("demo"), boosting_rounds=2, tree_depth=2)
    return train_forecaster(record, "cpu", effort=effort, **GIVEN)


def test_the_record_holds_the_tables_of_the_engine_and_the_use_of_every_tick(record):
    assert record.tables[0].columns == SCHEMA.names
    assert record.history.cpu.shape == (len(record.history.times_seconds), 4)
    last = record.tables[-1]
    tick = list(record.history.times_seconds).index(last.generation)
    np.testing.assert_array_equal(record.history.cpu[tick], last.column("cpu_used_ratio"))


def test_a_larger_record_is_thinned_by_whole_ticks(workload, record):
    thin = build_dataset(*workload, seed=1, rows_count_at_most=record.rows_count // 3)
    assert thin.rows_count <= record.rows_count // 3 + 4
    assert len(thin.history.times_seconds) == len(record.history.times_seconds)


def test_the_same_seed_gives_the_same_dataset_and_it_survives_its_file(tmp_path, workload, record):
    digest = write_record(tmp_path / "a.npz", record)
    assert write_record(tmp_path / "b.npz", build_dataset(*workload, seed=1, rows_count_at_most=10_000)) == digest
    again = read_record(tmp_path / "a.npz")
    assert write_record(tmp_path / "c.npz", again) == digest
    assert again.tables[5].column_hashes == record.tables[5].column_hashes


def test_a_file_that_is_no_dataset_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", values=np.zeros(3))
    with pytest.raises(ArtifactRefused, match="not a dataset"):
        read_record(tmp_path / "a.npz")


def test_a_forecaster_is_judged_beside_persistence(record, cpu_model):
    forecaster = QuantileForecaster.from_files(dict(cpu_model.files))
    assert forecaster.predict_table(record.tables[-1]).shape == (4, 12)
    for name in ("cpu_accuracy_max_3600s", "cpu_accuracy_persistence_max_3600s", "cpu_coverage_p95_300s"):
        assert name in cpu_model.metrics
    assert cpu_model.manifest("1.0.0").kind == "xgboost_quantile"
    assert cpu_model.parameters["measured"] is True


def test_what_was_never_measured_is_forecast_as_unknown(without_memory, tiny):
    model = train_forecaster(without_memory, "memory", effort=tiny, **GIVEN)
    assert model.parameters["measured"] is False
    assert model.metrics == {}
    forecaster = QuantileForecaster.from_files(dict(model.files))
    assert np.isnan(forecaster.predict_table(without_memory.tables[-1])).all()
    table = dataclasses.replace(without_memory.tables[-1], values=np.full((4, len(SCHEMA.names)), 0.5, dtype=np.float32))
    np.testing.assert_allclose(forecaster.predict_table(table), 0.5, atol=1e-6)


def test_a_detector_is_calibrated_on_later_rows_to_the_rate_it_promises(record, tiny):
    model = train_anomaly(record, effort=tiny, **GIVEN)
    assert model.metrics["flagged_ratio"] <= 0.01
    assert 0 < model.metrics["threshold"] <= 1
    forest = IsolationForestArrays.from_files(dict(model.files))
    assert np.isfinite(forest.risk_of_table(record.tables[-1])).all()
    assert model.outputs == ("risk",)


def test_a_detector_of_a_trace_without_memory_looks_at_what_there_is(without_memory, tiny):
    model = train_anomaly(without_memory, effort=tiny, **GIVEN)
    names = [name for name, _ in model.columns]
    assert "cpu_used_ratio" in names
    assert "memory_used_ratio" not in names
    assert model.metrics["risk_unknown_ratio"] < 1


def test_a_policy_is_compared_with_greedy_on_the_same_forecast(workload, record, cpu_model, tiny):
    cpu = QuantileForecaster.from_files(dict(cpu_model.files))
    memory_model = train_forecaster(record, "memory", effort=tiny, **GIVEN)
    memory = QuantileForecaster.from_files(dict(memory_model.files))
    told = []
    model = train_placement_policy(
        *workload, effort=tiny, forecaster=forecast_with(cpu, memory), progress=lambda *call: told.append(call), **GIVEN
    )
    function = QFunction.from_files(model.files, input_count=len(model.columns))
    silent = not any(weight.any() for weight in function.weights)
    assert model.metrics["prefer_learned"] == float(not silent)
    for policy in ("hydatis", "greedy", "load", "stock", "random"):
        assert f"{policy}_cpu_overload_node_time_ratio" in model.metrics
    assert model.parameters["forecast"] == "models"
    assert set(model.files) == {FILE_NAME}
    assert len(json.loads(json.dumps(model.parameters["learning_curve"], allow_nan=False))) == tiny.episodes
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][:2] == (1000, 1000)


def test_a_trained_model_survives_its_folder_and_a_changed_one_is_refused(tmp_path, cpu_model):
    write_trained(tmp_path / "m", cpu_model)
    assert read_trained(tmp_path / "m") == cpu_model
    (tmp_path / "m" / "forecaster.json").write_text("{}")
    with pytest.raises(ArtifactRefused, match="changed"):
        read_trained(tmp_path / "m")
    with pytest.raises(ArtifactRefused, match="not a trained model"):
        read_trained(tmp_path / "nothing")


def test_versions_follow_what_changed(tmp_path, cpu_model):
    def version(model):
        return publish(model, tmp_path).manifest.version

    fewer = dataclasses.replace(cpu_model, columns=cpu_model.columns[:-1])
    other = dataclasses.replace(fewer, outputs=cpu_model.outputs[:-1])
    assert [version(model) for model in (cpu_model, cpu_model, fewer, other)] == ["1.0.0", "1.0.1", "1.1.0", "2.0.0"]
    folder = ArtifactFolder(tmp_path)
    assert folder.load("cpu-forecaster").manifest.version == "2.0.0"
    assert folder.load("cpu-forecaster", "1.0.1").files == cpu_model.files


def test_a_spoiled_newest_version_does_not_keep_a_better_one_from_being_published(tmp_path, cpu_model):
    (publish(cpu_model, tmp_path).path / "manifest.json").write_text("{}")
    assert publish(cpu_model, tmp_path).manifest.version == "2.0.0"


def test_an_unknown_effort_is_refused():
    with pytest.raises(InvalidValue, match="no effort 'heroic'"):
        effort_named("heroic")
