import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_sizing.daily_use import CENSORED, CPU_DAYS, MEMORY_DAYS, DailyUse, DayOfUse, level_ends
from hypothesis import given, settings
from hypothesis import strategies as st

NAN = float("nan")
SAMPLES = 24
ALL = slice(None)


def day_of(cpu: list[list[float]] | np.ndarray, memory: float = 1.0, **more: np.ndarray) -> DayOfUse:
    cores = np.array(cpu, dtype=np.float32)
    return DayOfUse(cores, np.where(np.isnan(cores), np.nan, memory).astype(np.float32), **more)


def book_of(*days: DayOfUse) -> DailyUse:
    book = DailyUse(len(days[0].cpu_cores), SAMPLES)
    for number, day in enumerate(days):
        book.absorb(number, day)
    return book


def same(one: DailyUse, other: DailyUse) -> bool:
    return all(
        np.allclose(getattr(one, name), getattr(other, name), equal_nan=True)
        for name in vars(one)
        if name.startswith(("_", "newest"))
    )


def test_a_sample_counts_at_the_level_that_holds_it() -> None:
    ends = level_ends()
    levels = book_of(day_of([[0.0, 0.0009, 0.1, 5.0] + [NAN] * 20])).levels(ALL, np.ones(CPU_DAYS))[0]
    assert levels.sum() == 4
    assert levels[0] == 2
    for value in (0.1, 5.0):
        at = int(np.searchsorted(ends, value, side="right"))
        assert levels[at] == 1
        assert ends[at - 1] <= value < ends[at] < value * 1.06


def test_throttled_samples_count_above_all_levels() -> None:
    throttled = np.zeros((1, SAMPLES), dtype=bool)
    throttled[0, :3] = True
    levels = book_of(day_of(np.full((1, SAMPLES), 0.5), throttled=throttled)).levels(ALL, np.ones(CPU_DAYS))[0]
    assert levels[CENSORED] == 3
    assert levels.sum() == SAMPLES


def test_what_is_no_amount_is_unknown() -> None:
    book = book_of(day_of([[-1.0, float("inf"), NAN, 0.5] + [NAN] * 20]))
    assert book.levels(ALL, np.ones(CPU_DAYS)).sum() == 1
    assert book.cpu_peak()[0] == 0.5


def test_the_busiest_hour_is_by_its_mean_over_days() -> None:
    first, second = np.full((1, SAMPLES), 0.1), np.full((1, SAMPLES), 0.1)
    first[0, 3], second[0, 3], second[0, 7] = 1.0, 0.8, 1.1
    greatest, hour = book_of(day_of(first), day_of(second)).busiest_hours(ALL)
    assert greatest == pytest.approx([0.9])
    assert hour.tolist() == [3]


def test_old_days_are_forgotten() -> None:
    days = [day_of(np.full((1, SAMPLES), 9.0), memory=9.0), *[day_of(np.full((1, SAMPLES), 1.0))] * MEMORY_DAYS]
    book = book_of(*days)
    assert book.cpu_peak()[0] == 1.0
    assert book.memory_peaks().max() == 1.0
    assert book_of(*days[:-1]).memory_peaks().max() == 9.0
    assert book_of(*days[:CPU_DAYS]).cpu_peak()[0] == 9.0
    assert book_of(*days[: CPU_DAYS + 1]).cpu_peak()[0] == 1.0


def test_after_a_gap_what_is_too_old_does_not_count() -> None:
    book = book_of(day_of(np.full((1, SAMPLES), 9.0), memory=9.0))
    book.absorb(MEMORY_DAYS + 3, day_of(np.full((1, SAMPLES), NAN)))
    assert np.isnan(book.cpu_peak()[0])
    assert np.isnan(book.memory_peaks()).all()
    assert book.known_ratio().sum() == 0
    assert book.day_weights(3.0).sum() == 1.0


def test_a_kill_is_remembered_by_its_greatest_limit() -> None:
    quiet = np.full((2, SAMPLES), 0.1)
    killed = day_of(quiet, killed_at_bytes=np.array([NAN, 300.0]))
    book = book_of(killed, day_of(quiet))
    book.absorb(0, day_of(np.full((2, SAMPLES), NAN), killed_at_bytes=np.array([NAN, 200.0])))
    assert np.nanmax(book.killed_at()[1]) == 300.0
    assert np.isnan(book.killed_at()[0]).all()


def test_known_time_is_that_of_cpu_or_memory() -> None:
    cpu = np.full((1, SAMPLES), np.nan, dtype=np.float32)
    memory = cpu.copy()
    cpu[0, :6], memory[0, 3:12] = 1.0, 1.0
    book = DailyUse(1, SAMPLES)
    book.absorb(0, DayOfUse(cpu, memory))
    assert book.known_ratio().sum() == 0.5


@settings(deadline=None)
@given(st.integers(0, 2**32), st.permutations(range(5)), st.integers(1, 23))
def test_days_in_any_order_and_in_pieces_make_the_same_book(seed: int, order: list[int], cut: int) -> None:
    draw = np.random.default_rng(seed)
    days = [day_of(np.where(draw.random((6, SAMPLES)) < 0.1, np.nan, draw.lognormal(-2, 1, (6, SAMPLES)))) for _ in order]
    pieces = DailyUse(6, SAMPLES)
    for number in order:
        whole = days[number]
        rest = np.full((6, SAMPLES), np.nan, dtype=np.float32)
        early, late = whole.cpu_cores.copy(), rest.copy()
        early[:, cut:], late[:, cut:] = np.nan, whole.cpu_cores[:, cut:]
        for cores in (late, early):
            piece = day_of(cores)
            pieces.absorb(number, DayOfUse(piece.cpu_cores[:2], piece.memory_bytes[:2]))
            pieces.absorb(number, DayOfUse(piece.cpu_cores[2:], piece.memory_bytes[2:]), first_row=2)
    assert same(pieces, book_of(*days))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidValue, match="rows 1 to 3"):
        DailyUse(2, SAMPLES).absorb(0, day_of(np.zeros((2, SAMPLES))), first_row=1)
    with pytest.raises(InvalidValue, match="day -1"):
        DailyUse(1, SAMPLES).absorb(-1, day_of(np.zeros((1, SAMPLES))))
    with pytest.raises(WrongShape, match="2 samples"):
        DailyUse(1, SAMPLES).absorb(0, day_of(np.zeros((1, 2))))
    with pytest.raises(InvalidValue):
        DailyUse(0, SAMPLES)
    with pytest.raises(WrongShape):
        DayOfUse(np.zeros((1, 2), np.float32), np.zeros((2, 1), np.float32))
    with pytest.raises(WrongShape):
        day_of(np.zeros((1, SAMPLES)), throttled=np.zeros((1, 2), dtype=bool))
    with pytest.raises(WrongShape):
        day_of(np.zeros((1, SAMPLES)), killed_at_bytes=np.zeros(2))
