import json

import numpy as np
import pytest
from hydatis_anomaly.trailing_threshold import LEAST_RISK
from hydatis_core.errors import ArtifactRefused, InvalidValue, UnknownColumn
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.artifacts import KINDS
from hydatis_model_server.inference import InferCall
from hydatis_model_server.runtimes.isolation_forest import CONTRIBUTION_PREFIX, MAX_EXPLAINED_COUNT
from hydatis_model_server.runtimes.table import RUNTIMES
from hydatis_model_server.served_version import ServedVersion


def _open(models_dir, name):
    return ServedVersion(ArtifactFolder(models_dir).load(name))


def test_every_kind_of_artifact_has_a_runtime():
    assert set(RUNTIMES) == set(KINDS)


def test_a_forest_answers_risk_threshold_and_reasons_of_the_flagged(tmp_path, kit):
    forest = kit.publish_forest(tmp_path)
    served = _open(tmp_path, "anomaly-detector")
    rows = np.random.default_rng(3).random((200, len(forest.columns)), dtype=np.float32)
    rows[:60] *= 50  # far off
    rows[60] = np.nan
    values = served.compute(rows)
    risk = forest.risk(rows)
    np.testing.assert_array_equal(values[:, 0], risk)
    assert np.isnan(values[60, 0])
    call = InferCall(rows, kit.layout(forest.columns))
    assert float(served.answer(call, values).parameters["threshold"]) == forest.threshold
    shares = values[:, 1:]
    explained = np.flatnonzero(shares.any(axis=1))
    assert explained.size == min(MAX_EXPLAINED_COUNT, np.count_nonzero(risk >= np.float32(min(forest.threshold, LEAST_RISK))))
    assert (shares.sum(axis=1) <= 1.0001).all()
    top = explained[0]
    names = served.outputs[1:]
    said = {names[place].removeprefix(CONTRIBUTION_PREFIX): shares[top, place] for place in np.flatnonzero(shares[top])}
    assert said == {name: np.float32(share) for name, share in forest.contributions(rows[top : top + 1])[0]}


def test_a_version_that_was_not_asked_for_does_not_answer(tmp_path, kit):
    kit.publish_q(tmp_path, "1.0.0")
    served = _open(tmp_path, "placement-policy")
    rows = np.zeros((1, len(kit.state_columns)), dtype=np.float32)
    layout = kit.layout(kit.state_columns)
    assert served.prepare(InferCall(rows, layout, model_version="1.0.0")).shape == rows.shape
    with pytest.raises(InvalidValue, match=r"version 2\.0\.0 is not served"):
        served.prepare(InferCall(rows, layout, model_version="2.0.0"))
    with pytest.raises(UnknownColumn):
        served.prepare(InferCall(rows, layout.replace(":", ":0")))


@pytest.mark.parametrize("case", ["other columns", "other outputs", "not a model"])
def test_files_that_are_not_what_the_manifest_says_are_refused(tmp_path, kit, case):
    forecaster = kit.publish_forecaster(tmp_path / "other")
    columns, outputs, files = forecaster.columns, forecaster.outputs, forecaster.to_files()
    if case == "other columns":
        columns = columns[:-1]
    elif case == "other outputs":
        outputs = outputs[::-1]
    else:
        header = json.loads(files["forecaster.json"])
        files["forecaster.json"] = json.dumps(header | {"resource": "disk"}).encode()
    kit.publish(tmp_path, "cpu-forecaster", "xgboost_quantile", columns, outputs, files)
    with pytest.raises(ArtifactRefused):
        _open(tmp_path, "cpu-forecaster")


def test_a_q_function_over_columns_that_nobody_knows_is_refused(tmp_path, kit):
    columns = [*kit.state_columns[:-1], ("invented", "0123456789ab")]
    kit.publish(tmp_path, "placement-policy", "q_function", columns, ("q",), kit.q_function(1).to_files())
    with pytest.raises(ArtifactRefused, match="invented"):
        _open(tmp_path, "placement-policy")
