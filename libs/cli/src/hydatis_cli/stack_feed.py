"""Tells the running stack what a cluster would tell it, tick by tick, in lock-step.

As an observer of a replay it stands where Prometheus and the API server stand: nodes, samples, binds and ends go to feature-service
through its replay source. After each tick it waits until every service holds that generation, so that the same replay gives the
same placements twice. A service that dies meanwhile never ends the replay: what was not told is told again when it is back.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import numpy as np
from hydatis_core.errors import HydatisError, OperationalError
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_serving.clients import PodEvent, ReplaySourceClient
from numpy.typing import NDArray

from hydatis_cli.extender_client import ExtenderClient

__all__ = ["StackFeed"]

T = TypeVar("T")

#: A call to feature-service that takes longer than this is taken for lost.
CALL_TIMEOUT_SECONDS = 20.0
#: Largest answer taken; requests have their limit at feature-service.
MAX_MESSAGE_BYTES = 16 * 2**20
#: How long a tick may take until every service holds it, in a stack that is whole.
GENERATION_TIMEOUT_SECONDS = 30.0
#: How long to wait for a generation once a wait has failed: the stack is not whole, and its pods must not wait for it.
IMPATIENT_TIMEOUT_SECONDS = 0.5


class StackFeed:
    """Feeds a stack from a replay.

    Args:
        features_address: gRPC address of feature-service.
        extender_url: base URL of the extender, asked when a generation is everywhere.
        give_up_seconds: how long an unreachable feature-service is tried before the replay ends with an error.
    """

    def __init__(self, features_address: str, extender_url: str, *, give_up_seconds: float = 60.0) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stack-feed", daemon=True)
        self._thread.start()
        self._client = self._run(self._connect(features_address))
        self._extender = ExtenderClient(extender_url)
        self._give_up_seconds = give_up_seconds
        self._cluster: tuple[Sequence[Node], float, float] | None = None
        self._bound: dict[str, PodEvent] = {}
        self._whole = True
        self.retries_count = 0
        """Calls that had to be made again."""
        self.publish_seconds: list[float] = []
        """Wall-clock seconds of each tick until feature-service had published its table."""
        self.tick_seconds: list[float] = []
        """Wall-clock seconds of each tick, from the samples' being sent to every service's holding the generation."""

    def on_nodes(self, nodes: Sequence[Node], tick_seconds: float, scrape_delay_seconds: float) -> None:
        """Sets the stack's cluster."""
        self._cluster = (nodes, tick_seconds, scrape_delay_seconds)
        self._told(self._load)

    def on_tick(
        self,
        tick_time_seconds: float,
        sample_time_seconds: float,
        node_usage: NDArray[np.float32],
        pod_uids: Sequence[str],
        pod_usage: NDArray[np.float32],
    ) -> None:
        """Advances the stack by a tick and waits until it holds it."""
        begin = time.perf_counter()

        async def advance() -> None:
            await self._client.advance_tick(
                int(tick_time_seconds), sample_time_seconds, node_usage, pod_uids, pod_usage, timeout_seconds=CALL_TIMEOUT_SECONDS
            )

        self._told(advance)
        self.publish_seconds.append(time.perf_counter() - begin)
        self._await_generation(int(tick_time_seconds))
        self.tick_seconds.append(time.perf_counter() - begin)

    def on_bind(self, pod: Pod, node_name: str, time_seconds: float) -> None:
        """Reports a bind."""
        event = PodEvent.bound(pod, node_name, time_seconds)
        self._bound[pod.uid] = event
        self._told(lambda: self._report([event]))

    def on_end(self, uid: str, node_name: str, time_seconds: float) -> None:
        """Reports an end."""
        self._bound.pop(uid, None)
        self._told(lambda: self._report([PodEvent.ended(uid, node_name, time_seconds)]))

    def close(self) -> None:
        """Closes the connections."""
        self._run(self._client.close())
        self._extender.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self, address: str) -> ReplaySourceClient:
        return ReplaySourceClient(address, MAX_MESSAGE_BYTES)

    async def _load(self) -> None:
        assert self._cluster is not None
        nodes, tick_seconds, scrape_delay_seconds = self._cluster
        await self._client.load_cluster(nodes, tick_seconds, scrape_delay_seconds, timeout_seconds=CALL_TIMEOUT_SECONDS)

    async def _report(self, events: Sequence[PodEvent]) -> None:
        await self._client.report_pod_events(events, timeout_seconds=CALL_TIMEOUT_SECONDS)

    def _told(self, call: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Makes a call until it is taken; what feature-service may have forgotten is told first."""
        deadline = time.monotonic() + self._give_up_seconds
        failed = False
        while True:
            try:
                if failed:
                    self._run(self._tell_again())
                self._run(call())
                return
            except OperationalError:
                if time.monotonic() > deadline:
                    raise
                failed = True
                self.retries_count += 1
                time.sleep(0.1)

    async def _tell_again(self) -> None:
        """After an outage: the binds it may have missed, or the whole cluster if it came back empty."""
        try:
            await self._report(list(self._bound.values()))
        except HydatisError:
            await self._load()
            await self._report(list(self._bound.values()))

    def _await_generation(self, generation: int) -> None:
        patience = GENERATION_TIMEOUT_SECONDS if self._whole else IMPATIENT_TIMEOUT_SECONDS
        try:
            path = f"/generation?at_least={generation}&timeout_seconds={patience}"
            self._extender.get_json(path, timeout_seconds=patience + 5)
            self._whole = True
        except OperationalError:
            self._whole = False

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
