"""A subscriber: opens a stream, reads it, survives whatever breaks it, opens it again.

Who decides needs the newest state in its own memory, and needs it again by itself after any peer dies. So a subscriber never
ends: a broken stream or a wrong message is counted, whatever was half received is dropped, and the stream is opened again
after a short, jittered pause.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import grpc.aio
from hydatis_core.errors import HydatisError

from hydatis_serving.channels import DEFAULT_MAX_MESSAGE_BYTES, open_channel
from hydatis_serving.error_table import from_rpc_error
from hydatis_serving.logs import get_logger
from hydatis_serving.metrics import StreamMetrics
from hydatis_serving.transport_security import PLAIN, TransportSecurity

__all__ = ["FIRST_PAUSE_SECONDS", "LONGEST_PAUSE_SECONDS", "StreamSubscriber"]

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0

_log = get_logger(__name__)


class StreamSubscriber:
    """The part that all subscribers share: open, read, survive, open again.

    Args:
        address: ``host:port`` of the service.
        stream: name of the stream, for logs and metrics.
        metrics: where it is counted; None: nowhere.
        max_message_bytes: largest message that is taken.
        security: by which certificate it dials, and whom it believes.
    """

    def __init__(
        self,
        address: str,
        stream: str,
        *,
        metrics: StreamMetrics | None = None,
        security: TransportSecurity = PLAIN,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
    ) -> None:
        self.address = address
        self.stream = stream
        self.connected = False
        """Whether the stream delivers: true from its first message until it breaks."""
        self.reconnects_count = 0
        """Times that the stream broke."""
        self.bad_messages_count = 0
        """Messages that were refused."""
        self._metrics = metrics
        self._max_message_bytes = max_message_bytes
        self._security = security
        self._task: asyncio.Task[None] | None = None
        self._pause_seconds = FIRST_PAUSE_SECONDS

    def start(self) -> None:
        """Begins to subscribe, in a task of its own."""
        if self._task is None:
            self._task = asyncio.create_task(self.run(), name=f"subscriber-{self.stream}")

    async def stop(self) -> None:
        """Ends the subscription."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def run(self) -> None:
        """Subscribes until cancelled."""
        channel = open_channel(self.address, self._max_message_bytes, security=self._security)
        try:
            while True:
                reason = await self._subscribe(channel)
                self._set_connected(False)
                self.reconnects_count += 1
                if self._metrics is not None:
                    self._metrics.reconnects.labels(self.stream).inc()
                _log.warning("stream broke", stream=self.stream, address=self.address, reason=reason)
                # Full jitter keeps the subscribers of a service that comes back from calling all at once.
                await asyncio.sleep(self._pause_seconds * random.uniform(0.5, 1.0))
                self._pause_seconds = min(self._pause_seconds * 2, LONGEST_PAUSE_SECONDS)
        finally:
            self._set_connected(False)
            await channel.close()

    def open_call(self, channel: grpc.aio.Channel) -> Any:
        """Opens the stream and forgets what was half received before."""
        raise NotImplementedError

    def take(self, message: Any) -> bool:
        """Takes one message; a HydatisError refuses it. Returns whether something was received whole with it."""
        raise NotImplementedError

    async def _subscribe(self, channel: grpc.aio.Channel) -> str:
        call = self.open_call(channel)
        try:
            async for message in call:
                if self.take(message):
                    # Not before: a stream that breaks at the same message every time must be opened ever more slowly.
                    self._pause_seconds = FIRST_PAUSE_SECONDS
                if not self.connected:
                    self._set_connected(True)
        except grpc.aio.AioRpcError as error:
            return str(from_rpc_error(error))
        except HydatisError as error:
            self._count_bad_message()
            return f"{type(error).__name__}: {error}"
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return "the channel was renewed"
        except Exception as error:  # a defect of a callback must not end the subscription for good
            self._count_bad_message()
            _log.exception("a message could not be used", stream=self.stream)
            return type(error).__name__
        finally:
            call.cancel()
        return "the service ended the stream"

    def _count_bad_message(self) -> None:
        self.bad_messages_count += 1
        if self._metrics is not None:
            self._metrics.bad_messages.labels(self.stream).inc()

    def _set_connected(self, connected: bool) -> None:
        self.connected = connected
        if self._metrics is not None:
            self._metrics.connected.labels(self.stream).set(connected)
