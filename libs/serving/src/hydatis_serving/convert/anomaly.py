"""hydatis.anomaly.v1: the risk of all nodes, or of some.

Flagged nodes are named by their row in the table of the generation, also in an answer about some nodes only, while the rows of a
``RiskTable`` are positions in itself: the two are translated here and nowhere else.
"""

from __future__ import annotations

import numpy as np
from hydatis.anomaly.v1 import anomaly_pb2
from hydatis_anomaly.risk_table import FlaggedNode, RiskTable
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

from hydatis_serving.wire import to_float32_bytes, vector_from_bytes

__all__ = ["risk_from_proto", "risk_response_from_proto", "risk_response_to_proto", "risk_to_proto"]


def risk_to_proto(table: RiskTable) -> anomaly_pb2.WatchScoresResponse:
    """The risk of all nodes."""
    return anomaly_pb2.WatchScoresResponse(
        generation=table.generation,
        row_count=len(table.risk),
        risk=to_float32_bytes(table.risk),
        threshold=table.threshold,
        flagged=[_flagged_to_proto(node) for node in table.flagged],
        model_version=table.model_version,
    )


def risk_from_proto(message: anomaly_pb2.WatchScoresResponse) -> RiskTable:
    """The risk of all nodes.

    Raises:
        WrongShape, InvalidValue, Duplicate: the message is not what its comments say.
    """
    risk = vector_from_bytes(message.risk, message.row_count, field="risk")
    flagged = tuple(_flagged_from_proto(entry, entry.row) for entry in message.flagged)
    return RiskTable(message.generation, risk, message.threshold, flagged, message.model_version)


def risk_response_to_proto(table: RiskTable, rows: NDArray[np.int32] | None = None) -> anomaly_pb2.ScoreNodesResponse:
    """The risk of some rows of a table of all nodes, or of all of them."""
    risk = table.risk if rows is None else table.risk[rows]
    wanted = None if rows is None else set(rows.tolist())
    return anomaly_pb2.ScoreNodesResponse(
        generation=table.generation,
        row_count=len(risk),
        risk=to_float32_bytes(risk),
        threshold=table.threshold,
        flagged=[_flagged_to_proto(node) for node in table.flagged if wanted is None or node.row in wanted],
        model_version=table.model_version,
    )


def risk_response_from_proto(message: anomaly_pb2.ScoreNodesResponse, rows: NDArray[np.int32] | None = None) -> RiskTable:
    """The risk of the rows asked for, as a table whose rows are in the order asked for.

    Args:
        message: the answer.
        rows: the rows asked for; None: all were.

    Raises:
        WrongShape, InvalidValue, Duplicate: the message is not what its comments say.
    """
    risk = vector_from_bytes(message.risk, message.row_count, field="risk")
    position = None if rows is None else {int(row): place for place, row in enumerate(rows)}
    flagged = []
    for entry in message.flagged:
        place = entry.row if position is None else position.get(entry.row)
        if place is None:
            raise InvalidValue(f"row {entry.row} is flagged but was not asked for", field="flagged.row", expected="a row asked for")
        flagged.append(_flagged_from_proto(entry, place))
    return RiskTable(message.generation, risk, message.threshold, tuple(flagged), message.model_version)


def _flagged_to_proto(node: FlaggedNode) -> anomaly_pb2.FlaggedNode:
    return anomaly_pb2.FlaggedNode(
        row=node.row,
        ticks_count=node.ticks_count,
        confirmed=node.confirmed,
        contributions=[anomaly_pb2.Contribution(column=column, share_ratio=share) for column, share in node.contributions],
    )


def _flagged_from_proto(message: anomaly_pb2.FlaggedNode, row: int) -> FlaggedNode:
    contributions = tuple((entry.column, entry.share_ratio) for entry in message.contributions)
    return FlaggedNode(row, message.ticks_count, message.confirmed, contributions)
