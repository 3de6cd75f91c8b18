"""Where the warm blob is kept: one value that is written often and read once, at the start.

The store is never needed to compute a table, so every failure of it is an operational error that the caller survives. A file for a
laptop, Redis for a cluster (a new pod may land on another machine), or nothing.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from hydatis_core.errors import DependencyUnavailable, InvalidValue

__all__ = ["NoWarmStore", "SqliteWarmStore", "WarmStore", "warm_store_from_url"]


class WarmStore(Protocol):
    """Keeps one blob."""

    async def save(self, data: bytes) -> None:
        """Replaces the blob, whole or not at all. DependencyUnavailable when the store is not there."""
        ...

    async def load(self) -> bytes | None:
        """The blob; None: nothing was ever saved. DependencyUnavailable when the store is not there."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...


class NoWarmStore:
    """Keeps nothing: every start is cold."""

    async def save(self, data: bytes) -> None:
        """Nothing."""

    async def load(self) -> bytes | None:
        """Nothing."""
        return None

    async def close(self) -> None:
        """Nothing."""


class SqliteWarmStore:
    """Keeps the blob in an SQLite file, one row that is replaced in one transaction.

    Args:
        path: the file; its folder is made when something is first saved.
        timeout_seconds: how long another process's lock is waited for.
    """

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        self._path = path
        self._timeout_seconds = timeout_seconds

    async def save(self, data: bytes) -> None:
        """Replaces the blob."""
        await asyncio.to_thread(self._run, "INSERT OR REPLACE INTO warm (id, data) VALUES (1, ?)", (data,))

    async def load(self) -> bytes | None:
        """The blob, or None."""
        if not self._path.exists():
            return None
        return await asyncio.to_thread(self._run, "SELECT data FROM warm WHERE id = 1", ())

    async def close(self) -> None:
        """Nothing is held open between calls."""

    def _run(self, statement: str, values: tuple[bytes, ...]) -> bytes | None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=self._timeout_seconds)
            try:
                connection.execute("CREATE TABLE IF NOT EXISTS warm (id INTEGER PRIMARY KEY, data BLOB NOT NULL)")
                row = connection.execute(statement, values).fetchone()
                connection.commit()
            finally:
                connection.close()
        except (sqlite3.Error, OSError) as error:
            raise DependencyUnavailable(f"the warm store {self._path} cannot be used: {error}", field="warm_store") from None
        return bytes(row[0]) if row else None


def warm_store_from_url(url: str, timeout_seconds: float, ca_file: str = "") -> WarmStore:
    """The store that a setting names.

    Args:
        url: ``sqlite:///PATH`` (four slashes for an absolute path also work), ``redis://HOST:PORT/DB``, ``rediss://``
            for Redis over TLS, or ``none``.
        timeout_seconds: how long one read or write may take.
        ca_file: authorities by which a Redis over TLS is believed; empty: the system's.

    Raises:
        InvalidValue: it names none of them, or the file is not for it.
    """
    parts = urlsplit(url)
    if ca_file and parts.scheme != "rediss":
        raise InvalidValue(
            f"set, and warm_store is {parts.scheme or 'none'}", field="warm_ca_file", expected="a warm_store of rediss://"
        )
    if ca_file and not Path(ca_file).is_file():
        raise InvalidValue(f"{ca_file} is not there", field="warm_ca_file", expected="a PEM file")
    if url in ("", "none"):
        return NoWarmStore()
    if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1:
        return SqliteWarmStore(Path(parts.path[1:]), timeout_seconds)
    if parts.scheme in ("redis", "rediss") and parts.hostname:
        # The client library is only loaded by those who use it.
        from hydatis_feature_service.redis_warm_store import RedisWarmStore

        return RedisWarmStore(url, timeout_seconds, ca_file)
    raise InvalidValue(f"{parts.scheme!r} is no store", field="warm_store", expected="sqlite:///PATH, redis://HOST:PORT/DB or none")
