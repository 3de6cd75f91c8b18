"""Pod events that come while the engine works in its thread: held, and handed to it when it is done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from hydatis_core.pods import Pod
from hydatis_features.engine import FeatureEngine
from hydatis_serving.events import PodEvent, PodEventKind

__all__ = ["HeldEvents"]


class HeldEvents:
    """Used from the event loop only; at most one engine is busy at a time."""

    def __init__(self) -> None:
        self.busy = False
        """Whether the engine works now and may not be touched."""
        self._events: list[PodEvent] = []
        self._pods: dict[str, Pod | None] = {}

    @property
    def pods(self) -> Mapping[str, Pod | None]:
        """By uid the pods that were held: what the newest event bound, None where it ended."""
        return self._pods

    def hold(self, event: PodEvent) -> None:
        """Takes an event, if the engine is busy."""
        if self.busy:
            self._events.append(event)
            self._pods[event.pod.uid] = event.pod if event.kind is PodEventKind.BOUND else None

    @asynccontextmanager
    async def while_busy(self, engine: FeatureEngine) -> AsyncIterator[None]:
        """While the engine works in its thread, events are held; then it takes them."""
        self.busy = True
        try:
            yield
        finally:
            self.busy = False
            for event in self._events:
                if event.kind is PodEventKind.BOUND:
                    if event.node_name in engine.state.node_index:  # else it went meanwhile
                        engine.bind(event.pod, event.node_name, event.event_time_seconds)
                else:
                    engine.end(event.pod.uid, event.event_time_seconds)
            self._events.clear()
            self._pods.clear()
