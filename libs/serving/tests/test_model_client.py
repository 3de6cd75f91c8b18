"""The model client against a real server that speaks the Open Inference Protocol, well and badly."""

from typing import Any

import grpc
import numpy as np
import pytest
from hydatis.oip import open_inference_pb2 as oip
from hydatis.oip import open_inference_pb2_grpc
from hydatis_core.errors import DependencyUnavailable, InvalidValue, TooLate, UnknownColumn, WrongShape
from hydatis_serving.model_client import ModelClient

COLUMNS = (("cpu_used_ratio", "0123456789ab"), ("memory_used_ratio", "ba9876543210"))
ROWS = np.array([[0.5, np.nan], [0.25, 1.0]], dtype=np.float32)


def good(request: Any) -> Any:
    rows = np.frombuffer(request.raw_input_contents[0], dtype="<f4").reshape(tuple(request.inputs[0].shape))
    answer = oip.ModelInferResponse(model_name=request.model_name, model_version="1.2.3")
    answer.outputs.add(name="values", datatype="FP32", shape=rows.shape)
    answer.parameters["outputs"].string_param = "a,b"
    answer.raw_output_contents.append((rows * 2).astype("<f4").tobytes())
    return answer


class Models(open_inference_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self, infer: Any) -> None:
        self.infer = infer
        self.requests: list[Any] = []

    async def ModelInfer(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return self.infer(request)

    async def ModelReady(self, request: Any, context: Any) -> Any:
        return oip.ModelReadyResponse(ready=request.name == "cpu-forecaster")


@pytest.fixture
async def models():
    """A server that is not ours: no interceptor, no error table."""
    servers = []

    async def start(infer: Any) -> tuple[Models, str]:
        servicer, server = Models(infer), grpc.aio.server()
        open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        servers.append(server)
        return servicer, f"127.0.0.1:{port}"

    yield start
    for server in servers:
        await server.stop(0)


async def test_one_raw_tensor_goes_out_and_one_comes_back_with_its_version(models):
    servicer, address = await models(good)
    async with ModelClient(address, "cpu-forecaster") as client:
        answer = await client.infer(ROWS, COLUMNS, 5)
        again = await client.infer(ROWS[:1], COLUMNS, 5)
        assert await client.ready(timeout_seconds=5)
    np.testing.assert_array_equal(answer.values, ROWS * 2)
    assert (answer.version, answer.outputs) == ("1.2.3", ("a", "b"))
    assert again.values.shape == (1, 2)
    request = servicer.requests[0]
    assert request.model_name == "cpu-forecaster"
    assert request.parameters["columns"].string_param == "cpu_used_ratio:0123456789ab,memory_used_ratio:ba9876543210"
    assert [(t.name, t.datatype, list(t.shape)) for t in request.inputs] == [("rows", "FP32", [2, 2])]
    assert request.raw_input_contents[0] == ROWS.astype("<f4").tobytes()


async def test_rows_that_cannot_be_sent_are_refused_here(models):
    servicer, address = await models(good)
    async with ModelClient(address, "m") as client:
        with pytest.raises(WrongShape):
            await client.infer(ROWS[:, :1], COLUMNS, 5)
        with pytest.raises(WrongShape):
            await client.infer(ROWS[0], COLUMNS, 5)
        with pytest.raises(InvalidValue):
            await client.infer(np.array([[np.inf, 0]], dtype=np.float32), COLUMNS, 5)
    assert servicer.requests == []


def changed(change: Any) -> Any:
    def infer(request: Any) -> Any:
        answer = good(request)
        change(answer)
        return answer

    return infer


NONSENSE = {
    "no tensor": changed(lambda a: a.ClearField("outputs")),
    "no bytes": changed(lambda a: a.ClearField("raw_output_contents")),
    "another type": changed(lambda a: setattr(a.outputs[0], "datatype", "FP64")),
    "fewer rows": changed(lambda a: a.outputs[0].shape.__setitem__(0, 1)),
    "more columns than bytes": changed(lambda a: a.outputs[0].shape.__setitem__(1, 3)),
    "an infinity": changed(lambda a: a.raw_output_contents.__setitem__(0, np.full(4, np.inf, dtype="<f4").tobytes())),
    "names that do not fit": changed(lambda a: setattr(a.parameters["outputs"], "string_param", "a")),
}


@pytest.mark.parametrize("infer", NONSENSE.values(), ids=NONSENSE.keys())
async def test_an_answer_that_makes_no_sense_is_the_servers_fault(models, infer):
    _, address = await models(infer)
    async with ModelClient(address, "m") as client:
        with pytest.raises(DependencyUnavailable, match="answered nonsense"):
            await client.infer(ROWS, COLUMNS, 5)


async def test_nobody_there_late_and_failing_servers_are_said_as_such(models, serve):
    def fail(request: Any) -> Any:
        raise RuntimeError("model crashed")

    _, address = await models(fail)
    async with ModelClient(address, "m") as client:
        with pytest.raises(DependencyUnavailable, match="UNKNOWN"):
            await client.infer(ROWS, COLUMNS, 5)
        with pytest.raises(TooLate):
            await client.infer(ROWS, COLUMNS, 0)
        assert not await client.ready(timeout_seconds=5)
    async with ModelClient("127.0.0.1:1", "m") as client:
        with pytest.raises(DependencyUnavailable):
            await client.infer(ROWS, COLUMNS, 5)
        assert not await client.ready(timeout_seconds=5)


async def test_a_server_of_ours_says_which_column_it_lacks(serve):
    def lack(request: Any) -> Any:
        raise UnknownColumn("column 'x' is not in the table", field="columns")

    running = await serve(
        lambda s: open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Models(lack), s),
        "inference.GRPCInferenceService",
    )
    async with ModelClient(running.address, "m") as client:
        with pytest.raises(UnknownColumn, match="column 'x'"):
            await client.infer(ROWS, COLUMNS, 5)
