"""What REST says to requests that are wrong, and of itself."""

import http.client

import pytest

TIMEOUT_SECONDS = 20.0


def _tensor(**changes):
    return {
        "inputs": [{"name": "rows", "datatype": "FP32", "shape": [1, 1], "data": [1.0]} | changes],
        "parameters": {"columns": "a:b"},
    }


BAD_REST = {
    "not JSON": (b"{", "JSON"),
    "nothing": (b"", "body"),
    "no inputs": ({}, "inputs"),
    "inputs no list": ({"inputs": 3}, "inputs"),
    "empty inputs": ({"inputs": []}, "none"),
    "no data": ({"inputs": [{"name": "rows", "datatype": "FP32", "shape": [1, 1]}]}, "data"),
    "another type": (_tensor(datatype="INT64"), "INT64"),
    "ragged": (_tensor(shape=[2, 2], data=[[1, 2], [3]]), "matrix"),
    "texts": (_tensor(data=["1"]), "not a number"),
    "truth": (_tensor(data=[True]), "not a number"),
    "objects": (_tensor(data=[{"a": 1}]), "not a number"),
    "too few": (_tensor(shape=[2, 2]), "shape"),
    "shape of texts": (_tensor(shape=["x"]), "shape"),
    "beyond float32": (_tensor(data=[1e300]), "infinite"),
    "no columns": ({"inputs": _tensor()["inputs"]}, "columns"),
    "columns no text": (_tensor() | {"parameters": {"columns": 3}}, "columns"),
    "unknown column": (_tensor(), "is not in the table"),
}


@pytest.mark.parametrize("case", BAD_REST)
def test_rest_says_what_is_wrong_in_one_sentence(served, case):
    server = served["anomaly-detector"].server
    body, said = BAD_REST[case]
    if case == "beyond float32":
        columns = ",".join(f"{n}:{d}" for n, d in served["anomaly-detector"].model.columns)
        count = len(served["anomaly-detector"].model.columns)
        body = _tensor(shape=[1, count], data=[1e300] * count) | {"parameters": {"columns": columns}}
    status, answer = server.rest("/v2/models/anomaly-detector/infer", body)
    assert status == 400, answer
    assert set(answer) == {"error"}
    assert said in answer["error"]
    assert "Traceback" not in answer["error"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v2/models/nobody/infer", {"inputs": []}, 404),
        ("/v2/models/nobody/ready", None, 404),
        ("/v1/models/anomaly-detector:predict", {"instances": [[1]]}, 400),
        ("/v2/repository/models/anomaly-detector/unload", b"", 400),
        ("/nowhere", None, 404),
    ],
)
def test_rest_refuses_what_is_not_offered(served, path, body, status):
    server = served["anomaly-detector"].server
    assert server.rest(path, body)[0] == status
    assert server.rest("/v2/models/anomaly-detector/ready") == (200, {"name": "anomaly-detector", "ready": True})


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(served):
    server = served["anomaly-detector"].server
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=TIMEOUT_SECONDS)
    connection.putrequest("POST", "/v2/models/anomaly-detector/infer")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(17 << 20))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_metadata_tell_tensors_and_version_over_rest(served):
    server = served["cpu-forecaster"].server
    status, answer = server.rest("/v2/models/cpu-forecaster")
    assert status == 200
    assert answer["versions"] == ["1.0.0"]
    assert answer["inputs"] == [{"name": "rows", "datatype": "FP32", "shape": [-1, -1]}]
    assert answer["outputs"] == [{"name": "values", "datatype": "FP32", "shape": [-1, 12]}]
    assert server.rest("/v2/health/ready") == (200, {"ready": True})
    assert server.rest("/v2/health/live") == (200, {"live": True})
