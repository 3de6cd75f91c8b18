"""The newest few generations."""

import asyncio

import pytest
from hydatis_core.errors import GenerationUnavailable
from hydatis_serving.generations import Generations


def test_the_newest_three_are_kept_and_the_newest_is_the_answer_to_zero():
    held: Generations[str] = Generations(3, "forecast")
    for generation in (60, 180, 120, 240):
        held.put(generation, f"of {generation}")
    assert held.held() == (240, 180, 120)
    assert held.get() == "of 240"
    assert held.get(120) == "of 120"
    assert held.find(60) is None
    assert 60 not in held
    held.put(30, "late")
    assert held.held() == (240, 180, 120)


def test_a_generation_that_is_not_here_says_which_are():
    held: Generations[str] = Generations(3, "forecast")
    with pytest.raises(GenerationUnavailable, match="no forecast yet"):
        held.get()
    held.put(60, "x")
    with pytest.raises(GenerationUnavailable, match="no forecast of generation 120") as missing:
        held.get(120)
    assert missing.value.field == "generation"
    assert "60" in missing.value.expected
    held.clear()
    assert (held.newest, len(held)) == (0, 0)


async def test_waiting_ends_with_the_first_generation_that_is_new_enough():
    held: Generations[str] = Generations()
    held.put(60, "x")
    assert await held.wait(60) == 60
    waiting = asyncio.create_task(held.wait(120))
    given_up = asyncio.create_task(held.wait(120))
    await asyncio.sleep(0)
    given_up.cancel()
    held.put(90, "x")
    await asyncio.sleep(0)
    assert not waiting.done()
    held.put(180, "x")
    assert await waiting == 180
