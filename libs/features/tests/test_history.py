"""Windows filled from a metric store's memory are those of an engine that was there all the time."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.engine import FeatureEngine
from hydatis_features.history import History
from hydatis_features.usage import METRICS

NAMES = ("a", "b", "c")
TICK_SECONDS, DELAY_SECONDS = 60, 60.0
START = 1_700_000_100 // 300 * 300
TICKS = 8 * 60
RANDOM = np.random.default_rng(5)


def _usage() -> np.ndarray:
    usage = RANDOM.uniform(1.0, 4.0, (TICKS, len(NAMES), len(METRICS))).astype(np.float32)
    usage[: 2 * 60, 2] = np.nan  # a node that came later
    usage[200:260] = np.nan  # an outage of an hour
    usage[-20:-10, 0, 0] = np.nan
    return usage


USAGE = _usage()
TIMES = START + TICK_SECONDS * np.arange(1, TICKS + 1)  # of the samples; a tick comes a delay later


def _engine() -> FeatureEngine:
    engine = FeatureEngine([Node(name, Resources(8.0, 2.0**35)) for name in NAMES], TICK_SECONDS, DELAY_SECONDS)
    engine.bind(Pod("uid", "web", "default", "Deployment/web", Resources(1.0, 2.0**30)), "a", float(START))
    return engine


def _run(engine: FeatureEngine, first: int, stop: int):
    none = np.empty((0, 2), dtype=np.float32)
    for row in range(first, stop):
        engine.tick(int(TIMES[row] + DELAY_SECONDS), float(TIMES[row]), USAGE[row], [], none)
    return engine.table


def _history(first: int, stop: int, names=NAMES) -> History:
    """What a store would answer about ticks first to stop: bins until 75 minutes before the end, samples from there on."""
    split = (TIMES[stop - 1] - 4200) // 300 * 300
    bins = np.arange((TIMES[first] + 299) // 300 * 300, split + 1, 300.0)
    means = np.full((len(bins), len(NAMES), 2), np.nan, dtype=np.float32)
    for row, end in enumerate(bins):
        after = TIMES - end
        inside = USAGE[(after > -300) & (after <= 0), :, :2].astype(np.float64)
        known = ~np.isnan(inside)
        with np.errstate(invalid="ignore"):
            means[row] = np.where(known, inside, 0).sum(axis=0) / known.sum(axis=0)
    rows = [row for row in range(first, stop) if TIMES[row] > split]
    order = [NAMES.index(name) for name in names]
    return History(tuple(names), bins, means[:, order], TIMES[rows].astype(np.float64), USAGE[rows][:, order])


def _assert_alike(one: FeatureEngine, other: FeatureEngine) -> None:
    for name, array in one.windows.arrays().items():
        np.testing.assert_allclose(other.windows.arrays()[name], array, rtol=1e-6, err_msg=name)
    measured = [number for number, name in enumerate(one.table.columns) if name != "node_age_seconds"]
    np.testing.assert_allclose(other.table.values[:, measured], one.table.values[:, measured], rtol=1e-5)


@pytest.fixture(scope="module")
def running() -> FeatureEngine:
    engine = _engine()
    _run(engine, 0, TICKS)
    return engine


def test_after_a_cold_start_the_windows_are_those_of_an_engine_that_ran_all_the_time(running):
    cold = _engine()
    assert cold.recall(_history(0, TICKS - 1)) > 100
    _run(cold, TICKS - 1, TICKS)
    _assert_alike(running, cold)
    age = cold.table.column("node_age_seconds")
    assert age[0] == pytest.approx(TIMES[-1] - START, abs=300)
    assert age[2] == pytest.approx(TIMES[-1] - TIMES[2 * 60], abs=300), "a node is as old as its first measurement"


@pytest.mark.parametrize("missed", [3, 62, 4 * 60 + 1])
def test_after_a_pause_what_was_missed_is_filled_and_what_was_there_is_kept(running, missed):
    paused = _engine()
    _run(paused, 0, TICKS - missed - 1)
    paused.recall(_history(max(TICKS - missed - 70, 0), TICKS - 1))  # some of it is known already
    _run(paused, TICKS - 1, TICKS)
    _assert_alike(running, paused)


def test_nodes_are_told_by_name():
    cold = _engine()
    cold.recall(_history(0, TICKS, names=("c", "a")))
    newest = cold.windows.fine.values[0, -1]
    np.testing.assert_array_equal(newest, np.float32([USAGE[-1, 0, 0], np.nan, USAGE[-1, 2, 0]]))


def test_a_store_that_remembers_nothing_leaves_the_engine_as_new():
    cold, blank = (
        _engine(),
        History(NAMES, np.empty(0), np.empty((0, 3, 2), np.float32), np.empty(0), np.empty((0, 3, 6), np.float32)),
    )
    unknown = History(
        NAMES,
        np.array([START, START + 300.0]),
        np.full((2, 3, 2), np.nan, np.float32),
        np.array([START + 360.0]),
        np.full((1, 3, 6), np.nan, np.float32),
    )
    assert cold.recall(blank) == cold.recall(unknown) == 0
    assert cold.windows.last_sample_seconds == -np.inf


def test_what_cannot_be_a_history_is_refused():
    good = _history(TICKS - 10, TICKS)
    with pytest.raises(WrongShape, match="sample_usage"):
        History(NAMES, good.bin_ends_seconds, good.bin_usage, good.sample_times_seconds, good.sample_usage[:, :2])
    with pytest.raises(InvalidValue, match="ascend"):
        History(NAMES, good.bin_ends_seconds, good.bin_usage, good.sample_times_seconds[::-1], good.sample_usage)
    with pytest.raises(InvalidValue, match="measurement"):
        History(NAMES, good.bin_ends_seconds, good.bin_usage, good.sample_times_seconds, -good.sample_usage)
