"""The parties around a service under test: real servers on real ports that do as the test says. For tests only.

A service is tested against what it meets in life, also when that hangs, lies or dies, so the parties that several services meet are
played here once. An import rule keeps this module out of all product code.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import grpc
import grpc.aio
import numpy as np
from hydatis.features.v1 import features_pb2_grpc
from hydatis.oip import open_inference_pb2, open_inference_pb2_grpc
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from numpy.typing import NDArray

from hydatis_serving.broadcast import Latest
from hydatis_serving.convert.features import table_to_protos
from hydatis_serving.server import server_options

__all__ = ["TIMEOUT_SECONDS", "FakeFeatures", "FakeModel", "Heard", "Peer", "table_of_use"]

#: Nothing that a test waits for takes as long.
TIMEOUT_SECONDS = 5.0


def table_of_use(generation: int, cpu_used_ratio: Sequence[float] | NDArray[Any]) -> NodeTable:
    """A table of nodes of which nothing is known but their CPU use, shape (nodes,), share of allocatable."""
    values = np.full((len(cpu_used_ratio), len(SCHEMA.names)), np.nan, dtype=np.float32)
    values[:, SCHEMA.index["cpu_used_ratio"]] = cpu_used_ratio
    names = tuple(f"node-{row}" for row in range(len(cpu_used_ratio)))
    return NodeTable(generation, names, SCHEMA.names, values, SCHEMA.hashes)


class Peer:
    """A server that can be killed and started again on its port.

    Args:
        register: registers servicers with a server: ``FakeModel.register`` and its like.
    """

    def __init__(self, register: Callable[[grpc.aio.Server], None]) -> None:
        self._register = register
        self._server: grpc.aio.Server | None = None
        self.port = 0
        """0 until it is started."""

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Starts it, on any free port the first time."""
        self._server = grpc.aio.server(options=server_options(2**24))
        self._register(self._server)
        self.port = self._server.add_insecure_port(self.address)
        await self._server.start()

    async def kill(self) -> None:
        """Ends it at once: calls in flight fail."""
        if self._server is not None:
            await self._server.stop(None)


class FakeFeatures(features_pb2_grpc.FeatureServiceServicer):
    """A feature-service that streams the tables a test publishes."""

    def __init__(self) -> None:
        self._newest: Latest[Sequence[Any]] = Latest()

    def register(self, server: grpc.aio.Server) -> None:
        """Registers it with a server."""
        features_pb2_grpc.add_FeatureServiceServicer_to_server(self, server)

    def publish(self, table: NodeTable) -> None:
        """Streams a table to all subscribers, and to those that come later."""
        self._newest.publish(table_to_protos(table))

    async def WatchTable(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """The newest table, then every newer one."""
        async for steps in self._newest.subscribe():
            for step in steps:
                yield step


@dataclass
class FakeModel(open_inference_pb2_grpc.GRPCInferenceServiceServicer):
    """A model server whose model answers each output with the row's CPU use, unless told otherwise."""

    outputs: tuple[str, ...]
    further: dict[str, Sequence[float]] = field(default_factory=dict)
    """Further outputs, one value per row each."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the answer beside the names of its outputs."""
    version: str = "1.0.0"
    versions_by_call: list[str] = field(default_factory=list)
    """Versions of the next calls, if they are to differ."""
    failure: grpc.StatusCode | None = None
    """What it fails with, if it is to fail."""
    value: float | None = None
    """What it answers instead."""
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    """Clear it, and the model hangs."""
    asked: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    """The requests that came."""

    def __post_init__(self) -> None:
        self.may_answer.set()

    def register(self, server: grpc.aio.Server) -> None:
        """Registers it with a server."""
        open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, server)

    async def ModelInfer(self, request: Any, context: Any) -> Any:
        """As it is told."""
        self.asked.put_nowait(request)
        await self.may_answer.wait()
        if self.failure is not None:
            await context.abort(self.failure, "as told")
        rows = np.frombuffer(request.raw_input_contents[0], dtype="<f4").reshape(tuple(request.inputs[0].shape))
        names = [column.split(":")[0] for column in request.parameters["columns"].string_param.split(",")]
        used = rows[:, names.index("cpu_used_ratio")] if self.value is None else np.full(len(rows), self.value)
        values = np.column_stack([used] * len(self.outputs) + list(self.further.values()))
        answer = open_inference_pb2.ModelInferResponse(
            model_name=request.model_name,
            model_version=self.versions_by_call.pop(0) if self.versions_by_call else self.version,
            raw_output_contents=[values.astype("<f4").tobytes()],
        )
        answer.outputs.add(name="values", datatype="FP32", shape=values.shape)
        for name, text in ({"outputs": ",".join((*self.outputs, *self.further))} | dict(self.parameters)).items():
            answer.parameters[name].string_param = text
        return answer


class OfGeneration(Protocol):
    """Something that is of a generation."""

    @property
    def generation(self) -> int:
        """Tick time, Unix seconds."""


T = TypeVar("T", bound=OfGeneration)


class Heard(Generic[T]):
    """What a subscriber heard, and what a test waits to hear."""

    def __init__(self) -> None:
        self.all: list[T] = []
        """In the order in which it came."""
        self._news = asyncio.Event()

    def take(self, value: T) -> None:
        """Takes what was heard: the callback of a subscriber."""
        self.all.append(value)
        self._news.set()

    async def of(self, generation: int) -> T:
        """What was heard of a generation, once it is.

        Raises:
            TimeoutError: it never was.
        """
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                for value in self.all:
                    if value.generation == generation:
                        return value
                self._news.clear()
                await self._news.wait()
