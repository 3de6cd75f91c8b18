"""The webhook's server: what it answers whom, and what it bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from hydatis_right_sizer.webhook_door import PATH, WebhookDoor


def answered(body: bytes) -> bytes | None:
    return body[::-1] if body.startswith(b"{") else None


@pytest.fixture
async def door() -> AsyncIterator[WebhookDoor]:
    made = WebhookDoor(
        "127.0.0.1",
        0,
        answered,
        ssl_context=None,
        max_body_bytes=1000,
        max_connections_count=8,
        arrival_seconds=0.2,
        stop_grace_seconds=1.0,
    )
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", PATH, b"{}", 200),
        ("POST", PATH, b"no review", 400),
        ("POST", PATH, b"{" + b" " * 1000, 413),
        ("POST", "/other", b"{}", 404),
        ("GET", PATH, b"", 404),
    ],
)
async def test_one_path_takes_reviews_of_a_bounded_size(
    door: WebhookDoor, method: str, path: str, body: bytes, status: int
) -> None:
    url = f"http://127.0.0.1:{door.port}{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, data=body) as answer:
        assert answer.status == status
        if status == 200:
            assert await answer.read() == b"}{"


async def test_a_body_that_does_not_arrive_is_not_waited_for(door: WebhookDoor) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{{".encode())
    async with asyncio.timeout(5.0):
        assert b"408" in await reader.readline()
    writer.close()


async def test_of_one_address_half_of_the_connections_are_taken(door: WebhookDoor) -> None:
    opened = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(5)]
    async with asyncio.timeout(5.0):
        assert await opened[-1][0].read() == b"", "one too many is closed at once"
    assert door.refused_connections_count == 1
    for _, writer in opened:
        writer.close()
