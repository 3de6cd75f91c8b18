"""What all clients share: an address, a channel of their own, and its end."""

from __future__ import annotations

from typing import Self

from hydatis_serving.channels import DEFAULT_MAX_MESSAGE_BYTES, open_channel

__all__ = ["ServiceClient"]


class ServiceClient:
    """A client of one service; make it inside the event loop that uses it.

    Args:
        address: ``host:port``.
        max_message_bytes: largest answer that is taken.
    """

    def __init__(self, address: str, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES) -> None:
        self.address = address
        self.channel = open_channel(address, max_message_bytes)

    async def close(self) -> None:
        """Closes the channel; calls in flight fail."""
        await self.channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
