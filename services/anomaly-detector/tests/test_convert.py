"""Questions over the wire and back."""

from __future__ import annotations

import numpy as np
import pytest
from hydatis_anomaly_detector.convert import NodesAsked, nodes_asked_from_proto, nodes_asked_to_proto


@pytest.mark.parametrize(
    "asked", [NodesAsked(0, None, []), NodesAsked(60, np.int32([2, 0]), []), NodesAsked(60, None, ["node-1", "node-0"])]
)
def test_a_question_comes_back_as_it_was(asked):
    back = nodes_asked_from_proto(nodes_asked_to_proto(asked))
    assert (back.generation, back.node_names) == (asked.generation, asked.node_names)
    np.testing.assert_array_equal(back.rows, asked.rows)


def test_rows_go_before_names():
    request = nodes_asked_to_proto(NodesAsked(60, np.int32([2]), ["node-1"]))
    assert nodes_asked_from_proto(request).node_names == []
