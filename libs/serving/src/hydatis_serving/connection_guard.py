"""How many connections an HTTP listener holds, and how long one may take to say what it wants.

Neither aiohttp nor uvicorn bounds either: a thousand connections that send a byte a minute would keep their memory, and their file
descriptors, for ever. The bound for one address is lower than that for all, so that one neighbour cannot take every place.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

__all__ = ["ConnectionGuard", "GuardedConnection"]


class GuardedConnection(asyncio.Protocol):
    """Mixed into a protocol, before the library's own class, with ``guard`` set on the subclass."""

    guard: ConnectionGuard
    in_request = False
    """Whether a request was read and is not answered yet: its time is its handler's."""
    waiting_since_seconds: float | None = None
    """Since when a request is being waited for; None: none is, the connection is at rest between two."""
    most_arriving_bytes: int | None = None
    """Most bytes of one request; None: the library bounds them itself."""
    address = ""
    _arrived_bytes = 0
    _transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the connection, or closes it when there are too many."""
        super().connection_made(transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self.guard.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Frees its place."""
        self.guard.closed(self)
        super().connection_lost(exc)  # type: ignore[arg-type]  # aiohttp's own takes any, asyncio's says Exception

    def data_received(self, data: bytes) -> None:
        """From the first byte of a request its head must be whole within the guard's patience."""
        if not self.in_request and self.waiting_since_seconds is None:
            self.waiting_since_seconds = time.monotonic()
        super().data_received(data)
        if self.in_request:
            self.waiting_since_seconds = None
            self._arrived_bytes = 0
        elif self.most_arriving_bytes is not None:
            self._arrived_bytes += len(data)
            if self._arrived_bytes > self.most_arriving_bytes:
                self.guard.refuse(self)

    def abort(self) -> None:
        """Ends the connection at once."""
        self._transport.abort()


class ConnectionGuard:
    """The connections of one listener.

    Args:
        most_count: connections at a time.
        most_per_address_count: of them, from one address.
        patience_seconds: how long the head of a request may take.
    """

    def __init__(self, most_count: int, most_per_address_count: int, patience_seconds: float = 10.0) -> None:
        self._most_count = most_count
        self._most_per_address_count = most_per_address_count
        self.patience_seconds = patience_seconds
        self._open: set[GuardedConnection] = set()
        self._by_address: Counter[str] = Counter()
        self._sweeping: asyncio.TimerHandle | None = None
        self.refused_count = 0
        """Connections ended by it."""

    def opened(self, connection: GuardedConnection) -> None:
        """A connection was made: it is given a place, or ended."""
        if len(self._open) >= self._most_count or self._by_address[connection.address] >= self._most_per_address_count:
            self.refuse(connection)
            return
        connection.waiting_since_seconds = time.monotonic()
        self._open.add(connection)
        self._by_address[connection.address] += 1
        if self._sweeping is None:
            self._sweep()

    def refuse(self, connection: GuardedConnection) -> None:
        """Ends a connection that found no place, took too long, or sent too much."""
        self.refused_count += 1
        connection.abort()

    def closed(self, connection: GuardedConnection) -> None:
        """A connection ended."""
        if connection in self._open:
            self._open.remove(connection)
            self._by_address[connection.address] -= 1
            if not self._by_address[connection.address]:
                del self._by_address[connection.address]

    def _sweep(self) -> None:
        oldest = time.monotonic() - self.patience_seconds
        for connection in tuple(self._open):
            since = connection.waiting_since_seconds
            if not connection.in_request and since is not None and since < oldest:
                self.refuse(connection)
        again = asyncio.get_running_loop().call_later(self.patience_seconds / 10, self._sweep) if self._open else None
        self._sweeping = again
