import numpy as np
import pytest
from hydatis_sizing.cpu_request import cpu_above_ratio, cpu_needs
from hydatis_sizing.daily_use import DailyUse, DayOfUse

SAMPLES = 288


def book_of(*days: np.ndarray, throttled_share: float = 0.0) -> DailyUse:
    book = DailyUse(len(days[0]), SAMPLES)
    throttled = np.zeros((len(days[0]), SAMPLES), dtype=bool)
    throttled[:, : round(throttled_share * SAMPLES)] = True
    for number, cpu in enumerate(days):
        book.absorb(number, DayOfUse(cpu.astype(np.float32), np.ones(cpu.shape, np.float32), throttled))
    return book


def test_steady_use_is_needed_and_no_more() -> None:
    assert cpu_needs(book_of(np.full((1, SAMPLES), 0.5)))[0] == pytest.approx([0.5])


def test_short_bursts_are_left_out_and_longer_ones_are_not() -> None:
    short, longer = np.full((1, SAMPLES), 0.1), np.full((1, SAMPLES), 0.1)
    short[0, 100:104], longer[0, 100:110] = 2.0, 2.0
    assert 0.1 <= cpu_needs(book_of(short, short))[0][0] < 0.75  # the hour's mean: (4 x 2 + 8 x 0.1) / 12 = 0.73
    assert cpu_needs(book_of(longer, longer))[0][0] == pytest.approx(2.0)


def test_a_burst_at_the_same_hour_of_every_day_is_promised_its_hours_mean() -> None:
    nightly = np.full((1, SAMPLES), 0.1)
    nightly[0, 36:40] = 2.0
    assert cpu_needs(book_of(nightly, nightly))[0][0] == pytest.approx((4 * 2.0 + 8 * 0.1) / 12)


def test_newer_days_count_more() -> None:
    low, high = np.full((1, SAMPLES), 0.1), np.full((1, SAMPLES), 1.0)
    # the newest of eight days weighs 0.25 of all, the oldest 0.05
    assert cpu_needs(book_of(*[low] * 7, high), 80.0)[0] == pytest.approx([1.0])
    assert cpu_needs(book_of(high, *[low] * 7), 80.0)[0] == pytest.approx([(7 * 0.1 + 1.0) / 8])  # the hours' mean is left


def test_throttling_hides_what_is_needed_once_it_is_not_rare() -> None:
    use = np.full((1, SAMPLES), 0.5)
    assert cpu_needs(book_of(use, throttled_share=0.01))[0] == pytest.approx([0.5])
    assert np.isinf(cpu_needs(book_of(use, throttled_share=0.05))[0][0])


def test_of_nothing_nothing_is_known() -> None:
    needs, weight = cpu_needs(book_of(np.full((1, SAMPLES), np.nan)))
    assert np.isnan(needs[0])
    assert weight[0] == 0
    assert np.isnan(cpu_above_ratio(book_of(np.full((1, SAMPLES), np.nan)), np.array([1.0]), np.array([1.0]))[0])


def test_time_above_a_request_is_what_was_seen_and_a_share_for_the_unseen() -> None:
    use = np.full((1, SAMPLES), 0.1)
    use[0, :29] = 2.0  # a tenth
    found = cpu_above_ratio(book_of(use, use, use), np.array([1.0]), np.array([3.0]))
    assert found == pytest.approx([(3 * 29 / 288 + 0.04) / 4])
    assert cpu_above_ratio(book_of(use, use, use), np.array([5.0]), np.array([3.0])) == pytest.approx([0.01])
    assert np.isnan(cpu_above_ratio(book_of(use), np.array([np.nan]), np.array([3.0]))[0])
