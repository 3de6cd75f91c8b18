"""Windows are aligned, have one name for ever, and are asked for when they are over."""

from __future__ import annotations

import pytest
from hydatis_collection.question import collection
from hydatis_collection.windows import Window, dropped_windows, settled_windows
from hydatis_core.errors import InvalidValue

T = 1_795_388_400  # a whole hour


def test_a_window_is_named_by_its_start_in_utc() -> None:
    assert Window(T, 3600).name == "20261122T2300Z"
    assert Window.named("20261122T2300Z", 3600) == Window(T, 3600)


@pytest.mark.parametrize(
    ("first", "now", "starts"),
    [
        (T, T + 3600 + 119, []),
        (T, T + 3600 + 120, [T]),
        (T, T + 3 * 3600, [T, T + 3600]),
        (T - 1, T + 3720, [T]),
        (T + 1, T + 7320, [T + 3600]),
        (T + 9000, T, []),
    ],
)
def test_windows_that_are_over_and_settled_are_collected(first: float, now: float, starts: list[int]) -> None:
    assert settled_windows(first, now, 3600, 120.0) == [Window(start, 3600) for start in starts]


def test_a_window_goes_when_its_end_is_older_than_the_retention() -> None:
    windows = [Window(T + number * 3600, 3600) for number in range(3)]
    assert dropped_windows(windows, T + 30 * 86_400 + 3599, 30.0) == []
    assert dropped_windows(windows, T + 30 * 86_400 + 7200, 30.0) == windows[:2]


def test_a_question_has_no_credentials_and_rates_over_two_steps() -> None:
    asked = collection("https://user:secret@host/prefix/", step_seconds=300, window_seconds=7200)
    assert asked.prometheus == "https://host/prefix"
    assert (asked.rate_window_seconds, asked.most_age_seconds) == (600, 300)


@pytest.mark.parametrize(
    ("url", "step", "window", "field"),
    [
        ("prometheus:9090", 60, 3600, "--prometheus"),
        ("", 60, 3600, "--prometheus"),
        ("http://host", 60, 5000, "--window"),
        ("http://host", 60, 90, "--window"),
        ("http://host", 7, 3600, "--step"),
        ("http://host", 0, 3600, "--step"),
    ],
)
def test_what_cannot_be_collected_is_refused(url: str, step: int, window: int, field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        collection(url, step_seconds=step, window_seconds=window)
    assert refused.value.field == field
