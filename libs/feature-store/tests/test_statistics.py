import json

import numpy as np
import pytest
from hydatis_core.errors import DependencyUnavailable, WrongShape
from hydatis_feature_store.offline_files import OfflineFiles
from hydatis_feature_store.statistics import feature_statistics, stored_rows
from hydatis_feature_store.stored_views import NODE_FEATURES

NAMES = ("steady", "shifted", "constant", "gone")


def rows(count: int, seed: int, shift: float) -> np.ndarray:
    draws = np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)
    draws[:, 1] += shift
    draws[:, 2] = 3
    draws[:, 3] = np.nan
    return draws


def test_every_column_is_told_of() -> None:
    told = {one.name: one for one in feature_statistics(NAMES, rows(5000, 1, 1.0), rows(5000, 2, 0.0))}
    assert {name: one.finding for name, one in told.items()} == {
        "steady": "",
        "shifted": "shifted",
        "constant": "constant",
        "gone": "never known",
    }
    assert told["steady"].stability_index < 0.02 < 0.5 < told["shifted"].stability_index
    assert told["constant"].stability_index == 0
    assert told["steady"].p50 == pytest.approx(0, abs=0.05)
    assert told["steady"].p95 == pytest.approx(1.645, abs=0.1)
    assert told["gone"].unknown_ratio == 1


def test_without_a_reference_nothing_is_said_of_drift() -> None:
    (told,) = feature_statistics(["one"], np.ones((3, 1), dtype=np.float32))
    assert np.isnan([told.stability_index, told.divergence]).all()
    assert json.loads(json.dumps(told.to_json(), allow_nan=False))["stability_index"] is None


def test_a_column_per_name_is_needed() -> None:
    with pytest.raises(WrongShape):
        feature_statistics(["one"], np.ones((3, 2), dtype=np.float32))


def test_rows_of_a_span_are_read_thinned_evenly(tmp_path) -> None:
    files = OfflineFiles(tmp_path, NODE_FEATURES)
    for i in range(1, 11):
        files.write(60 * i, ["a"], np.full((1, 1), i, dtype=np.float32), ["pod_count"])
    position = NODE_FEATURES.index["pod_count"]
    assert stored_rows(files, 120, 300)[:, position].tolist() == [2, 3, 4, 5]
    assert stored_rows(files, 0, 600, most_generations=3)[:, position].tolist() == [1, 5, 10]
    with pytest.raises(DependencyUnavailable, match="from 5000"):
        stored_rows(files, 5000, 6000)
