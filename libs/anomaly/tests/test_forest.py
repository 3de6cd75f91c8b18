"""The detector: from a row of the node table to a risk and back to the columns that caused it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hydatis_anomaly.forest import ARRAYS_FILE, HEADER_FILE, IsolationForestArrays
from hydatis_anomaly.inputs import INPUTS, columns_of
from hydatis_anomaly.training import ForestParameters, train
from hydatis_core.errors import ArtifactRefused, InvalidValue, UnknownColumn, WrongShape
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable

NAMES = [name for name, _ in columns_of(INPUTS)]
RUNAWAY = [name for name in NAMES if name.startswith("cpu_used_") and "24h" not in name]
SMALL = ForestParameters(tree_count=5)


def odd(rows: np.ndarray) -> np.ndarray:
    """The first row with a runaway CPU: all that is said of its use within the hour is far above the fleet's."""
    one = rows[:1].copy()
    for name in RUNAWAY:
        one[0, NAMES.index(name)] = 0.95
    return one


def table_of(rows: np.ndarray) -> NodeTable:
    values = np.full((len(rows), len(SCHEMA.names)), np.nan, dtype=np.float32)
    for place, name in enumerate(NAMES):
        values[:, SCHEMA.index[name]] = rows[:, place]
    return NodeTable(600, tuple(f"n{i}" for i in range(len(rows))), SCHEMA.names, values, SCHEMA.hashes)


def test_an_odd_node_has_a_higher_risk_than_nearly_all_others(forest: IsolationForestArrays, fresh_fleet: np.ndarray) -> None:
    risk = forest.risk(fresh_fleet)
    assert risk.dtype == np.float32
    assert (forest.risk(odd(fresh_fleet)) > np.quantile(risk, 0.99)).all()
    assert forest.risk(odd(fresh_fleet))[0] >= forest.threshold


def test_it_is_explained_by_the_columns_that_are_odd(forest: IsolationForestArrays, fresh_fleet: np.ndarray) -> None:
    (explained,) = forest.contributions(odd(fresh_fleet), top=3)
    assert len(explained) == 3
    assert {column for column, _ in explained} <= set(RUNAWAY)
    shares = [share for _, share in explained]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1


def test_about_the_stated_share_of_normal_rows_is_flagged(fleet: np.ndarray, fresh_fleet: np.ndarray) -> None:
    tolerant = train(fleet, seed=1, false_alarm_rate=0.1, calibration_rows=fresh_fleet[:250])
    assert np.mean(tolerant.risk(fresh_fleet[:250]) >= tolerant.threshold) <= 0.1
    assert 0.03 < np.mean(tolerant.risk(fresh_fleet[250:]) >= tolerant.threshold) < 0.2


def test_a_row_with_few_unknowns_is_scored_and_one_with_many_is_unknown(forest: IsolationForestArrays, fleet: np.ndarray) -> None:
    few, many = fleet[:1].copy(), fleet[:1].copy()
    few[0, [i for i, name in enumerate(NAMES) if "bytes_per_second" in name]] = np.nan
    many[0, [i for i, name in enumerate(NAMES) if "_used_" in name]] = np.nan
    assert np.isfinite(forest.risk(few)).all()
    assert np.isnan(forest.risk(many)).all()
    assert forest.contributions(many) == [()]


def test_an_odd_node_stays_odd_when_one_of_its_inputs_is_unknown(forest: IsolationForestArrays, fresh_fleet: np.ndarray) -> None:
    blind = odd(fresh_fleet)
    blind[0, NAMES.index("cpu_used_ratio")] = np.nan
    assert forest.risk(blind)[0] >= forest.threshold


def test_a_column_never_seen_in_training_has_no_say(fleet: np.ndarray) -> None:
    blind = fleet.copy()
    place = NAMES.index("cpu_hot_1h_ratio")
    blind[:, place] = np.nan
    forest = train(blind, seed=1, parameters=SMALL)
    seen = fleet.copy()
    seen[:, place] = 1.0
    assert forest.risk(seen).tobytes() == forest.risk(blind).tobytes()


def test_the_input_is_not_changed_and_one_seed_gives_one_detector(fleet: np.ndarray) -> None:
    before = fleet.copy()
    one, same = train(fleet, seed=9, parameters=SMALL), train(fleet, seed=9, parameters=SMALL)
    one.risk(fleet)
    assert fleet.tobytes() == before.tobytes()
    assert one.to_files() == same.to_files()
    assert one.to_files() != train(fleet, seed=8, parameters=SMALL).to_files()


def test_what_is_loaded_from_its_files_is_equal_bit_by_bit(forest: IsolationForestArrays, fresh_fleet: np.ndarray) -> None:
    loaded = IsolationForestArrays.from_files(forest.to_files())
    assert loaded.risk(fresh_fleet).tobytes() == forest.risk(fresh_fleet).tobytes()
    assert loaded.contributions(fresh_fleet[:3]) == forest.contributions(fresh_fleet[:3])
    assert loaded.threshold == forest.threshold
    assert loaded.to_files() == forest.to_files()


def test_columns_are_found_by_name_and_definition(forest: IsolationForestArrays, fresh_fleet: np.ndarray) -> None:
    table = table_of(fresh_fleet[:20])
    assert forest.risk_of_table(table).tobytes() == forest.risk(fresh_fleet[:20]).tobytes()
    hashes = ["0" * 12 if name == "cpu_used_ratio" else known for name, known in zip(SCHEMA.names, SCHEMA.hashes, strict=True)]
    with pytest.raises(UnknownColumn, match="cpu_used_ratio"):
        forest.risk_of_table(replace(table, column_hashes=tuple(hashes)))


def test_no_nodes_have_no_risk(forest: IsolationForestArrays, fleet: np.ndarray) -> None:
    assert forest.risk(fleet[:0]).shape == (0,)
    assert forest.contributions(fleet[:0]) == []


def test_wrong_rows_are_refused(forest: IsolationForestArrays, fleet: np.ndarray) -> None:
    with pytest.raises(WrongShape):
        forest.risk(fleet[:, :-1])
    with pytest.raises(WrongShape):
        forest.risk(fleet.astype(np.float64))
    infinite = fleet[:1].copy()
    infinite[0, 0] = np.inf
    with pytest.raises(InvalidValue):
        forest.risk(infinite)
    with pytest.raises(InvalidValue, match="rows of shape"):
        train(fleet[:, :-1], seed=1)
    with pytest.raises(InvalidValue, match="too few rows"):
        train(np.full_like(fleet, np.nan), seed=1)


def test_training_tells_its_progress(fleet: np.ndarray) -> None:
    told: list[str] = []
    train(fleet, seed=1, parameters=SMALL, progress=lambda done, total, text: told.append(f"{done}/{total} {text}"))
    assert told == ["1/4 inputs", "2/4 trees", "3/4 risk map", "4/4 threshold"]


@pytest.mark.parametrize("change", ["missing", "truncated", "text", "format", "formula", "column", "threshold"])
def test_files_that_are_no_detector_are_refused(forest: IsolationForestArrays, change: str) -> None:
    files = forest.to_files()
    header = json.loads(files[HEADER_FILE])
    if change == "missing":
        del files[ARRAYS_FILE]
    elif change == "truncated":
        files[ARRAYS_FILE] = files[ARRAYS_FILE][:300]
    elif change == "text":
        files[HEADER_FILE] = b"{"
    else:
        other = {
            "format": {"format": "something/9"},
            "formula": {"inputs": [["a * b", "x", "y"], *header["inputs"][1:]]},
            "column": {"columns": header["columns"][1:]},
            "threshold": {"threshold": 7.0},
        }[change]
        files[HEADER_FILE] = json.dumps({**header, **other}).encode()
    with pytest.raises(ArtifactRefused):
        IsolationForestArrays.from_files(files)


def test_arrays_that_would_need_pickle_are_refused(forest: IsolationForestArrays, tmp_path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, cut_inputs=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ArtifactRefused):
        IsolationForestArrays.from_files({**forest.to_files(), ARRAYS_FILE: path.read_bytes()})
