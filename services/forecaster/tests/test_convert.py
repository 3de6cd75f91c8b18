"""Answers over the wire."""

from __future__ import annotations

import numpy as np
import pytest
from hydatis_forecaster.convert import found_to_proto
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.targets import COLUMNS
from hydatis_serving.convert.forecast import forecast_response_from_proto
from hydatis_serving.tick_book import Found


@pytest.mark.parametrize(("rows", "expected"), [(None, [0, 1, 2]), (np.int32([2, 0]), [2, 0])])
def test_the_nodes_asked_for_come_in_the_order_asked_for(rows, expected):
    values = np.repeat(np.float32([[0], [1], [2]]), len(COLUMNS), axis=1)
    answer = forecast_response_from_proto(found_to_proto(Found(ForecastTable(60, values), rows)))
    assert answer.generation == 60
    assert answer.values[:, 0].tolist() == expected
