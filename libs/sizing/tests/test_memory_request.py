import numpy as np
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_sizing.memory_request import DAYS, expected_kills_per_day, memory_needs
from hydatis_sizing.past import Past

MIB = 2.0**20


def past_of(peaks_mib: list[float], killed_mib: list[float] | None = None) -> Past:
    peaks = np.array(peaks_mib, dtype=np.float32) * MIB
    memory = np.stack([peaks * 0.5, peaks], axis=1)[None].astype(np.float32)
    killed = np.full((1, len(peaks)), np.nan) if killed_mib is None else np.array([killed_mib]) * MIB
    return Past(np.zeros_like(memory), memory, killed, np.array([[1.0], [4096 * MIB]]))


def test_the_greatest_use_of_a_fortnight_is_needed_and_what_is_older_is_forgotten() -> None:
    assert memory_needs(past_of([900.0] + [100.0] * (DAYS - 1)))[0] == 900 * MIB
    assert memory_needs(past_of([900.0] + [100.0] * DAYS))[0] == 100 * MIB


def test_a_kill_is_evidence_of_more_than_the_limit_never_of_less() -> None:
    assert memory_needs(past_of([400.0, 400.0], [np.nan, 400.0]))[0] == 500 * MIB  # 100 MiB more
    assert memory_needs(past_of([1000.0], [1000.0]))[0] == 1200 * MIB  # a fifth more


def test_without_a_day_that_is_known_nothing_is() -> None:
    assert np.isnan(memory_needs(past_of([np.nan, np.nan])))[0]


def test_kills_become_rarer_with_days_seen_and_with_the_margin() -> None:
    days = np.array([1, 7, 14])
    assert expected_kills_per_day(days, 0.0) == pytest.approx([0.5, 1 / 8, 1 / 15])
    assert expected_kills_per_day(days, 0.2) == pytest.approx(0.26 * expected_kills_per_day(days, 0.0))
    with pytest.raises(InvalidValue, match="margin"):
        expected_kills_per_day(days, -0.1)
