"""A connection to the REST port: uvicorn's own, counted and hurried by the guard that all HTTP listeners of ours have."""

from __future__ import annotations

from typing import Any

from hydatis_serving.connection_guard import ConnectionGuard, GuardedConnection
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["MOST_HEAD_BYTES", "rest_connection"]

#: uvicorn keeps as many headers as are sent.
MOST_HEAD_BYTES = 2**16


class _RestConnection(GuardedConnection, HttpToolsProtocol):
    @property
    def in_request(self) -> bool:  # type: ignore[override]  # what the guard reads is computed here
        """Whether head and body are here and the answer is not out."""
        return self.cycle is not None and not (self.cycle.response_complete or self.cycle.more_body)


def rest_connection(guard: ConnectionGuard, max_body_bytes: int) -> type[Any]:
    """The protocol class that uvicorn makes of each connection."""
    return type("RestConnection", (_RestConnection,), {"guard": guard, "most_arriving_bytes": MOST_HEAD_BYTES + max_body_bytes})
