"""The stack on a real API server: feature-service watches nodes and pods there, samples are told as Prometheus would have them."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from control_plane.waiting import until
from hydatis_cli.extender_client import ExtenderClient
from hydatis_cli.readiness import wait_until_ready
from hydatis_cli.stack import Process, Stack
from hydatis_cli.supervision import Supervision
from hydatis_features.usage import METRICS, POD_METRICS
from hydatis_serving.clients import ReplaySourceClient

__all__ = ["RunningStack", "WatchedStack"]

TICK_SECONDS = 15
#: Ticks that are told before anything is measured, so that every window has something in it.
WARM_TICKS = 10
NODE_CORES, NODE_BYTES = 32.0, 128 * 2.0**30
POD_USAGE = (0.1, 256 * 2.0**20)


@dataclass(frozen=True)
class WatchedStack(Stack):
    """A stack whose feature-service watches an API server."""

    kubeconfig: str = ""

    def processes(self) -> tuple[Process, ...]:
        """As the laptop's, but for where nodes and pods come from; nothing is kept between two of them."""
        prefix = "HYDATIS_FEATURE_SERVICE_"
        told = {"CLUSTER_SOURCE": "kubernetes", "KUBECONFIG": self.kubeconfig, "WARM_STORE": "none"}
        ours = {prefix + key: value for key, value in told.items()}
        path = os.pathsep.join([str(Path(__file__).resolve().parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])

        def watching(process: Process) -> Process:
            environment = process.environment | ours | {"PYTHONPATH": path}
            return replace(process, module="cluster_bench.told_feature_service", environment=environment)

        return tuple(watching(process) if process.name == "feature-service" else process for process in super().processes())


class RunningStack:
    """A stack that runs, knows the nodes' use, and goes on being told it each tick until ``stop``.

    Args:
        stack: not started yet.
        node_count: nodes that the API server has; row i, in order of names, uses from 5 to 50 % of its CPU.
        pod_uids: pods that are measured too.
    """

    def __init__(self, stack: WatchedStack, node_count: int, pod_uids: Sequence[str] = ()) -> None:
        self.stack = stack
        self._usage = np.full((node_count, len(METRICS)), np.nan, dtype=np.float32)
        self._usage[:, 0] = NODE_CORES * (0.05 + 0.05 * (np.arange(node_count) % 10))
        self._usage[:, 1] = NODE_BYTES * 0.2
        self._pod_uids = pod_uids
        self._pod_usage = np.tile(np.array(POD_USAGE, dtype=np.float32), (len(pod_uids), 1)).reshape(-1, len(POD_METRICS))
        self._stopping = threading.Event()
        self._newest = 0
        self._failure: BaseException | None = None
        begin = time.monotonic()
        Supervision(stack).start()
        try:
            wait_until_ready(stack, 120.0, lambda _waiting, _total: None)
            self.ready_seconds = time.monotonic() - begin
            """From the first process's start until the last is ready, and with it the first list of nodes and pods is known."""
            self._thread = threading.Thread(target=lambda: asyncio.run(self._tell()), name="ticks", daemon=True)
            self._thread.start()
            until(lambda: self._newest or self._failure, "ticks that are taken", 120.0)
            if self._failure is not None:
                raise self._failure
            extender = ExtenderClient(stack.extender_url)
            extender.get_json(f"/generation?at_least={self._newest}&timeout_seconds=60", timeout_seconds=65.0)
            extender.close()
        except BaseException:
            self.stop()
            raise

    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {told.name: told.pid for told in Supervision(self.stack).status() if told.pid}

    def stop(self) -> None:
        """Ends it."""
        self._stopping.set()
        Supervision(self.stack).stop()

    async def _tell(self) -> None:
        client = ReplaySourceClient(self.stack.features_address, 64 * 2**20)
        try:
            tick = _last_tick() - WARM_TICKS * TICK_SECONDS
            while not self._stopping.is_set():
                tick += TICK_SECONDS
                while tick > time.time():
                    if self._stopping.is_set():
                        return
                    await asyncio.sleep(0.1)
                await client.advance_tick(tick, tick - 15.0, self._usage, self._pod_uids, self._pod_usage, timeout_seconds=30.0)
                if tick == _last_tick():
                    self._newest = tick
        except Exception as failure:  # told by who waits
            self._failure = failure
        finally:
            await client.close()


def _last_tick() -> int:
    return int(time.time()) // TICK_SECONDS * TICK_SECONDS
