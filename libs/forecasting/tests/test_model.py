"""The forecaster: what it promises whatever it has learnt."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hydatis_core.errors import ArtifactRefused, InvalidValue, UnknownColumn, WrongShape
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_forecasting import checks
from hydatis_forecasting.dataset import Dataset
from hydatis_forecasting.evaluation import evaluate, evaluate_baselines
from hydatis_forecasting.model import HEADER_FILE, QuantileForecaster
from hydatis_forecasting.targets import CPU_COLUMNS
from hydatis_forecasting.time_split import split_by_time
from hydatis_forecasting.training import TrainingParameters, train, train_and_calibrate

SMALL = TrainingParameters(rounds=12, max_depth=3, learning_rate=0.3)


@pytest.fixture(scope="module")
def model(dataset: Dataset) -> QuantileForecaster:
    return train(dataset, seed=3, parameters=SMALL)


def test_it_passes_the_checks_every_model_must(dataset: Dataset) -> None:
    few = dataset.where(np.arange(400))
    small = replace(SMALL, rounds=3)
    assert checks.findings(lambda: train(few, seed=1, parameters=small), QuantileForecaster.from_files, dataset.rows[:50]) == []


def test_the_checks_find_what_is_wrong(dataset: Dataset) -> None:
    class Careless(QuantileForecaster):
        def predict(self, rows: np.ndarray) -> np.ndarray:
            answer = super().predict(rows) - rows[:, 40].sum()
            rows[:, 0] = 0.25
            return np.nan_to_num(answer)

    def careless() -> Careless:
        trained = train(dataset.where(np.arange(200)), seed=1, parameters=replace(SMALL, rounds=1))
        return Careless(trained.resource, trained.columns, trained._boosters)

    found = checks.findings(careless, QuantileForecaster.from_files, np.nan_to_num(dataset.rows[:20], nan=0.5))
    assert "the input was changed" in found
    assert "a forecast is known though the newest use is not" in found


def test_another_seed_gives_another_model(dataset: Dataset, model: QuantileForecaster) -> None:
    assert train(dataset, seed=4, parameters=SMALL).to_files() != model.to_files()


def test_it_forecasts_change_so_a_fuller_node_than_any_in_training_is_forecast_fuller(
    dataset: Dataset, model: QuantileForecaster
) -> None:
    row = dataset.rows[:1].copy()
    base = [name for name, _ in model.columns].index("cpu_used_ratio")
    row[0, base] = 2.0
    assert model.predict(row)[0, 0] > 1.5


def test_training_tells_its_progress(dataset: Dataset) -> None:
    told: list[tuple[int, int, str]] = []
    few = replace(SMALL, rounds=2)
    train(dataset.where(np.arange(100)), seed=1, parameters=few, progress=lambda *step: told.append(step))
    assert [done for done, _, _ in told] == list(range(1, 13))
    assert told[-1] == (12, 12, "cpu max_3600s")


def test_early_stopping_grows_fewer_trees_and_needs_later_rows(dataset: Dataset) -> None:
    first, last = split_by_time(dataset.generations, (0.7, 0.3))
    stopping = replace(SMALL, rounds=40, learning_rate=0.9, early_stopping_rounds=2)
    stopped = train(dataset.where(first), seed=1, parameters=stopping, validation=dataset.where(last))
    assert stopped.tree_count < 40 * 12
    with pytest.raises(InvalidValue, match="early stopping"):
        train(dataset, seed=1, parameters=stopping)


def test_too_many_rows_are_thinned_by_the_seed(dataset: Dataset) -> None:
    thin = replace(SMALL, rounds=1, row_count_at_most=300)
    assert train(dataset, seed=1, parameters=thin).to_files() == train(dataset, seed=1, parameters=thin).to_files()


def test_it_learns_a_swing_that_persistence_cannot_follow_and_covers_what_it_claims(dataset: Dataset) -> None:
    early, late = split_by_time(dataset.generations, (0.7, 0.3))
    trained = train_and_calibrate(dataset.where(early), seed=1, parameters=SMALL, calibration_share=0.4)
    judged = dataset.where(late)
    figures = evaluate(judged, trained.predict(judged.rows))
    baselines = evaluate_baselines(judged)
    assert figures["cpu_mase_3600s"] < 0.3
    assert figures["cpu_accuracy_3600s"] > baselines["cpu_accuracy_persistence_3600s"] + 0.2
    assert figures["cpu_accuracy_max_3600s"] > 0.9
    assert 0.9 < figures["cpu_coverage_p95_max_3600s"] <= 1.0
    assert trained.offsets[1::2].any()
    assert not trained.offsets[0::2].any()
    with pytest.raises(WrongShape):
        evaluate(judged, trained.predict(judged.rows)[:, :6])


def test_offsets_lift_the_p95_columns(dataset: Dataset, model: QuantileForecaster) -> None:
    lifted = model.calibrated(np.array([0.0, 500.0] * 6))
    before, after = model.predict(dataset.rows[:10]), lifted.predict(dataset.rows[:10])
    assert (after[:, 0::2] == before[:, 0::2]).all()
    assert (after[:, 1::2] > 4.0).all()


def test_wrong_rows_are_refused(dataset: Dataset, model: QuantileForecaster) -> None:
    with pytest.raises(WrongShape):
        model.predict(dataset.rows[:, :-1])
    with pytest.raises(WrongShape):
        model.predict(dataset.rows.astype(np.float64))
    rows = dataset.rows[:2].copy()
    rows[1, 0] = np.inf
    with pytest.raises(InvalidValue):
        model.predict(rows)


def test_a_table_with_another_definition_of_a_column_is_refused(tables: list[NodeTable], model: QuantileForecaster) -> None:
    hashes = list(SCHEMA.hashes)
    hashes[SCHEMA.index["cpu_used_ratio"]] = "0" * 12
    with pytest.raises(UnknownColumn, match="cpu_used_ratio"):
        model.predict_table(replace(tables[0], column_hashes=tuple(hashes)))
    assert model.predict_table(tables[0]).shape == (20, len(CPU_COLUMNS))


@pytest.mark.parametrize("change", ["missing", "truncated", "text", "other outputs", "other columns"])
def test_files_that_are_no_forecaster_are_refused(model: QuantileForecaster, change: str) -> None:
    files = model.to_files()
    header = json.loads(files[HEADER_FILE])
    if change == "missing":
        del files["trees_300s.ubj"]
    elif change == "truncated":
        files["trees_300s.ubj"] = files["trees_300s.ubj"][:100]
    elif change == "text":
        files[HEADER_FILE] = b"not json"
    elif change == "other outputs":
        files[HEADER_FILE] = json.dumps({**header, "outputs": header["outputs"][::-1]}).encode()
    else:
        files[HEADER_FILE] = json.dumps({**header, "columns": header["columns"][:20]}).encode()
    with pytest.raises(ArtifactRefused):
        QuantileForecaster.from_files(files)


def test_a_forecaster_that_makes_no_sense_is_refused(model: QuantileForecaster) -> None:
    boosters = model._boosters
    with pytest.raises(InvalidValue):
        QuantileForecaster("disk", model.columns, boosters)
    with pytest.raises(WrongShape):
        QuantileForecaster("cpu", model.columns, boosters[:5])
    with pytest.raises(UnknownColumn):
        QuantileForecaster("cpu", [("pod_count", "x")], boosters)
    with pytest.raises(InvalidValue):
        QuantileForecaster("cpu", model.columns, boosters, np.full(12, np.nan))
    with pytest.raises(InvalidValue):
        TrainingParameters(rounds=0)
