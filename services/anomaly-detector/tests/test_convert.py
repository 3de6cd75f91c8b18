"""Answers over the wire."""

from __future__ import annotations

import numpy as np
import pytest
from hydatis_anomaly.risk_table import FlaggedNode, RiskTable
from hydatis_anomaly_detector.convert import found_to_proto
from hydatis_serving.tick_book import Found

RISK = RiskTable(60, np.float32([0.25, 0.75, 0.5]), 0.7, (FlaggedNode(1, 1, False),), "1.0.0")


@pytest.mark.parametrize(
    ("rows", "risk", "flagged"), [(None, [0.25, 0.75, 0.5], [1]), (np.int32([2, 1]), [0.5, 0.75], [1]), (np.int32([0]), [0.25], [])]
)
def test_the_nodes_asked_for_come_in_the_order_asked_for_with_their_flags(rows, risk, flagged):
    answer = found_to_proto(Found(RISK, rows))
    assert np.frombuffer(answer.risk, dtype="<f4").tolist() == risk
    assert [node.row for node in answer.flagged] == flagged
