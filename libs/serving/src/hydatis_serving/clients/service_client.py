"""What all clients share: an address, a channel of their own, and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar

import grpc
from hydatis_core.errors import DependencyUnavailable, HydatisError

from hydatis_serving.channels import DEFAULT_MAX_MESSAGE_BYTES, call_unary, open_channel
from hydatis_serving.transport_security import PLAIN, TransportSecurity

__all__ = ["ServiceClient"]

T = TypeVar("T")


class ServiceClient:
    """A client of one service; make it inside the event loop that uses it.

    Args:
        address: ``host:port``.
        max_message_bytes: largest answer that is taken.
        foreign_peer: the server may be none of ours, see ``open_channel``.
        security: by which certificate it dials, and whom it believes.
    """

    def __init__(
        self,
        address: str,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        *,
        foreign_peer: bool = False,
        security: TransportSecurity = PLAIN,
    ) -> None:
        self.address = address
        self.channel = open_channel(address, max_message_bytes, foreign_peer=foreign_peer, security=security)

    async def call(self, method: Any, request: Any, timeout_seconds: float, read: Callable[[Any], T]) -> T:
        """Calls a method of the stub and reads its answer.

        Raises:
            HydatisError: what the service raised; TooLate when the time passed; DependencyUnavailable when nobody answers, or when
                the answer cannot be read: that is the service's fault and not the caller's.
        """
        answer = await call_unary(method, request, timeout_seconds, self.address)
        try:
            return read(answer)
        except HydatisError as wrong:
            raise DependencyUnavailable(f"{self.address} answered nonsense: {wrong}") from wrong

    @property
    def is_unreachable(self) -> bool:
        """Whether connecting failed and is being tried again. An idle channel begins to connect: ask again a moment later."""
        state = self.channel.get_state(try_to_connect=True)
        return bool(state is grpc.ChannelConnectivity.TRANSIENT_FAILURE)

    async def close(self) -> None:
        """Closes the channel; calls in flight fail."""
        await self.channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
