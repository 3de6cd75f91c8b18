"""What the anomaly-detector is asked, as values. (Tables and scores are converted in ``hydatis_serving.convert``.)

A question may name rows, names, or neither; which of them it was is settled here, so that nothing behind it asks again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis.anomaly.v1 import anomaly_pb2
from hydatis_core.errors import InvalidValue
from hydatis_serving.wire import rows_from_bytes
from numpy.typing import NDArray

__all__ = ["NodesAsked", "nodes_asked_from_proto", "nodes_asked_to_proto", "subscriber_from_proto"]


@dataclass(frozen=True, slots=True)
class NodesAsked:
    """Which nodes of which generation."""

    generation: int
    """0: the newest."""
    rows: NDArray[np.int32] | None
    """Rows of it; None: ``node_names`` says which."""
    node_names: list[str]
    """Names; empty, too: all nodes."""


def nodes_asked_from_proto(request: anomaly_pb2.ScoreNodesRequest) -> NodesAsked:
    """Which nodes are asked for.

    Raises:
        WrongShape, InvalidValue, Duplicate: the rows are not whole, negative or repeated; the generation is negative.
    """
    if request.generation < 0:
        raise InvalidValue(f"{request.generation} is not a generation", field="generation", expected="a tick time, or 0")
    rows = rows_from_bytes(request.rows) if request.rows else None
    return NodesAsked(request.generation, rows, [] if request.rows else list(request.node_names))


def nodes_asked_to_proto(asked: NodesAsked) -> anomaly_pb2.ScoreNodesRequest:
    """The inverse."""
    rows = b"" if asked.rows is None else asked.rows.astype("<i4").tobytes()
    return anomaly_pb2.ScoreNodesRequest(generation=asked.generation, rows=rows, node_names=asked.node_names)


def subscriber_from_proto(request: anomaly_pb2.WatchScoresRequest) -> str:
    """Who subscribes.

    Raises:
        InvalidValue: it does not say.
    """
    if not request.subscriber:
        raise InvalidValue("the subscriber has no name", field="subscriber", expected="the name of a service")
    return request.subscriber
