"""Ticks by the wall clock: aligned, each once, none made up for."""

from __future__ import annotations

from hydatis_feature_service.wall_clock import wall_clock_ticks


class Clock:
    """A clock that a sleep moves, by less or more than was asked."""

    def __init__(self, now: float, slept_ratio: float = 1.0) -> None:
        self.now = now
        self.slept_ratio = slept_ratio

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += max(seconds * self.slept_ratio, 0.001)


async def test_ticks_are_the_multiples_after_now():
    clock = Clock(1_000_007.0)
    ticks = wall_clock_ticks(15.0, clock, clock.sleep)
    assert [await anext(ticks) for _ in range(3)] == [1_000_020, 1_000_035, 1_000_050]


async def test_a_sleep_that_ends_early_is_slept_on():
    clock = Clock(1_000_007.0, slept_ratio=0.5)
    ticks = wall_clock_ticks(15.0, clock, clock.sleep)
    assert [await anext(ticks) for _ in range(2)] == [1_000_020, 1_000_035]
    assert clock.now >= 1_000_035


async def test_ticks_that_were_missed_are_left_out_and_a_clock_set_back_repeats_none():
    clock = Clock(1_000_007.0)
    ticks = wall_clock_ticks(15.0, clock, clock.sleep)
    assert await anext(ticks) == 1_000_020
    clock.now = 1_000_070.0
    assert await anext(ticks) == 1_000_065
    clock.now = 1_000_000.0
    assert await anext(ticks) == 1_000_080
