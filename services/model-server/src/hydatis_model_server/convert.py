"""Between the two wire forms of the Open Inference Protocol and the values of this service.

Pure, and both ways for both sides. On gRPC a tensor travels as raw bytes (typed contents are read too, at four times the price);
on REST as JSON numbers, where null is unknown, or as the protocol's binary extension.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.infer_type import InferOutput, InferRequest, InferResponse
from numpy.typing import NDArray

from hydatis_model_server.inference import DATATYPE, INPUT_TENSOR, OUTPUT_TENSOR, InferAnswer, InferCall, check_tensor

__all__ = ["answer_to_grpc", "answer_to_rest", "call_from_grpc", "call_from_rest"]

_FLOAT32 = np.dtype("<f4")


def call_from_grpc(request: pb.ModelInferRequest) -> InferCall:
    """The call that a gRPC request says. Its rows share memory with the request.

    Raises:
        InvalidValue: other tensors, another data type, empty, or no layout.
        WrongShape: the bytes are not of the shape.
    """
    first = request.inputs[0] if request.inputs else pb.ModelInferRequest.InferInputTensor()
    row_count, column_count = check_tensor([tensor.name for tensor in request.inputs], first.datatype, list(first.shape))
    if request.raw_input_contents:
        if len(request.raw_input_contents) != 1 or first.HasField("contents"):
            raise InvalidValue(
                "values stand in more than one place", field=INPUT_TENSOR, expected="one entry of raw_input_contents"
            )
        rows = _from_bytes(request.raw_input_contents[0], row_count, column_count)
    else:
        rows = _shaped(np.array(first.contents.fp32_contents, dtype=np.float32), row_count, column_count)
    return InferCall(rows, request.parameters["columns"].string_param, request.model_version, request.id)


def answer_to_grpc(answer: InferAnswer) -> pb.ModelInferResponse:
    """The answer as a gRPC response with one raw tensor."""
    response = pb.ModelInferResponse(
        model_name=answer.model_name,
        model_version=answer.model_version,
        id=answer.request_id,
        outputs=[pb.ModelInferResponse.InferOutputTensor(name=OUTPUT_TENSOR, datatype=DATATYPE, shape=answer.values.shape)],
        raw_output_contents=[answer.values.astype(_FLOAT32, copy=False).tobytes()],
    )
    for name, value in answer.parameters.items():
        response.parameters[name].string_param = value
    return response


def call_from_rest(request: InferRequest) -> InferCall:
    """The call that a REST request says.

    Raises:
        InvalidValue: other tensors, another data type, empty, no numbers, or no layout.
        WrongShape: the numbers are not of the shape.
    """
    inputs = request.inputs
    datatype = inputs[0].datatype if inputs else ""
    row_count, column_count = check_tensor([tensor.name for tensor in inputs], datatype, list(inputs[0].shape) if inputs else [])
    rows = _shaped(_numbers(inputs[0].data), row_count, column_count)
    parameters: Mapping[str, Any] = request.parameters or {}
    columns = parameters.get("columns", "")
    if not isinstance(columns, str):
        raise InvalidValue("the parameter is no text", field="columns", expected="name:hash,name:hash,...")
    return InferCall(rows, columns, request.model_version or "", request.id or "")


def answer_to_rest(answer: InferAnswer, request: InferRequest) -> InferResponse:
    """The answer as a REST response, in the form (JSON or binary) that the request wants."""
    output = InferOutput(OUTPUT_TENSOR, list(answer.values.shape), DATATYPE, data=answer.values)
    return InferResponse(
        response_id=answer.request_id,
        model_name=answer.model_name,
        model_version=answer.model_version,
        infer_outputs=[output],
        parameters=dict(answer.parameters),
        use_binary_outputs=bool(request.use_binary_outputs),
        requested_outputs=request.request_outputs,
    )


def _from_bytes(data: bytes, row_count: int, column_count: int) -> NDArray[np.float32]:
    if len(data) != row_count * column_count * 4:
        shown = f"{len(data)} bytes do not hold {row_count} x {column_count} float32"
        raise WrongShape(shown, field=INPUT_TENSOR, expected=f"{row_count * column_count * 4} bytes")
    return np.frombuffer(data, dtype=_FLOAT32).reshape(row_count, column_count)


def _shaped(values: NDArray[np.float32], row_count: int, column_count: int) -> NDArray[np.float32]:
    if values.size != row_count * column_count or (values.ndim != 1 and values.shape != (row_count, column_count)):
        shown = f"the values have shape {list(values.shape)}"
        raise WrongShape(shown, field=INPUT_TENSOR, expected=f"{row_count} x {column_count}, flat or nested")
    return values.reshape(row_count, column_count)


def _numbers(data: object) -> NDArray[np.float32]:
    """JSON numbers as float32; null is NaN. Texts and truth values are refused, since numpy would take "1" and true for 1."""
    try:
        values = np.asarray(data)
        if values.dtype == object:
            values = np.array([np.nan if value is None else value for value in values.flat]).reshape(values.shape)
    except (ValueError, TypeError):
        raise WrongShape("the values are not a matrix of numbers", field=INPUT_TENSOR, expected="rows of equal length") from None
    if values.dtype.kind not in "fiu":
        raise InvalidValue("a value is not a number", field=INPUT_TENSOR, expected="numbers, or null for unknown")
    with np.errstate(over="ignore"):  # a number beyond float32 becomes infinite, which is refused with its place
        return values.astype(np.float32)
