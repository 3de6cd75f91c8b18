"""The warm blob in Redis: for clusters, where the next pod of the service may start on another machine.

Redis is a convenience here and never a condition: each call has a short timeout and no retries of its own, because whoever saves
tries again at the next tick anyway.
"""

from __future__ import annotations

from typing import Any

import redis.asyncio
import redis.exceptions
from hydatis_core.errors import DependencyUnavailable

__all__ = ["KEY", "RedisWarmStore"]

#: Where the blob stands. One feature-service per database.
KEY = "hydatis:feature-service:warm"


class RedisWarmStore:
    """Keeps the blob under one key.

    Args:
        url: ``redis://HOST:PORT/DB``, or ``rediss://`` for TLS: then the server's certificate must be good for its host.
        timeout_seconds: how long connecting, and one read or write, may take.
        ca_file: authorities that are believed instead of the system's, read at each connection; empty: the system's.
    """

    def __init__(self, url: str, timeout_seconds: float, ca_file: str = "") -> None:
        believed: dict[str, Any] = {"ssl_ca_certs": ca_file} if ca_file else {}
        self._redis = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry_on_timeout=False,
            **believed,
        )

    async def save(self, data: bytes) -> None:
        """Replaces the blob."""
        try:
            await self._redis.set(KEY, data)
        except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
            raise DependencyUnavailable(f"redis cannot be written: {error}", field="warm_store") from None

    async def load(self) -> bytes | None:
        """The blob, or None."""
        try:
            data: bytes | None = await self._redis.get(KEY)
        except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
            raise DependencyUnavailable(f"redis cannot be read: {error}", field="warm_store") from None
        return data

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()
