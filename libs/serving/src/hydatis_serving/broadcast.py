"""The server's side of a Watch stream: many subscribers, none of which may hold up the others.

A slow subscriber must neither slow the service down nor fill its memory, yet must never miss what cannot be said again. Both kinds
of stream are here: ``Latest``, where only the newest value counts (forecasts, scores), and ``Broadcast``, where a newer whole table
replaces one that was not sent yet, while the events between tables are all kept, in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Generic, TypeVar

__all__ = ["Broadcast", "Latest"]

T = TypeVar("T")

#: Events that may wait for one subscriber before it is taken back to the opening.
BACKLOG_LIMIT_COUNT = 10_000


class Latest(Generic[T]):
    """A value of which only the newest counts; each subscriber gets it, then each newer one it is quick enough for."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._number = 0
        self._changed = asyncio.Event()
        self._closed = False
        self.subscribers_count = 0
        """Streams open now."""

    @property
    def value(self) -> T | None:
        """The newest; None: there was none yet."""
        return self._value

    def publish(self, value: T) -> None:
        """Replaces the value."""
        self._value = value
        self._number += 1
        self._wake()

    def close(self) -> None:
        """Ends all streams, so that a server can stop without waiting for readers that never leave."""
        self._closed = True
        self._wake()

    async def subscribe(self) -> AsyncGenerator[T, None]:
        """The newest value, then every newer one; values that came while the subscriber was busy are skipped but the last."""
        seen = 0
        self.subscribers_count += 1
        try:
            while True:
                while seen == self._number:
                    if self._closed:
                        return
                    await self._changed.wait()
                seen, value = self._number, self._value
                assert value is not None
                yield value
        finally:
            self.subscribers_count -= 1

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Broadcast(Generic[T]):
    """Whole states and the events between them, to any number of subscribers.

    A whole state is a sequence of messages (begin, chunks, commit); an event is one. Per subscriber:

    * first the opening: what a newcomer needs to know everything (newest table, all profiles, recent binds);
    * a whole state that was not begun yet when a newer one is published is dropped for it; one that was begun is finished;
    * events are never dropped and keep their order, also relative to the whole states published before and after them;
    * a subscriber for which more than ``backlog_limit_count`` events wait gets the opening again instead.

    Args:
        opening: makes the messages that tell a newcomer everything, including all that was published so far.
        backlog_limit_count: events that may wait for one subscriber.
    """

    def __init__(self, opening: Callable[[], Iterable[T]], *, backlog_limit_count: int = BACKLOG_LIMIT_COUNT) -> None:
        self._opening = opening
        self._backlog_limit_count = backlog_limit_count
        self._subscriptions: set[_Subscription[T]] = set()
        self._closed = False

    @property
    def subscribers_count(self) -> int:
        """Streams open now."""
        return len(self._subscriptions)

    def publish_whole(self, messages: Sequence[T]) -> None:
        """Publishes a whole state, all its messages in order."""
        for subscription in self._subscriptions:
            subscription.put_whole(messages)

    def publish(self, event: T) -> None:
        """Publishes an event."""
        for subscription in self._subscriptions:
            if not subscription.wants_events:
                continue
            subscription.put_event(event)
            if subscription.waiting_count > self._backlog_limit_count:
                subscription.begin_again(self._opening())

    async def subscribe(self, wholes_only_after: Iterable[T] | None = None) -> AsyncGenerator[T, None]:
        """The opening, then everything published; ends with its reader, or when the broadcast is closed.

        Args:
            wholes_only_after: where events are not wanted: what to begin with instead of the opening.
        """
        wants_events = wholes_only_after is None
        subscription = _Subscription(self._opening() if wholes_only_after is None else wholes_only_after, wants_events)
        self._subscriptions.add(subscription)
        try:
            while not self._closed and (message := await subscription.next()) is not None:
                yield message
        finally:
            self._subscriptions.discard(subscription)
            subscription.close()

    def close(self) -> None:
        """Ends all streams, so that a server can stop without waiting for readers that never leave."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.end()

    async def flushed(self, timeout_seconds: float) -> bool:
        """Waits until every stream has been handed all that was published before.

        Returns:
            False when a subscriber was too slow; it gets the rest when it can.
        """
        waits = [asyncio.ensure_future(subscription.idle.wait()) for subscription in self._subscriptions]
        if not waits:
            return True
        _, late = await asyncio.wait(waits, timeout=timeout_seconds)
        for wait in late:
            wait.cancel()
        return not late


class _Subscription(Generic[T]):
    """What waits for one subscriber. Entries are events, or whole states as sequences."""

    def __init__(self, opening: Iterable[T], wants_events: bool) -> None:
        self.wants_events = wants_events
        self._rest: deque[T] = deque(opening)  # begun: sent to its end, whatever comes
        self._waiting: deque[tuple[bool, Sequence[T]]] = deque()
        self._filled = asyncio.Event()
        self.idle = asyncio.Event()
        """Set while nothing waits and the last message was taken by the stream."""
        self._wake()

    @property
    def waiting_count(self) -> int:
        """Entries that wait."""
        return len(self._waiting)

    def put_whole(self, messages: Sequence[T]) -> None:
        self._waiting = deque(entry for entry in self._waiting if not entry[0])
        self._waiting.append((True, messages))
        self._wake()

    def put_event(self, event: T) -> None:
        self._waiting.append((False, (event,)))
        self._wake()

    def begin_again(self, opening: Iterable[T]) -> None:
        self._waiting.clear()
        self._waiting.append((False, tuple(opening)))
        self._wake()

    async def next(self) -> T | None:
        if not self._rest:
            if not self._waiting:
                self._filled.clear()
                self.idle.set()
                await self._filled.wait()
            if not self._waiting:
                return None  # woken without anything to say: the broadcast was closed
            self._rest.extend(self._waiting.popleft()[1])
        return self._rest.popleft()

    def end(self) -> None:
        self._filled.set()

    def close(self) -> None:
        self.idle.set()  # nobody need wait for a subscriber that is gone

    def _wake(self) -> None:
        if self._rest or self._waiting:
            self.idle.clear()
            self._filled.set()
