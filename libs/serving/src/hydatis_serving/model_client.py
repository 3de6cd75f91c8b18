"""Client of a model server: one raw tensor out, one back, by the Open Inference Protocol.

A model is called with whole rows of whatever table the caller has; the server picks its columns by name and definition hash, which
travel as a request parameter. Whatever it answers is checked before anyone computes with it, and says which version computed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from hydatis.oip import open_inference_pb2, open_inference_pb2_grpc
from hydatis_core.errors import HydatisError, WrongShape
from numpy.typing import NDArray

from hydatis_serving.channels import DEFAULT_MAX_MESSAGE_BYTES
from hydatis_serving.clients.service_client import ServiceClient
from hydatis_serving.transport_security import PLAIN, TransportSecurity
from hydatis_serving.wire import check_no_infinity, matrix_from_bytes, to_float32_bytes

__all__ = ["ModelAnswer", "ModelClient", "columns_parameter"]


@dataclass(frozen=True)
class ModelAnswer:
    """What a model computed."""

    values: NDArray[np.float32]
    """shape (rows, outputs), float32, read-only; NaN where the model cannot tell."""
    version: str
    """Semantic version of the model that computed it."""
    outputs: tuple[str, ...]
    """What the columns of ``values`` are."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What else the model said, by name: the anomaly-detector says its ``threshold``."""


def columns_parameter(columns: Sequence[tuple[str, str]]) -> str:
    """Columns as the request says them: ``name:hash,name:hash``."""
    return ",".join(f"{name}:{definition_hash}" for name, definition_hash in columns)


class ModelClient(ServiceClient):
    """Calls one model.

    Args:
        address: ``host:port`` of the model server's gRPC port.
        model_name: name of the model.
        max_message_bytes: largest answer that is taken.
        security: by which certificate it dials, and whom it believes.
    """

    def __init__(
        self,
        address: str,
        model_name: str,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        *,
        security: TransportSecurity = PLAIN,
    ) -> None:
        super().__init__(address, max_message_bytes, foreign_peer=True, security=security)
        self.model_name = model_name
        self._stub = open_inference_pb2_grpc.GRPCInferenceServiceStub(self.channel)
        self._columns: Sequence[tuple[str, str]] = ()
        self._columns_text = ""

    async def infer(self, rows: NDArray[np.float32], columns: Sequence[tuple[str, str]], timeout_seconds: float) -> ModelAnswer:
        """Computes the model's outputs of some rows.

        Args:
            rows: shape (rows, columns), float32; NaN: unknown.
            columns: (name, definition hash) of each column; pass the same object again and it is not written out again.
            timeout_seconds: how long it may take.

        Raises:
            WrongShape, InvalidValue: the rows are not rows x columns, or hold an infinity.
            UnknownColumn, InvalidValue: the model refuses them.
            TooLate: no answer in time.
            DependencyUnavailable: nobody answers, the model is not there, or its answer makes no sense.
        """
        if rows.ndim != 2 or rows.shape[1] != len(columns):
            raise WrongShape(f"rows of shape {rows.shape}", field="rows", expected=f"(rows, {len(columns)})")
        check_no_infinity(rows, field="rows")
        if columns is not self._columns:
            self._columns, self._columns_text = columns, columns_parameter(columns)
        request = open_inference_pb2.ModelInferRequest(model_name=self.model_name, raw_input_contents=[to_float32_bytes(rows)])
        request.parameters["columns"].string_param = self._columns_text
        request.inputs.add(name="rows", datatype="FP32", shape=rows.shape)
        return await self.call(self._stub.ModelInfer, request, timeout_seconds, lambda answer: _answer_values(answer, len(rows)))

    async def ready(self, *, timeout_seconds: float) -> bool:
        """Whether the model can answer; False also when nobody answers."""
        request = open_inference_pb2.ModelReadyRequest(name=self.model_name)
        try:
            return bool(await self.call(self._stub.ModelReady, request, timeout_seconds, lambda answer: answer.ready))
        except HydatisError:
            return False


def _answer_values(answer: open_inference_pb2.ModelInferResponse, row_count: int) -> ModelAnswer:
    if len(answer.outputs) != 1 or len(answer.raw_output_contents) != 1:
        raise WrongShape(f"{len(answer.outputs)} tensors", field="outputs", expected="one raw tensor")
    tensor = answer.outputs[0]
    shape = tuple(tensor.shape)
    if tensor.datatype != "FP32" or len(shape) != 2 or shape[0] != row_count:
        raise WrongShape(f"{tensor.datatype} of shape {shape}", field=tensor.name, expected=f"FP32 of shape ({row_count}, m)")
    values = matrix_from_bytes(answer.raw_output_contents[0], shape[0], shape[1], field=tensor.name)
    parameters = {name: value.string_param for name, value in answer.parameters.items() if value.HasField("string_param")}
    text = parameters.get("outputs", "")
    outputs = tuple(text.split(",")) if text else ()
    if outputs and len(outputs) != shape[1]:
        raise WrongShape(f"{len(outputs)} names of {shape[1]} outputs", field="outputs", expected=f"{shape[1]} names")
    return ModelAnswer(values, answer.model_version, outputs, parameters)
