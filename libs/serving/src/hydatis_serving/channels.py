"""Channels to services of ours, and one unary call on them.

A killed peer must be noticed at once and found again as soon as it is back, since the decision path stands on lower rungs
meanwhile: hence short keepalive and short reconnect back-off. Every call has a deadline, carries the trace, and fails with an
error of our tree. There are no client interceptors, because in grpc.aio they cost a task per call.
"""

from __future__ import annotations

import math
from typing import Any

import grpc
import grpc.aio
from hydatis_core.errors import InvalidValue, TooLate

from hydatis_serving.error_table import from_rpc_error
from hydatis_serving.renewed_channel import RenewedChannel
from hydatis_serving.tracing import trace_metadata
from hydatis_serving.transport_security import PLAIN, TransportSecurity

__all__ = ["CHANNEL_OPTIONS", "DEFAULT_MAX_MESSAGE_BYTES", "call_unary", "open_channel"]

DEFAULT_MAX_MESSAGE_BYTES = 16 * 2**20

#: Times in milliseconds. A peer that is killed closes its connections at once. One that falls silent (its machine is gone) is
#: noticed after 1 + 2 s; not sooner, since a live one that waits for a processor must not be taken for it.
CHANNEL_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.keepalive_time_ms", 1000),
    ("grpc.keepalive_timeout_ms", 2000),
    ("grpc.http2.ping_timeout_ms", 2000),  # without it a keepalive ping waits for a minute, whatever the line above says
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 1000),  # this one bounds an attempt to connect
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    # A channel of its own per client: two clients of one process never share a connection that is being torn down.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_send_message_length", -1),
)


def open_channel(
    address: str,
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
    *,
    foreign_peer: bool = False,
    security: TransportSecurity = PLAIN,
) -> grpc.aio.Channel:
    """A channel that connects by itself and goes on trying; close it with ``await channel.close()``.

    Args:
        address: ``host:port``.
        max_message_bytes: largest message that is taken.
        foreign_peer: the server may be none of ours: it is not asked whether it lives while no call is open, since a server with
            gRPC's own rules breaks the connection for it ("too_many_pings").
        security: by which certificate it dials, and whom it believes.
    """
    options = dict(CHANNEL_OPTIONS) | {"grpc.max_receive_message_length": max_message_bytes}
    if foreign_peer:
        options["grpc.keepalive_permit_without_calls"] = 0
    told = tuple(options.items())
    if not security.enabled:
        return grpc.aio.insecure_channel(address, options=told)
    return RenewedChannel(lambda credentials: grpc.aio.secure_channel(address, credentials, options=told), security)


async def call_unary(method: Any, request: Any, timeout_seconds: float, peer: str = "") -> Any:
    """Calls a unary method of a stub.

    Args:
        method: the stub's method.
        request: its request.
        timeout_seconds: how long it may take, > 0.
        peer: who is called, for error messages.

    Raises:
        HydatisError: what the peer raised; TooLate when the time passed; DependencyUnavailable when nobody answers.
    """
    if timeout_seconds <= 0:
        raise TooLate(f"no time is left for {peer or 'the call'}", field="timeout_seconds", expected="> 0")
    if not math.isfinite(timeout_seconds):
        raise InvalidValue(f"{timeout_seconds!r} is not a deadline", field="timeout_seconds", expected="a finite number of seconds")
    try:
        return await method(request, timeout=timeout_seconds, metadata=trace_metadata())
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error, peer) from None
