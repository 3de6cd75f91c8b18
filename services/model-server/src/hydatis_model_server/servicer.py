"""The gRPC side of the Open Inference Protocol: the SDK's servicer, with a short way for ``ModelInfer``.

The SDK turns a request into its own request object, walks its data plane and turns the result back; for the one call that stands in
every placement decision that is more work than the Q-network itself. Everything else of the protocol is the SDK's.
"""

from __future__ import annotations

from typing import Any

import grpc
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.model_repository_extension import ModelRepositoryExtension

from hydatis_model_server.convert import answer_to_grpc, call_from_grpc
from hydatis_model_server.model import ServedModel

__all__ = ["OpenInferenceServicer"]


class OpenInferenceServicer(InferenceServicer):  # type: ignore[misc]  # the SDK has no types
    """Convert, call, convert."""

    def __init__(self, data_plane: DataPlane, repository: ModelRepositoryExtension, model: ServedModel) -> None:
        super().__init__(data_plane, repository)
        self._model = model

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        """Computes the model's values of one batch of rows."""
        await self._require_known(request.model_name, context)
        return await self._model.infer(request, call_from_grpc, answer_to_grpc)

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Any) -> pb.ModelReadyResponse:
        """Whether the model can answer."""
        await self._require_known(request.name, context)
        return await super().ModelReady(request, context)

    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Any) -> pb.ModelMetadataResponse:
        """What the model reads and answers, and which version is served."""
        await self._require_known(request.name, context)
        response = await super().ModelMetadata(request, context)
        response.versions.extend([self._model.version] if self._model.version else [])
        return response

    async def _require_known(self, name: str, context: Any) -> None:
        if name != self._model.name:
            await context.abort(
                grpc.StatusCode.NOT_FOUND, f"model {name[:80]!r} is not served here (expected {self._model.name!r})"
            )
