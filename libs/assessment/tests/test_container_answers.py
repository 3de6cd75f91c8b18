"""Numbers are cut out of Prometheus' JSON as they are; what is no amount is not known, and what is no answer is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hydatis_assessment.capture.container_answers import CONTAINER_DECODER, ContainerLabels, matrix
from hydatis_core.errors import InvalidValue


def answer(*series: tuple[dict[str, str], list[Any]]) -> Any:
    result = [{"metric": labels, "values": values} for labels, values in series]
    told = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    return CONTAINER_DECODER.decode(json.dumps(told).encode()).series


def test_values_stand_at_their_times() -> None:
    courses = answer(({"pod": "a"}, [[300, "1.5"], [900, "2e-3"]]), ({"pod": "b"}, []), ({"pod": "c", "id": "/x"}, [[1200.0, "7"]]))
    np.testing.assert_array_equal(
        matrix(courses, 300.0, 300.0, 4),
        np.array([[1.5, np.nan, 2e-3, np.nan], [np.nan] * 4, [np.nan, np.nan, np.nan, 7.0]], dtype=np.float32),
    )
    assert matrix([], 300.0, 300.0, 4).shape == (0, 4)


def test_what_is_no_amount_is_not_known() -> None:
    courses = answer(({}, [[300, "NaN"], [600, "+Inf"], [900, "-1"], [1200, "-Inf"]]))
    assert np.isnan(matrix(courses, 300.0, 300.0, 4)).all()


@pytest.mark.parametrize("values", [[[300, "x"]], [[150, "1"], [30_000, "1"]], [[300]], "nonsense"])
def test_what_are_no_numbers_is_refused(values: Any) -> None:
    with pytest.raises(InvalidValue):
        matrix(answer(({}, values)), 300.0, 300.0, 4)


def test_hidden_labels_go_first() -> None:
    hidden = {"namespace": "monitoring", "pod": "proxy", "container": "proxy"}
    own = {"exported_namespace": "shop", "exported_pod": "web-1"}
    assert ContainerLabels(**hidden, **own).key == ("shop", "web-1", "proxy")
    assert ContainerLabels(**hidden, **own, exported_container="app").key == ("shop", "web-1", "app")
    assert ContainerLabels(**hidden).key == ("monitoring", "proxy", "proxy")
