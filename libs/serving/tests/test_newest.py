"""What to work on: the newest, each once, in no queue."""

import asyncio

from hydatis_serving.newest import Newest


async def test_a_newer_value_replaces_one_that_nobody_took():
    newest: Newest[str] = Newest()
    for value in ("first", "second", "third"):
        newest.put(value)
    assert await newest.take() == "third"
    assert newest.skipped_count == 2
    assert not await newest.wait(0.0)


async def test_the_same_value_said_again_is_not_worked_on_again():
    newest: Newest[str] = Newest(lambda one, other: one.lower() == other.lower())
    newest.put("a")
    await newest.take()
    newest.put("A")
    assert not await newest.wait(0.0)
    newest.put("b")
    newest.put("a")  # not the last any more
    assert await newest.take() == "a"
    assert newest.skipped_count == 1


async def test_who_waits_is_woken_by_the_next_value():
    newest: Newest[str] = Newest()
    waiting, taking = asyncio.create_task(newest.wait(5.0)), asyncio.create_task(newest.take())
    await asyncio.sleep(0)
    newest.put("a")
    assert await waiting
    assert await taking == "a"
