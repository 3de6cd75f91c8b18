"""Slow and quick subscribers side by side, without a network."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

from hydatis_serving.broadcast import Broadcast, Latest

T = TypeVar("T")


async def take(stream: AsyncIterator[T], count: int) -> list[T]:
    async with asyncio.timeout(5):
        return [await anext(stream) for _ in range(count)]


async def test_a_slow_reader_of_the_latest_skips_what_came_meanwhile():
    latest: Latest[int] = Latest()
    stream = latest.subscribe()
    latest.publish(1)
    assert await take(stream, 1) == [1]
    latest.publish(2)
    latest.publish(3)
    assert await take(stream, 1) == [3]
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    assert not waiting.done()
    latest.publish(4)
    assert await waiting == 4
    assert latest.subscribers_count == 1
    await stream.aclose()
    assert latest.subscribers_count == 0


async def test_a_newcomer_gets_the_opening_then_what_is_published():
    broadcast: Broadcast[str] = Broadcast(lambda: ["table 60", "profiles", "bind a"])
    stream = broadcast.subscribe()
    assert await take(stream, 3) == ["table 60", "profiles", "bind a"]
    broadcast.publish("bind b")
    assert await take(stream, 1) == ["bind b"]


async def test_a_slow_subscriber_gets_the_newest_whole_table_then_the_events_since_it_in_order():
    broadcast: Broadcast[str] = Broadcast(lambda: ["opening"])
    stream = broadcast.subscribe()
    assert await take(stream, 1) == ["opening"]
    broadcast.publish_whole(["begin 60", "chunk 60", "commit 60"])
    broadcast.publish("bind a")
    broadcast.publish_whole(["begin 120", "commit 120"])
    broadcast.publish("bind b")
    broadcast.publish("end a")
    # The table of 60 is out of date; the bind that came with it is not: only that stream says it.
    assert await take(stream, 5) == ["bind a", "begin 120", "commit 120", "bind b", "end a"]


async def test_a_table_that_was_begun_is_finished():
    broadcast: Broadcast[str] = Broadcast(list)
    stream = broadcast.subscribe()
    begun = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    broadcast.publish_whole(["begin 60", "commit 60"])
    assert await begun == "begin 60"
    broadcast.publish_whole(["begin 120", "commit 120"])
    assert await take(stream, 3) == ["commit 60", "begin 120", "commit 120"]


async def test_a_slow_subscriber_does_not_hold_up_a_quick_one():
    broadcast: Broadcast[int] = Broadcast(lambda: [0])
    slow, quick = broadcast.subscribe(), broadcast.subscribe()
    assert await take(slow, 1) == await take(quick, 1) == [0]
    for event in range(1, 100):
        broadcast.publish(event)
        assert await take(quick, 1) == [event]
    assert await take(slow, 99) == list(range(1, 100))


async def test_a_subscriber_too_far_behind_gets_the_opening_again():
    told: list[str] = []
    broadcast: Broadcast[str] = Broadcast(lambda: [f"opening after {len(told)}"], backlog_limit_count=10)
    stream = broadcast.subscribe()
    assert await take(stream, 1) == ["opening after 0"]
    for number in range(13):
        told.append(f"event {number}")
        broadcast.publish(told[-1])
    assert await take(stream, 3) == ["opening after 11", "event 11", "event 12"]


async def test_flushed_waits_for_every_stream_and_for_no_longer_than_told():
    broadcast: Broadcast[str] = Broadcast(list)
    assert await broadcast.flushed(5)
    stream = broadcast.subscribe()
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    broadcast.publish("bind a")
    assert not await broadcast.flushed(0)  # read, but its stream has not come back for more
    assert await reading == "bind a"
    again = asyncio.create_task(anext(stream))
    assert await broadcast.flushed(5)
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    assert broadcast.subscribers_count == 0


async def test_who_wants_whole_states_only_is_told_of_no_events_and_nobody_waits_for_it():
    broadcast: Broadcast[str] = Broadcast(lambda: ["table 60", "profiles", "bind a"])
    stream = broadcast.subscribe(["table 60"])
    assert await take(stream, 1) == ["table 60"]
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    broadcast.publish("bind b")
    assert await broadcast.flushed(5)
    broadcast.publish_whole(["begin 120", "commit 120"])
    assert [await reading, *await take(stream, 1)] == ["begin 120", "commit 120"]
