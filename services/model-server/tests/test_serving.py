"""Real processes on loopback, asked the way clients ask."""

import asyncio

import grpc
import grpc.aio
import numpy as np
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hydatis.oip import open_inference_pb2 as pb
from hydatis.oip import open_inference_pb2_grpc as pb_grpc
from hydatis_placement.after_state import COLUMN_DEFINITIONS
from hydatis_serving.model_client import ModelClient

TIMEOUT_SECONDS = 20.0
#: Numbers in an after-state.
WIDTH = len(COLUMN_DEFINITIONS)
PER_KIND = {
    "placement-policy": lambda model, rows: model.values(rows)[:, None],
    "cpu-forecaster": lambda model, rows: model.predict(rows),
    "anomaly-detector": lambda model, rows: model.risk(rows)[:, None],
}


def _offered(kit, name, model):
    """The rows a client would send for this model, and what stands in them: shuffled, with columns the model does not know."""
    own = kit.state_columns if name == "placement-policy" else kit.table_columns
    columns = [("invented", "0123456789ab"), *own]
    order = np.random.default_rng(5).permutation(len(columns))
    columns = [columns[place] for place in order]
    rows = np.random.default_rng(6).random((37, len(columns)), dtype=np.float32)
    if name != "placement-policy":
        rows[rows < 0.05] = np.nan
        rows[0, columns.index(own[own.index(next(c for c in own if c[0] == "cpu_used_ratio"))])] = np.nan
    wanted = kit.state_columns if name == "placement-policy" else model.columns
    return columns, rows, kit.picked(rows, columns, wanted)


@pytest.fixture
async def channel(served):
    async with grpc.aio.insecure_channel(served["placement-policy"].server.grpc_address) as channel:
        yield channel


@pytest.fixture
def stub(channel):
    return pb_grpc.GRPCInferenceServiceStub(channel)


@pytest.mark.parametrize("name", PER_KIND)
async def test_grpc_answers_what_the_model_itself_says_bit_for_bit(served, kit, name):
    model = served[name].model
    columns, rows, own_rows = _offered(kit, name, model)
    client = ModelClient(served[name].server.grpc_address, name)
    answer = await client.infer(rows, columns, TIMEOUT_SECONDS)
    await client.channel.close()
    expected = PER_KIND[name](model, own_rows)
    np.testing.assert_array_equal(answer.values[:, : expected.shape[1]], expected)
    assert answer.version == "1.0.0"
    assert len(answer.outputs) == answer.values.shape[1]


@pytest.mark.parametrize("name", PER_KIND)
def test_rest_answers_what_the_model_itself_says_bit_for_bit(served, kit, name):
    model = served[name].model
    columns, rows, own_rows = _offered(kit, name, model)
    data = [[None if np.isnan(value) else float(value) for value in row] for row in rows]
    tensor = {"name": "rows", "datatype": "FP32", "shape": list(rows.shape), "data": data}
    body = {"id": "7", "inputs": [tensor], "parameters": {"columns": kit.layout(columns)}}
    status, answer = served[name].server.rest(f"/v2/models/{name}/infer", body)
    assert status == 200, answer
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("7", name, "1.0.0")
    output = answer["outputs"][0]
    values = np.array([np.nan if value is None else value for value in output["data"]], dtype=np.float32).reshape(output["shape"])
    expected = PER_KIND[name](model, own_rows)
    np.testing.assert_array_equal(values[:, : expected.shape[1]], expected)
    assert len(answer["parameters"]["outputs"].split(",")) == output["shape"][1]


def _request(kit, **changes):
    rows = np.zeros((2, len(kit.state_columns)), dtype=np.float32)
    request = pb.ModelInferRequest(model_name="placement-policy", raw_input_contents=[rows.tobytes()])
    request.parameters["columns"].string_param = kit.layout(kit.state_columns)
    request.inputs.add(name="rows", datatype="FP32", shape=rows.shape)
    for change in changes.values():
        change(request)
    return request


def _raw(values):
    return lambda request: request.raw_input_contents.__setitem__(0, np.asarray(values, dtype=np.float32).tobytes())


def _shape(*shape):
    def change(request):
        request.inputs[0].shape[:] = shape

    return change


def _spoiled_layout(old, new):
    def change(request):
        text = request.parameters["columns"].string_param
        request.parameters["columns"].string_param = text.replace(old, new, 1)

    return change


BAD_GRPC = {
    "no tensor": (lambda r: r.ClearField("inputs"), "the input tensors are none"),
    "two tensors": (lambda r: r.inputs.add(name="more"), "'rows', 'more'"),
    "another name": (lambda r: setattr(r.inputs[0], "name", "x"), "'x'"),
    "another type": (lambda r: setattr(r.inputs[0], "datatype", "FP64"), "FP64"),
    "one dimension": (_shape(2 * WIDTH), "the shape is"),
    "negative": (_shape(-1, WIDTH), "the shape is"),
    "empty": (lambda r: (_shape(0, WIDTH)(r), _raw([])(r)), "empty"),
    "too few bytes": (_raw([1.0]), f"do not hold 2 x {WIDTH}"),
    "huge shape": (_shape(1 << 40, 1 << 20), "do not hold"),
    "values twice": (lambda r: r.raw_input_contents.append(b""), "more than one place"),
    "no values": (lambda r: r.ClearField("raw_input_contents"), "shape"),
    "infinite": (_raw(np.full((2, WIDTH), np.inf)), "infinite"),
    "unknown to a network": (_raw(np.full((2, WIDTH), np.nan)), "finite"),
    "no layout": (lambda r: r.parameters.clear(), "columns"),
    "layout not a text": (lambda r: setattr(r.parameters["columns"], "int64_param", 3), "columns"),
    "missing column": (_spoiled_layout("cpu_p50", "x_p50"), "'cpu_p50_after_ratio' is not in the table"),
    "other definition": (_spoiled_layout("ratio:", "ratio:0"), "definition"),
    "other version": (lambda r: setattr(r, "model_version", "9.9.9"), "not served"),
}


@pytest.mark.parametrize("case", BAD_GRPC)
async def test_grpc_says_what_is_wrong_in_one_sentence(stub, kit, case):
    change, said = BAD_GRPC[case]
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await stub.ModelInfer(_request(kit, change=change), timeout=TIMEOUT_SECONDS)
    assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    details = failed.value.details()
    assert said in details + str(failed.value.trailing_metadata())
    assert len(details) < 300
    assert "Traceback" not in details
    answer = await stub.ModelInfer(_request(kit), timeout=TIMEOUT_SECONDS)
    assert answer.model_version == "1.0.0"


async def test_typed_contents_are_read_too(stub, kit):
    request = _request(kit)
    request.raw_input_contents.clear()
    # field 5 (contents) with field 6 (packed fp32_contents): the part of the protocol our own message leaves out
    values = np.full(2 * WIDTH, 0.5, dtype="<f4").tobytes()
    contents = b"\x32" + bytes([len(values) & 0x7F | 0x80, len(values) >> 7]) + values
    tensor = request.inputs[0].SerializeToString() + b"\x2a" + bytes([len(contents) & 0x7F | 0x80, len(contents) >> 7]) + contents
    request.inputs[0].ParseFromString(tensor)
    typed = await stub.ModelInfer(request, timeout=TIMEOUT_SECONDS)
    raw = await stub.ModelInfer(_request(kit, change=_raw(np.full((2, WIDTH), 0.5))), timeout=TIMEOUT_SECONDS)
    assert typed.raw_output_contents == raw.raw_output_contents


async def test_a_model_that_is_not_here_is_not_found(stub, kit):
    for call in (
        stub.ModelInfer(_request(kit, change=lambda r: setattr(r, "model_name", "x")), timeout=TIMEOUT_SECONDS),
        stub.ModelReady(pb.ModelReadyRequest(name="x"), timeout=TIMEOUT_SECONDS),
    ):
        with pytest.raises(grpc.aio.AioRpcError, match="not served here") as failed:
            await call
        assert failed.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_call_without_a_deadline_is_refused(stub, kit):
    with pytest.raises(grpc.aio.AioRpcError, match="deadline"):
        await stub.ModelInfer(_request(kit))


async def test_liveness_readiness_and_health_are_told_over_grpc(stub, channel):
    assert (await stub.ServerLive(pb.ServerLiveRequest(), timeout=TIMEOUT_SECONDS)).live
    assert (await stub.ModelReady(pb.ModelReadyRequest(name="placement-policy"), timeout=TIMEOUT_SECONDS)).ready
    request = health_pb2.HealthCheckRequest(service="inference.GRPCInferenceService")
    health = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=TIMEOUT_SECONDS)
    assert health.status == health_pb2.HealthCheckResponse.SERVING


def test_mistakes_of_callers_leave_no_stack_traces_in_the_logs(served):
    for one in served.values():
        assert not [line for line in one.server.lines if "Traceback" in line]


async def test_calls_are_counted_by_model_version_and_code(stub, served, kit):
    await stub.ModelInfer(_request(kit), timeout=TIMEOUT_SECONDS)
    with pytest.raises(grpc.aio.AioRpcError):
        await stub.ModelInfer(_request(kit, change=_raw([1.0])), timeout=TIMEOUT_SECONDS)
    _, text = await asyncio.to_thread(served["placement-policy"].server.rest, "/metrics")
    for code in ("OK", "INVALID_ARGUMENT"):
        assert f'hydatis_model_requests_total{{code="{code}",model="placement-policy",version="1.0.0"}}' in text
    assert 'hydatis_model_seconds_bucket{le="0.001",model="placement-policy",version="1.0.0"}' in text


def test_it_listens_on_loopback_alone(served):
    server = served["placement-policy"].server
    listening = [c.laddr.ip for c in psutil.Process(server.process.pid).connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert len(listening) == 3
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


def test_no_process_takes_more_than_300_mb(served):
    for one in served.values():
        assert psutil.Process(one.server.process.pid).memory_info().rss < 300 * 2**20
