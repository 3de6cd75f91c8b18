"""Questions that several services are asked alike."""

import numpy as np
import pytest
from hydatis.anomaly.v1.anomaly_pb2 import ScoreNodesRequest, WatchScoresRequest
from hydatis.features.v1.features_pb2 import WatchTableRequest
from hydatis.forecast.v1.forecast_pb2 import ForecastNodesRequest, WatchForecastsRequest
from hydatis_core import errors
from hydatis_serving.convert.asking import nodes_asked_from_proto, subscriber_from_proto
from hydatis_serving.wire import to_int32_bytes

QUESTIONS = (ForecastNodesRequest, ScoreNodesRequest)
ROWS = to_int32_bytes(np.int32([2, 0]))


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_names_rows_or_names_or_neither(question):
    everything = nodes_asked_from_proto(question())
    assert (everything.generation, everything.rows, everything.node_names) == (0, None, ())
    by_name = nodes_asked_from_proto(question(generation=60, node_names=["node-1", "node-0"]))
    assert (by_name.generation, by_name.rows, by_name.node_names) == (60, None, ("node-1", "node-0"))
    by_row = nodes_asked_from_proto(question(rows=ROWS))
    assert by_row.rows.tolist() == [2, 0]


@pytest.mark.parametrize("question", QUESTIONS)
def test_rows_go_before_names(question):
    asked = nodes_asked_from_proto(question(rows=ROWS, node_names=["node-1"]))
    assert (asked.rows.tolist(), asked.node_names) == ([2, 0], ())


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"rows": to_int32_bytes(np.int32([-1]))}, errors.InvalidValue, "rows"),
        ({"rows": to_int32_bytes(np.int32([1, 1]))}, errors.Duplicate, "rows"),
        ({"rows": b"abc"}, errors.WrongShape, "rows"),
        ({"generation": -1}, errors.InvalidValue, "generation"),
    ],
)
def test_a_wrong_question_is_refused_with_its_field(question, wrong, error, field):
    with pytest.raises(error) as refused:
        nodes_asked_from_proto(question(**wrong))
    assert refused.value.field == field


@pytest.mark.parametrize("watch", [WatchTableRequest, WatchForecastsRequest, WatchScoresRequest])
def test_a_subscriber_has_a_name(watch):
    assert subscriber_from_proto(watch(subscriber="shim")) == "shim"
    with pytest.raises(errors.InvalidValue) as refused:
        subscriber_from_proto(watch())
    assert refused.value.field == "subscriber"
