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
from hydatis_simulator.arena.fleet import Fleet
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


@pytest.fixture(scope="session")
def fleet_of() -> Callable[..., Fleet]:
    """Small fleets of the arena: ten-minute steps, numbers that can be added by hand."""

    def make(cpu, memory=None, *, requests=1.0, arrivals=None, history_steps=2, judged_from_step=4, workloads=None):
        """cpu, memory: a row a pod; memory in bytes, 1 unless told."""
        cpu = np.array(cpu, dtype=np.float32)
        memory = np.ones_like(cpu) if memory is None else np.array(memory, dtype=np.float32)
        pods = len(cpu)
        asked = np.broadcast_to(np.array(requests, dtype=np.float64), pods)
        first = history_steps * 600.0
        return Fleet(
            name="test",
            step_seconds=600.0,
            history_steps=history_steps,
            judged_from_step=judged_from_step,
            usage=np.stack([cpu, memory]),
            requests=np.stack([asked, np.ones(pods)]),
            limits=np.stack([asked * 2, np.full(pods, 2.0)]),
            arrival_seconds=first + np.arange(pods) if arrivals is None else np.array(arrivals, dtype=np.float64),
            workloads=np.arange(pods, dtype=np.int32) if workloads is None else np.array(workloads, dtype=np.int32),
        )

    return make


@pytest.fixture(scope="session")
def random_fleet() -> Callable[..., Fleet]:
    """Fleets of bursty pods on a daily wave: hourly steps, judged after a day of history and one of arrivals."""

    def make(pods_count=60, seed=1, days=3, history_days=1):
        """Bursty pods on a daily wave: hourly steps, judged for all days after the first two."""
        random = np.random.default_rng(seed)
        steps = np.arange(days * 24)
        wave = 1.0 + 0.5 * np.sin(2 * np.pi * steps / 24)
        base = random.gamma(0.6, 0.6, pods_count)[:, None]
        bursts = np.where(random.random((pods_count, steps.size)) < 0.05, random.gamma(2.0, 1.0, (pods_count, steps.size)), 0.0)
        cpu = (base * wave + bursts).astype(np.float32)
        memory = (random.gamma(1.0, 2.0, pods_count)[:, None] * np.ones(steps.size)).astype(np.float32) * 2**30
        asked = np.stack([np.ceil(cpu.max(axis=1) * 2), np.ceil(memory.max(axis=1) / 2**30) * 2**30]).astype(np.float64)
        return Fleet(
            name="random",
            step_seconds=3600.0,
            history_steps=history_days * 24,
            judged_from_step=history_days * 24 + 24,
            usage=np.stack([cpu, memory]),
            requests=asked,
            limits=asked,
            arrival_seconds=np.sort(random.uniform(history_days * 86400.0, history_days * 86400.0 + 86400.0, pods_count)),
            workloads=np.arange(pods_count, dtype=np.int32),
        )

    return make
