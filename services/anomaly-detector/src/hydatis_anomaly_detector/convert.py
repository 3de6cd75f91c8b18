"""What the anomaly-detector answers, as messages. (What it is asked is read by ``hydatis_serving.convert.asking``.)

Scores as messages are stated in ``hydatis_serving.convert.anomaly``; here they meet the nodes that were asked for.
"""

from __future__ import annotations

from hydatis.anomaly.v1 import anomaly_pb2
from hydatis_anomaly.risk_table import RiskTable
from hydatis_serving.convert.anomaly import risk_response_to_proto
from hydatis_serving.tick_book import Found

__all__ = ["found_to_proto"]


def found_to_proto(found: Found[RiskTable]) -> anomaly_pb2.ScoreNodesResponse:
    """The scores of the nodes asked for, in the order asked for, with the flags that are theirs."""
    return risk_response_to_proto(found.made, found.rows)
