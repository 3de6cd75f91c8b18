import numpy as np
import pytest
from hydatis_sizing.memory_request import chance_passed_per_day, memory_above_ratio, memory_needs

MIB = 2.0**20
NAN = float("nan")


def needs_of(peaks_mib: list[float], killed_mib: list[float] | None = None) -> float:
    killed = [NAN] * len(peaks_mib) if killed_mib is None else killed_mib
    return float(memory_needs(np.array([peaks_mib]) * MIB, np.array([killed]) * MIB)[0] / MIB)


def test_the_greatest_use_is_needed() -> None:
    assert needs_of([100.0, 900.0, NAN, 200.0]) == 900.0


def test_a_kill_is_evidence_of_more_than_the_limit_never_of_less() -> None:
    assert needs_of([400.0, 400.0], [NAN, 400.0]) == 500.0  # 100 MiB more
    assert needs_of([1000.0], [1000.0]) == 1200.0  # a fifth more
    assert needs_of([NAN, 50.0], [400.0, NAN]) == 500.0


def test_without_a_day_that_is_known_nothing_is() -> None:
    assert np.isnan(needs_of([NAN, NAN]))
    assert np.isnan(memory_needs(np.zeros((1, 0)), np.zeros((1, 0)))[0])


def test_kills_become_rarer_with_days_seen_and_with_the_margin() -> None:
    days = np.array([1.0, 7.0, 14.0])
    assert chance_passed_per_day(days, np.zeros(3)) == pytest.approx([0.6, 1.2 / 8, 1.2 / 15])
    assert chance_passed_per_day(days, np.full(3, 0.2)) == pytest.approx(0.3 / (days + 1))
    assert chance_passed_per_day(days, np.full(3, 9.0)) == pytest.approx(0.09 / (days + 1))
    assert (chance_passed_per_day(days, np.full(3, -0.5)) == chance_passed_per_day(days, np.zeros(3))).all()
    assert chance_passed_per_day(np.zeros(1), np.zeros(1)) == 1.0


def test_a_day_that_passes_the_maximum_does_so_for_minutes() -> None:
    assert memory_above_ratio(np.array([13.0]), np.array([0.2])) == pytest.approx(0.3 / 14 * 0.015)
