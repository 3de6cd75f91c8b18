"""Tells the running stack what a cluster would tell it, tick by tick, in lock-step.

As an observer of a replay it stands where Prometheus and the API server stand: nodes, samples, binds and ends go to feature-service
through its replay source. After each tick it waits until every service holds that generation, so that the same replay gives the
same placements twice. A feature-service that dies never ends the replay: pods go on being placed, only the next tick waits for it,
and what it missed or forgot (the state it comes back with is some ticks old) is told again before anything else.
"""

from __future__ import annotations

import asyncio
import threading
import time
import urllib.parse
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from hydatis_core.errors import GenerationUnavailable, OperationalError, UnknownNode
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_serving.clients import PodEvent, ReplaySourceClient
from hydatis_serving.transport_security import TransportSecurity
from numpy.typing import NDArray

from hydatis_cli.extender_client import ExtenderClient
from hydatis_cli.own_certificate import security_for

__all__ = ["StackFeed"]

T = TypeVar("T")

#: A call to feature-service that takes longer than this is taken for lost.
CALL_TIMEOUT_SECONDS = 20.0
#: The same of one that a pod's placement waits for.
EVENT_TIMEOUT_SECONDS = 2.0
#: After a failure binds and ends are kept for later, and this long passes until one tries again.
EVENT_PAUSE_SECONDS = 0.2
#: Pause between two attempts of a call that must be taken.
RETRY_PAUSE_SECONDS = 0.1
#: Largest answer taken; requests have their limit at feature-service.
MAX_MESSAGE_BYTES = 16 * 2**20
#: How long a tick may take until every service holds it, in a stack that is whole.
GENERATION_TIMEOUT_SECONDS = 30.0
#: How long to wait for a generation once a wait has failed: the stack is not whole, and its pods must not wait for it.
IMPATIENT_TIMEOUT_SECONDS = 0.5
#: How long a bind or end is waited for until the shim has seen it; then pods are placed on what it has.
SEEN_TIMEOUT_SECONDS = 0.5
#: Ends that are remembered, for a feature-service that comes back with a state in which those pods still run.
REMEMBERED_ENDS_COUNT = 20_000


@dataclass(frozen=True, slots=True)
class Tick:
    """What is measured at one tick; arguments of ``ReplayObserver.on_tick``."""

    time_seconds: int
    sample_time_seconds: float
    node_usage: NDArray[np.float32]
    pod_uids: Sequence[str]
    pod_usage: NDArray[np.float32]


class StackFeed:
    """Feeds a stack from a replay.

    Args:
        features_address: gRPC address of feature-service.
        extender_url: base URL of the extender, asked when a generation is everywhere.
        token: bearer token for a stack in a cluster; empty: none.
        give_up_seconds: how long an unreachable feature-service is tried before the replay ends with an error.
        patience_seconds: how long a tick may take until every service holds it; pods are placed on what is there after that.
        in_lock_step: whether a bind is waited for until the shim has seen it; a real scheduler waits for nothing.
    """

    def __init__(
        self,
        features_address: str,
        extender_url: str,
        *,
        token: str = "",
        give_up_seconds: float = 60.0,
        patience_seconds: float = GENERATION_TIMEOUT_SECONDS,
        in_lock_step: bool = True,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stack-feed", daemon=True)
        self._thread.start()
        self._extender = ExtenderClient(extender_url, token=token)
        self._give_up_seconds = give_up_seconds
        self._in_lock_step = in_lock_step
        self._cluster: tuple[Sequence[Node], float, float] | None = None
        self._tick: Tick | None = None
        self._bound: dict[str, PodEvent] = {}
        self._ended: dict[str, PodEvent] = {}
        self._behind = False
        self._connected = False
        self._not_before_seconds = 0.0
        self._whole = True
        self.patience_seconds = patience_seconds
        """As the argument; may be changed between ticks."""
        self.retries_count = 0
        """Calls that failed and whose content was told later."""
        self.publish_seconds: list[float] = []
        """Wall-clock seconds of each tick until feature-service had published its table."""
        self.tick_seconds: list[float] = []
        """Wall-clock seconds of each tick, from the samples' being sent to every service's holding the generation."""
        self._client, self._watch = self._run(self._connect(features_address, security_for(extender_url), token))

    def on_nodes(self, nodes: Sequence[Node], tick_seconds: float, scrape_delay_seconds: float) -> None:
        """Sets the stack's cluster; what was told before holds no more."""
        self._cluster = (nodes, tick_seconds, scrape_delay_seconds)
        self._tick = None
        self._bound.clear()
        self._ended.clear()
        self._behind = False
        self._tell(self._load)

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
        tick = Tick(int(tick_time_seconds), sample_time_seconds, node_usage, pod_uids, pod_usage)
        self._tell(lambda: self._advance(tick))
        self._tick = tick
        self.publish_seconds.append(time.perf_counter() - begin)
        self._await_generation(tick.time_seconds, self.patience_seconds)
        self.tick_seconds.append(time.perf_counter() - begin)

    def on_bind(self, pod: Pod, node_name: str, time_seconds: float) -> None:
        """Reports a bind."""
        event = PodEvent.bound(pod, node_name, time_seconds)
        self._bound[pod.uid] = event
        self._ended.pop(pod.uid, None)
        self._tell_event(event)

    def on_end(self, uid: str, node_name: str, time_seconds: float) -> None:
        """Reports an end."""
        event = PodEvent.ended(uid, node_name, time_seconds)
        self._bound.pop(uid, None)
        self._ended[uid] = event
        if len(self._ended) > REMEMBERED_ENDS_COUNT:
            self._ended.pop(next(iter(self._ended)))
        self._tell_event(event)

    def close(self) -> None:
        """Closes the connections."""
        self._run(self._disconnect())
        self._extender.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- telling

    def _tell(self, call: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Makes a call until it is taken; what feature-service may have forgotten is told first."""
        deadline = time.monotonic() + self._give_up_seconds
        while True:
            try:
                self._catch_up()
                self._run(call())
                return
            except OperationalError:
                self._failed()
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_PAUSE_SECONDS)

    def _tell_event(self, event: PodEvent) -> None:
        """Tells of a pod, or leaves it to a later call: the next pod must not wait for the bookkeeping of this one."""
        if self._behind and (not self._connected or time.monotonic() < self._not_before_seconds):
            return
        try:
            self._catch_up(EVENT_TIMEOUT_SECONDS)
            self._run(self._report([event], EVENT_TIMEOUT_SECONDS))
        except OperationalError:
            self._failed()
        else:
            self._await_seen(event)

    def _failed(self) -> None:
        self._behind = True
        self._not_before_seconds = time.monotonic() + EVENT_PAUSE_SECONDS
        self.retries_count += 1

    def _catch_up(self, timeout_seconds: float = CALL_TIMEOUT_SECONDS) -> None:
        if self._behind:
            self._behind = False  # before the telling: a connection that breaks meanwhile says so again
            self._run(self._tell_again(timeout_seconds))
            if self._tick is not None:
                # Told again, the tick is new to all others too; the next pod is placed on it as the pods before were.
                self._await_generation(self._tick.time_seconds, IMPATIENT_TIMEOUT_SECONDS)

    async def _tell_again(self, timeout_seconds: float) -> None:
        """After an outage, in order of time: the binds and ends that it may have missed or forgotten, and the newest tick."""
        tick, tick_time = self._tick, self._tick.time_seconds if self._tick is not None else 0
        events = sorted((*self._bound.values(), *self._ended.values()), key=lambda event: event.event_time_seconds)
        shown = [event for event in events if event.event_time_seconds <= tick_time]
        if not await self._goes_on(shown, tick_time, timeout_seconds):
            await self._load(timeout_seconds)
            await self._report(shown, timeout_seconds)
        if tick is not None:
            await self._advance(tick, timeout_seconds)
        await self._report(events[len(shown) :], timeout_seconds)

    async def _goes_on(self, events: Sequence[PodEvent], tick_time: int, timeout_seconds: float) -> bool:
        """Tells events to a feature-service that holds this cluster; False: it came back empty, or with another's state."""
        try:
            return await self._report(events, timeout_seconds) <= tick_time
        except (GenerationUnavailable, UnknownNode):
            return False

    # --- calls

    async def _connect(
        self, address: str, security: TransportSecurity, token: str
    ) -> tuple[ReplaySourceClient, asyncio.Task[None]]:
        client = ReplaySourceClient(address, MAX_MESSAGE_BYTES, security=security, token=token)
        return client, asyncio.create_task(self._watch_connection(client))

    async def _disconnect(self) -> None:
        # The channel first: it ends the watch, which it would otherwise call back after the loop is gone.
        await self._client.close()
        await asyncio.wait({self._watch}, timeout=1)
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)

    async def _watch_connection(self, client: ReplaySourceClient) -> None:
        """Notices a feature-service that died and came back between two calls, neither of which failed."""
        while (state := client.channel.get_state(try_to_connect=True)).name != "SHUTDOWN":
            self._connected = state.name == "READY"
            await client.channel.wait_for_state_change(state)
            self._behind = self._behind or self._connected

    async def _load(self, timeout_seconds: float = CALL_TIMEOUT_SECONDS) -> None:
        assert self._cluster is not None
        nodes, tick_seconds, scrape_delay_seconds = self._cluster
        await self._client.load_cluster(nodes, tick_seconds, scrape_delay_seconds, timeout_seconds=timeout_seconds)

    async def _report(self, events: Sequence[PodEvent], timeout_seconds: float) -> int:
        return await self._client.report_pod_events(events, timeout_seconds=timeout_seconds)

    async def _advance(self, tick: Tick, timeout_seconds: float = CALL_TIMEOUT_SECONDS) -> None:
        await self._client.advance_tick(
            tick.time_seconds,
            tick.sample_time_seconds,
            tick.node_usage,
            tick.pod_uids,
            tick.pod_usage,
            timeout_seconds=timeout_seconds,
        )

    def _await_generation(self, generation: int, patience_seconds: float) -> None:
        patience = patience_seconds if self._whole else min(patience_seconds, IMPATIENT_TIMEOUT_SECONDS)
        try:
            path = f"/generation?at_least={generation}&timeout_seconds={patience}"
            self._extender.get_json(path, timeout_seconds=patience + 5)
            self._whole = True
        except OperationalError:
            self._whole = False

    def _await_seen(self, event: PodEvent) -> None:
        """Waits until the shim knows of an event: it comes by a stream, which the next decision may overtake."""
        if not (self._whole and self._in_lock_step):
            return
        deadline = time.monotonic() + SEEN_TIMEOUT_SECONDS
        path = f"/state?pod={urllib.parse.quote(event.pod.uid, safe='')}"
        try:
            while self._extender.get_json(path, timeout_seconds=SEEN_TIMEOUT_SECONDS)["credited"] is not event.is_bound:
                if time.monotonic() > deadline:
                    self._whole = False
                    return
        except OperationalError:
            self._whole = False

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
