"""What the contracts are held against: the protos' descriptors, the doors of the running stack, and a small cluster in it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import grpc
import hydatis
import numpy as np
import pytest
from google.protobuf import symbol_database
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from hydatis_cli.stack import Stack
from hydatis_cli.stack_feed import StackFeed
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources

TICK_SECONDS = 300


def proto_modules() -> list[ModuleType]:
    """Every generated module of messages."""
    names = [found.name for found in pkgutil.walk_packages(hydatis.__path__, "hydatis.") if found.name.endswith("_pb2")]
    return [importlib.import_module(name) for name in sorted(names)]


def proto_files() -> list[FileDescriptor]:
    """Descriptor of every proto of ours; the Open Inference Protocol is another's and not among them."""
    return [module.DESCRIPTOR for module in proto_modules() if module.DESCRIPTOR.package.startswith("hydatis.")]


@pytest.fixture(scope="session")
def proto_services() -> list[ServiceDescriptor]:
    """Every service of our protos."""
    return [service for file in proto_files() for service in file.services_by_name.values()]


@dataclass(frozen=True)
class Door:
    """A gRPC port of the running stack."""

    process: str
    channel: grpc.Channel
    services: tuple[str, ...]
    """Full names, as reflection tells them."""


@dataclass(frozen=True)
class Cluster:
    """What the stack holds."""

    generation: int
    node_names: tuple[str, ...]


class Wire:
    """Calls any RPC of the stack by its name, with or without a deadline."""

    def __init__(self, doors: list[Door]) -> None:
        self.doors = doors
        self._channel_by_service = {service: door.channel for door in doors for service in door.services}

    def call(self, rpc: str, request: Message | bytes, timeout_seconds: float | None = 20.0, process: str = "") -> Any:
        """The answer of ``package.Service/Method``; a request of bytes goes out as it is."""
        service, _, method = rpc.partition("/")
        descriptor = symbol_database.Default().pool.FindServiceByName(service).methods_by_name[method]
        channels = [door.channel for door in self.doors if door.process == process] or [self._channel_by_service[service]]
        kind = channels[0].unary_stream if descriptor.server_streaming else channels[0].unary_unary
        call = kind(
            f"/{rpc}",
            request_serializer=lambda message: message if isinstance(message, bytes) else message.SerializeToString(),
            response_deserializer=GetMessageClass(descriptor.output_type).FromString,
        )
        answer = call(request, timeout=timeout_seconds)
        return next(iter(answer)) if descriptor.server_streaming else answer


@pytest.fixture(scope="session")
def doors(stack: Stack) -> Iterator[list[Door]]:
    """Every gRPC port of the stack."""
    found = []
    for process in stack.processes():
        port = next((value for key, value in process.environment.items() if key.endswith("_GRPC_PORT")), None)
        if port is not None:
            channel = grpc.insecure_channel(f"{stack.host}:{port}", options=(("grpc.max_send_message_length", -1),))
            services = tuple(ProtoReflectionDescriptorDatabase(channel).get_services())
            found.append(Door(process.name, channel, services))
    yield found
    for door in found:
        door.channel.close()


@pytest.fixture(scope="session")
def wire(doors: list[Door]) -> Wire:
    """Calls by name."""
    return Wire(doors)


@pytest.fixture(scope="module")
def cluster(stack: Stack) -> Cluster:
    """Twelve nodes with a pod each and three ticks of measurements, held by every service."""
    feed = StackFeed(stack.features_address, stack.extender_url)
    nodes = [Node(f"contract-{i:02d}", Resources(16.0, 64.0 * 2**30)) for i in range(12)]
    pods = [Pod(f"pod-{i}", f"pod-{i}", workload="Deployment/web", requests=Resources(2.0, 4.0 * 2**30)) for i in range(12)]
    first = 1_700_000_100
    try:
        feed.on_nodes(nodes, TICK_SECONDS, 15.0)
        for node, pod in zip(nodes, pods, strict=True):
            feed.on_bind(pod, node.name, float(first - 200))
        for tick in range(first, first + 3 * TICK_SECONDS, TICK_SECONDS):
            used = np.linspace(0.5, 1.5, len(nodes), dtype=np.float32)
            usage = np.full((len(nodes), 6), np.nan, dtype=np.float32)
            usage[:, 0], usage[:, 1] = used, used * 2**31
            feed.on_tick(tick, tick - 15.0, usage, [pod.uid for pod in pods], usage[:, :2].copy())
    finally:
        feed.close()
    return Cluster(first + 2 * TICK_SECONDS, tuple(node.name for node in nodes))
