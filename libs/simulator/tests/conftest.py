"""Fixtures of the simulator's tests: small traces and clusters, and the folder of the real traces where there is one."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_simulator.trace import Trace, TracePod

GIB = 2.0**30
START = 1_500_000_000.0


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real traces, named by HYDATIS_DATA. In CI they must be there."""
    folder = os.environ.get("HYDATIS_DATA", "")
    if not folder:
        reason = "HYDATIS_DATA does not name the folder of the published traces"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return Path(folder)


@pytest.fixture
def make_pod() -> Callable[..., Pod]:
    def make(uid: str, cpu: float = 1.0, memory_gib: float = 1.0, **more: object) -> Pod:
        gpus, share = int(more.pop("gpus", 0)), int(more.pop("share", 0))  # type: ignore[call-overload]
        return Pod(uid, uid, requests=Resources(cpu, memory_gib * GIB, gpus, share), **more)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_cluster_nodes() -> Callable[..., tuple[Node, ...]]:
    def make(count: int, cpu: float = 4.0, memory_gib: float = 16.0, gpus: int = 0, pod_limit: int = 110) -> tuple[Node, ...]:
        devices = tuple(GpuDevice(index, "T4") for index in range(gpus))
        return tuple(Node(f"n{i}", Resources(cpu, memory_gib * GIB, gpus), pod_limit, devices) for i in range(count))

    return make


@pytest.fixture
def make_trace() -> Callable[..., Trace]:
    def make(
        pods: Sequence[TracePod], cpu: Sequence[Sequence[float]] | float = 0.5, memory_gib: Sequence[Sequence[float]] | float = 0.5,
        *, steps: int = 12, **more: object,
    ) -> Trace:  # fmt: skip
        shape = (len(pods), steps)
        return Trace(
            "made",
            300.0,
            START,
            tuple(pods),
            np.ascontiguousarray(np.broadcast_to(np.asarray(cpu, dtype=np.float32), shape)),
            np.ascontiguousarray(np.broadcast_to(np.asarray(memory_gib, dtype=np.float32), shape)) * np.float32(GIB),
            **more,  # type: ignore[arg-type]
        )

    return make
