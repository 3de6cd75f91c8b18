"""What the forecaster answers, as messages. (What it is asked is read by ``hydatis_serving.convert.asking``.)

Forecasts as messages are stated in ``hydatis_serving.convert.forecast``; here they meet the nodes that were asked for.
"""

from __future__ import annotations

from hydatis.forecast.v1 import forecast_pb2
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_serving.convert.forecast import forecast_response_to_proto
from hydatis_serving.tick_book import Found

__all__ = ["found_to_proto"]


def found_to_proto(found: Found[ForecastTable]) -> forecast_pb2.ForecastNodesResponse:
    """The forecasts of the nodes asked for, in the order asked for."""
    return forecast_response_to_proto(found.made, found.rows)
