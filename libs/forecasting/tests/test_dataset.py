"""Rows are joined with what came after them, and those without are counted."""

from dataclasses import replace

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, UnknownColumn
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_forecasting.dataset import Dataset, build_dataset
from hydatis_forecasting.use_history import UseHistory

USED = SCHEMA.index["cpu_used_ratio"]


def changed(table: NodeTable, row: int, column: str, value: float) -> NodeTable:
    values = table.values.copy()
    values[row, SCHEMA.index[column]] = value
    return replace(table, values=values)


def test_every_row_stands_beside_its_own_future(tables: list[NodeTable], dataset: Dataset) -> None:
    row = 20 * 3 + 5  # node 5 at the fourth tick
    assert dataset.generations[row] == tables[3].generation
    assert dataset.node_rows[row] == 5
    assert dataset.current[row] == tables[3].values[5, USED]
    ahead = [tables[3 + step].values[5, USED] for step in range(1, 13)]
    assert dataset.targets[row].tolist() == [ahead[0], ahead[0], ahead[2], max(ahead[:3]), ahead[11], max(ahead)]


def test_rows_without_a_future_are_dropped_and_counted(tables: list[NodeTable], dataset: Dataset) -> None:
    assert len(dataset.rows) == (120 - 12) * 20
    assert dataset.dropped_no_future_count == 12 * 20
    assert dataset.dropped_no_use_count == 0
    assert not np.isnan(dataset.targets).any()


def test_rows_whose_newest_use_is_unknown_are_dropped_and_counted(tables: list[NodeTable]) -> None:
    history = UseHistory.from_tables(tables)
    blind = [changed(tables[0], 2, "cpu_used_ratio", np.nan), *tables[1:]]
    data = build_dataset(blind, history, "cpu")
    assert data.dropped_no_use_count == 1
    assert 2 not in data.node_rows[data.generations == tables[0].generation]


def test_a_stale_sample_is_no_history(tables: list[NodeTable]) -> None:
    stale = [changed(table, 1, "usage_age_seconds", 5000.0) for table in tables[:3]]
    assert np.isnan(UseHistory.from_tables(stale).cpu[:, 1]).all()


def test_nodes_are_matched_by_name_when_a_table_has_fewer(tables: list[NodeTable]) -> None:
    history = UseHistory.from_tables(tables)
    fewer = [replace(table, node_names=table.node_names[7:9], values=table.values[7:9].copy()) for table in tables]
    data = build_dataset(fewer, history, "cpu")
    assert set(data.node_rows.tolist()) == {7, 8}
    assert data.targets[0, 0] == tables[1].values[7, USED]


def test_yesterday_is_the_future_of_a_day_ago(tables: list[NodeTable]) -> None:
    times = tables[0].generation - 86400.0 + 300.0 * np.arange(400)
    use = np.repeat(np.arange(400, dtype=np.float32)[:, None] / 1000, 20, axis=1)
    data = build_dataset(tables[:2], UseHistory(times, tables[0].node_names, use, use, 300.0), "cpu")
    assert data.yesterday[0].tolist() == pytest.approx([0.001, 0.001, 0.003, 0.003, 0.012, 0.012])
    assert data.targets[0].tolist() == pytest.approx([0.289, 0.289, 0.291, 0.291, 0.3, 0.3])


def test_what_cannot_be_joined_is_refused(tables: list[NodeTable]) -> None:
    history = UseHistory.from_tables(tables)
    with pytest.raises(InvalidValue, match="rising"):
        build_dataset([tables[1], tables[0]], history, "cpu")
    with pytest.raises(InvalidValue):
        build_dataset([], history, "cpu")
    with pytest.raises(InvalidValue, match="'stranger' is not in the history"):
        build_dataset([replace(tables[0], node_names=("stranger", *tables[0].node_names[1:]))], history, "cpu")
    with pytest.raises(UnknownColumn):
        build_dataset(tables, history, "cpu", [("cpu_used_ratio", "another meaning")])
    with pytest.raises(UnknownColumn, match="cpu_used_ratio"):
        build_dataset(tables, history, "cpu", [("pod_count", SCHEMA.features[SCHEMA.index["pod_count"]].definition_hash)])
