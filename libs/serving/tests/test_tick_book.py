"""Questions about nodes, answered from what was made of the newest tables."""

import numpy as np
import pytest
from hydatis_core import errors
from hydatis_features.table import NodeTable
from hydatis_serving.testing import table_of_use
from hydatis_serving.tick_book import NodesAsked, TickBook


def table(generation: int, node_count: int = 4) -> NodeTable:
    return table_of_use(generation, [0.5] * node_count)


@pytest.fixture
def book() -> TickBook[str]:
    kept: TickBook[str] = TickBook("forecast")
    for generation in (60, 120, 180, 240):
        kept.put(table(generation), f"of {generation}")
    return kept


def test_the_newest_three_are_kept(book):
    assert book.find(NodesAsked()).made == "of 240"
    assert book.find(NodesAsked(120)).made == "of 120"
    with pytest.raises(errors.GenerationUnavailable, match="no forecast of generation 60"):
        book.find(NodesAsked(60))


def test_another_cluster_with_earlier_ticks_replaces_all(book):
    book.put(table(30), "of another")
    assert book.find(NodesAsked()).made == "of another"
    with pytest.raises(errors.GenerationUnavailable):
        book.find(NodesAsked(240))


def test_while_there_is_nothing_the_answer_says_so():
    with pytest.raises(errors.GenerationUnavailable, match="no forecast yet"):
        TickBook[str]("forecast").find(NodesAsked())


def test_nodes_are_found_by_row_by_name_or_all(book):
    assert book.find(NodesAsked(rows=np.int32([3, 1]))).rows.tolist() == [3, 1]
    assert book.find(NodesAsked(node_names=("node-3", "node-1"))).rows.tolist() == [3, 1]
    assert book.find(NodesAsked()).rows is None


@pytest.mark.parametrize(
    ("asked", "error", "field"),
    [
        (NodesAsked(rows=np.int32([4])), errors.UnknownNode, "rows"),
        (NodesAsked(rows=np.int32([1, 1])), errors.Duplicate, "rows"),
        (NodesAsked(node_names=("node-9",)), errors.UnknownNode, "node_names"),
        (NodesAsked(node_names=("node-1", "node-1")), errors.Duplicate, "node_names"),
        (NodesAsked(59), errors.GenerationUnavailable, "generation"),
    ],
    ids=str,
)
def test_nodes_that_are_not_of_the_table_are_refused_with_their_field(book, asked, error, field):
    with pytest.raises(error) as refused:
        book.find(asked)
    assert refused.value.field == field
