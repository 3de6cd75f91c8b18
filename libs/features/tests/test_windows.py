"""Windows of samples: gaps, repeats, late ones, closed bins, nodes that come and go."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_features.usage import METRICS
from hydatis_features.windows import NodeWindows

START = 1_700_000_100.0 // 300 * 300


def _usage(*cpu, memory=1e9):
    usage = np.ones((len(cpu), len(METRICS)), dtype=np.float32)
    usage[:, 0] = cpu
    usage[:, 1] = memory
    return usage


def _cpu(windows, now, span):
    return windows.fine.between(now - span, now)[0][0]


def test_a_window_is_open_at_its_start_and_closed_at_its_end():
    windows = NodeWindows(1, 60)
    for i in range(6):
        windows.push(START + 60 * i, _usage(float(i)))
    assert _cpu(windows, START + 240, 180)[:, 0].tolist() == [2.0, 3.0, 4.0]


def test_samples_stay_in_order_over_many_turns_of_the_buffer():
    windows = NodeWindows(2, 300)
    for i in range(500):
        windows.push(START + 300 * i, _usage(float(i), float(-i) if i == 0 else np.nan))
    last = START + 300 * 499
    assert _cpu(windows, last, 4200)[:, 0].tolist() == list(np.arange(486.0, 500.0))
    assert np.all(np.diff(windows.bins.times) == 300)
    assert len(windows.bins.times) == 302


def test_a_repeated_or_late_scrape_changes_nothing():
    windows = NodeWindows(1, 60)
    assert windows.push(START, _usage(1.0))
    before = windows.arrays()
    assert not windows.push(START, _usage(5.0))
    assert not windows.push(START - 30, _usage(5.0))
    assert all(np.array_equal(before[name], array, equal_nan=True) for name, array in windows.arrays().items())


def test_missed_scrapes_leave_a_gap():
    windows = NodeWindows(1, 60)
    for offset in (0, 60, 600):
        windows.push(START + offset, _usage(1.0))
    assert windows.fine.times.tolist() == [START, START + 60, START + 600]


def test_a_bin_is_the_mean_of_its_samples_and_shows_when_it_is_full():
    windows = NodeWindows(1, 60)
    for i in range(1, 5):
        windows.push(START + 60 * i, _usage(float(i)))
    assert not len(windows.bins.times)
    windows.push(START + 300, _usage(np.nan))
    assert windows.bins.times.tolist() == [START + 300]
    assert windows.bins.values[:, 0, 0].tolist() == [2.5, 1e9]


def test_a_bin_whose_last_samples_never_came_closes_with_the_next_one():
    windows = NodeWindows(1, 60)
    windows.push(START + 60, _usage(4.0))
    windows.push(START + 960, _usage(8.0))
    assert windows.bins.times.tolist() == [START + 300]
    windows.push(START + 1200, _usage(8.0))
    assert windows.bins.times.tolist() == [START + 300, START + 1200]


def test_at_ticks_of_a_bin_each_sample_is_a_bin_at_once():
    windows = NodeWindows(1, 300)
    for i, delay in ((1, 15.0), (2, 0.0)):
        windows.push(START + 300 * i - delay, _usage(float(i)))
    assert windows.bins.times.tolist() == [START + 300, START + 600]
    assert windows.bins.values[0, :, 0].tolist() == [1.0, 2.0]


def test_the_newest_sample_is_known_node_by_node_and_nan_before_the_first():
    windows = NodeWindows(3, 60)
    windows.push(START, _usage(1.0, np.nan, np.nan, memory=np.nan))
    windows.push(START + 60, _usage(np.nan, 1.0, np.nan, memory=np.nan))
    assert np.array_equal(windows.newest_seconds, [START, START + 60, np.nan], equal_nan=True)


def test_zero_of_both_is_not_measured_where_pods_ran_and_measured_where_none_did():
    windows = NodeWindows(4, 60)
    usage = _usage(0.0, 0.0, 0.0, np.nan, memory=np.array([0.0, 0.0, 5.0, np.nan]))
    windows.push(START, usage, np.array([True, False, True, True]))
    assert np.array_equal(windows.zero_suspect, [1.0, 0.0, 0.0, np.nan], equal_nan=True)
    assert np.array_equal(_cpu(windows, START, 60)[0], [np.nan, 0.0, 0.0, np.nan], equal_nan=True)
    assert usage[0, 0] == 0.0


def test_nodes_that_stay_keep_their_past_and_new_ones_have_none():
    windows = NodeWindows(2, 60)
    for i in range(1, 8):
        windows.push(START + 60 * i, _usage(1.0, 2.0))
    windows.keep_nodes(np.array([1, -1, 0]))
    assert np.array_equal(_cpu(windows, START + 420, 60)[0], [2.0, np.nan, 1.0], equal_nan=True)
    assert np.array_equal(windows.bins.values[0, 0], [2.0, np.nan, 1.0], equal_nan=True)
    windows.push(START + 600, _usage(2.0, 8.0, 1.0))
    assert windows.bins.values[0, -1].tolist() == [2.0, 8.0, 1.0]
    windows.keep_nodes(np.zeros(0, dtype=np.intp))
    windows.keep_nodes(np.array([-1]))
    assert np.isnan(windows.newest_seconds).all()


def test_restored_windows_go_on_alike():
    rng = np.random.default_rng(3)
    windows = NodeWindows(3, 60)
    for i in range(100):
        windows.push(START + 60 * i, rng.random((3, 6)).astype(np.float32))
    again = NodeWindows.from_arrays(60, windows.arrays())
    for one in (windows, again):
        for i in range(100, 110):
            one.push(START + 60 * i, np.full((3, 6), i, dtype=np.float32))
    assert all(np.array_equal(array, again.arrays()[name], equal_nan=True) for name, array in windows.arrays().items())


@pytest.mark.parametrize("tick", [0, 301, float("nan")])
def test_ticks_that_do_not_fit_are_refused(tick):
    with pytest.raises(InvalidValue):
        NodeWindows(1, tick)


def test_usage_of_another_shape_is_refused():
    with pytest.raises(WrongShape):
        NodeWindows(2, 60).push(START, _usage(1.0))


def test_a_day_of_5000_nodes_at_15_seconds_takes_at_most_80_megabytes():
    assert NodeWindows(5000, 15).nbytes <= 80e6
