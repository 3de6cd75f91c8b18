"""A channel that dials with the newest certificate.

gRPC for Python binds a channel to its credentials for life (its server takes new ones at every handshake, its client cannot). So
this channel is a front: when the files change it connects a new one behind itself, gives it all later calls, and lets the old one
live until its calls have ended; a stream that goes on does so on the connection it has. Stubs are made once and notice nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from hydatis_serving.transport_security import TransportSecurity

__all__ = ["RenewedChannel"]

#: How long calls go to the old connection while the new one is made.
CONNECT_SECONDS = 5.0
#: A connected channel that was replaced may finish its streams; longer than any.
STREAM_SECONDS = 86_400.0 * 365
#: One that is not connected tries with a certificate that is not to be used any more: what waits for it is cancelled after this.
WAITING_SECONDS = 30.0


class RenewedChannel(grpc.aio.Channel):
    """A channel over TLS; make it inside the event loop that uses it.

    Args:
        open_with: opens a channel with given credentials.
        security: whose credentials, and who says when they change.
    """

    def __init__(self, open_with: Callable[[grpc.ChannelCredentials], grpc.aio.Channel], security: TransportSecurity) -> None:
        self._open_with = open_with
        self._security = security
        self._ends: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self.newest = open_with(security.channel_credentials())
        """Where calls go now."""
        security.on_change.add(self._renew)

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        """A unary method."""
        return _Method(self, "unary_unary", args, kwargs)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        """A method that answers with a stream."""
        return _Method(self, "unary_stream", args, kwargs)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        """A method that takes a stream."""
        return _Method(self, "stream_unary", args, kwargs)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        """A method of two streams."""
        return _Method(self, "stream_stream", args, kwargs)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """State of the newest channel."""
        return self.newest.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Returns when the newest channel's state is another one."""
        await self.newest.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Returns when the newest channel is connected."""
        await self.newest.channel_ready()

    async def close(self, grace: float | None = None) -> None:
        """Closes the channel and those that it replaced."""
        self._security.on_change.discard(self._renew)
        for end in self._ends:
            end.cancel()
        await asyncio.gather(*self._ends, return_exceptions=True)
        await self.newest.close(grace)

    async def __aenter__(self) -> RenewedChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _renew(self) -> None:
        task = asyncio.create_task(self._replace(), name="renew-channel")
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    async def _replace(self) -> None:
        async with self._turn:  # files may change again meanwhile: the newest are connected last
            old, new = self.newest, self._open_with(self._security.channel_credentials())
            connected = old.get_state() is grpc.ChannelConnectivity.READY
            try:
                if connected:
                    async with asyncio.timeout(CONNECT_SECONDS):
                        await new.channel_ready()
            except TimeoutError:
                pass
            except asyncio.CancelledError:
                await new.close()
                raise
            self.newest = new
        try:
            await old.close(STREAM_SECONDS if connected else WAITING_SECONDS)
        finally:
            await old.close()


class _Method:
    """A method of a stub, on whichever channel is the newest."""

    def __init__(self, front: RenewedChannel, kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._front = front
        self._made = kind, args, kwargs
        self._channel: grpc.aio.Channel | None = None
        self._method: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._channel is not self._front.newest:
            kind, made_args, made_kwargs = self._made
            self._channel = self._front.newest
            self._method = getattr(self._channel, kind)(*made_args, **made_kwargs)
        return self._method(*args, **kwargs)
