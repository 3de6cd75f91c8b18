"""Rolling calibration: each node covers what it claims, also after its load changed, and nodes may come and go."""

import numpy as np
import pytest
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_forecasting.rolling_calibration import FORGET_SECONDS, OffsetTracker, RollingCalibration
from hydatis_forecasting.targets import COLUMNS

START = 1_375_000_200
TICK = 300


def _table(tick: int, names: tuple[str, ...], used: np.ndarray, tick_seconds: float = TICK) -> NodeTable:
    values = np.full((len(names), len(SCHEMA.names)), np.nan, dtype=np.float32)
    for name, column in (("cpu_used_ratio", used), ("memory_used_ratio", used), ("usage_age_seconds", 0.0)):
        values[:, SCHEMA.index[name]] = column
    for name, column in (("used_std_24h", 0.1), ("used_mean_24h", 0.5)):
        for resource in ("cpu", "memory"):
            values[:, SCHEMA.index[f"{resource}_{name}_ratio"]] = column
    return NodeTable(START + tick * TICK, names, SCHEMA.names, values, SCHEMA.hashes, tick_seconds=tick_seconds)


def _run(ticks: int, use: np.ndarray, p95: float) -> tuple[OffsetTracker, np.ndarray]:
    """Follows the use, (ticks, nodes), with a model that always says 0.5 and p95; returns the p95 of 5 minutes that was served."""
    nodes = use.shape[1]
    tracker = OffsetTracker(nodes, TICK)
    raw = np.full((nodes, 2, 12), 0.5, dtype=np.float32)
    raw[:, :, 1::2] = p95
    scale = np.full((nodes, 2), 0.1, dtype=np.float32)
    served = np.empty((ticks, nodes), dtype=np.float32)
    for tick in range(ticks):
        used = np.repeat(use[tick][:, None], 2, axis=1).astype(np.float32)
        tracker.observe(START + tick * TICK, used)
        tracker.issue(START + tick * TICK, raw, used, scale)
        served[tick] = tracker.corrected(raw, used, scale)[:, 0, 1]
    return tracker, served


def test_a_p95_that_is_far_too_low_comes_to_cover_what_it_claims_on_every_node() -> None:
    use = np.random.default_rng(1).normal(0.5, [0.02, 0.1, 0.2], (4000, 3)).clip(0)
    _, served = _run(4000, use, p95=0.5)
    covered = (use[1001:] <= served[1000:-1]).mean(axis=0)
    np.testing.assert_allclose(covered, 0.95, atol=0.012)


def test_after_a_level_shift_coverage_is_back_within_a_day() -> None:
    rng = np.random.default_rng(2)
    use = rng.normal(0.5, 0.05, (3000, 20))
    use[1500:] += 0.3
    _, served = _run(3000, use, p95=0.58)
    missed = use[1:] > served[:-1]
    assert missed[1499:1501].mean() > 0.5
    assert missed[1788:].mean() == pytest.approx(0.05, abs=0.012)


def test_on_exchangeable_use_a_calibrated_p95_stays_calibrated() -> None:
    use = np.random.default_rng(3).uniform(0, 1, (3000, 10))
    _, served = _run(3000, use, p95=0.95)
    assert (use[501:] <= served[500:-1]).mean() == pytest.approx(0.95, abs=0.01)


def test_what_is_unknown_teaches_nothing() -> None:
    tracker, served = _run(50, np.full((50, 2), np.nan), p95=0.7)
    assert not tracker.offset.any()
    assert (tracker.gain == 1).all()
    assert (served == np.float32(0.7)).all()


def test_forecasts_in_waiting_are_bounded_whatever_the_tick() -> None:
    tracker = OffsetTracker(1, 15.0)
    one = np.full((1, 2), 0.5, dtype=np.float32)
    for tick in range(2000):
        tracker.observe(START + 15.0 * tick, one)
        tracker.issue(START + 15.0 * tick, np.full((1, 2, 12), 0.5, dtype=np.float32), one, one)
        assert tracker.waiting_count <= 13


def test_a_gain_that_does_harm_is_taken_back() -> None:
    tracker = OffsetTracker(1, TICK)
    used, scale = np.full((1, 2), 0.5, dtype=np.float32), np.full((1, 2), 0.1, dtype=np.float32)
    raw = np.full((1, 2, 12), 0.6, dtype=np.float32)  # always says more; it never comes
    for tick in range(1000):
        tracker.observe(START + tick * TICK, used)
        tracker.issue(START + tick * TICK, raw, used, scale)
    assert tracker.corrected(raw, used, scale)[0, 0, 0] == pytest.approx(0.5, abs=0.002)


def test_tables_give_the_same_as_arrays_and_the_same_table_twice_learns_once() -> None:
    use = np.random.default_rng(4).normal(0.5, 0.1, (200, 3)).clip(0)
    tracker, served = _run(200, use, p95=0.5)
    rolling = RollingCalibration()
    values = np.full((3, len(COLUMNS)), 0.5, dtype=np.float32)
    for tick in range(200):
        table = _table(tick, ("a", "b", "c"), use[tick])
        first = rolling.corrected(table, values)
        np.testing.assert_array_equal(rolling.corrected(table, values), first)
        np.testing.assert_allclose(first[:, 1], served[tick], rtol=1e-5)
    assert tracker.offset.any()


def test_a_node_that_comes_back_goes_on_where_it_was_and_a_new_one_begins_without_correction() -> None:
    rolling = RollingCalibration()

    def at(tick: int, names: tuple[str, ...]) -> dict[str, float]:
        values = np.full((len(names), len(COLUMNS)), 0.5, dtype=np.float32)
        corrected = rolling.corrected(_table(tick, names, np.full(len(names), 0.8)), values)
        return dict(zip(names, corrected[:, 1].tolist(), strict=True))

    for tick in range(100):
        before = at(tick, ("a", "b"))
    assert before["a"] > 0.55
    for tick in range(100, 120):
        alone = at(tick, ("b", "new"))
    assert alone["b"] >= before["b"] - 0.01
    assert alone["new"] < alone["b"]
    back = at(120, ("new", "a", "b"))
    assert back["a"] == pytest.approx(before["a"], abs=0.03)
    assert rolling.nodes_count == 3


def test_a_node_long_gone_is_forgotten() -> None:
    rolling = RollingCalibration()
    one = np.full((1, len(COLUMNS)), 0.5, dtype=np.float32)
    rolling.corrected(_table(0, ("a",), np.full(1, 0.5)), one)
    rolling.corrected(_table(1, ("b",), np.full(1, 0.5)), one)
    assert rolling.nodes_count == 2
    rolling.corrected(_table(int(FORGET_SECONDS // TICK), ("c",), np.full(1, 0.5)), one)
    assert rolling.nodes_count == 2


def test_after_a_pause_of_more_than_a_day_another_cluster_is_assumed() -> None:
    rolling = RollingCalibration()
    said = np.full((1, len(COLUMNS)), 0.5, dtype=np.float32)
    for tick in range(50):
        rolling.corrected(_table(tick, ("a",), np.full(1, 0.9)), said)
    anew = rolling.corrected(_table(51 + int(FORGET_SECONDS // TICK), ("a",), np.full(1, 0.9)), said)
    assert (anew == 0.5).all()


def test_another_cluster_begins_anew_and_no_nodes_are_no_forecasts() -> None:
    rolling = RollingCalibration()
    for tick in range(50):
        rolling.corrected(_table(tick, ("a",), np.full(1, 0.9)), np.full((1, len(COLUMNS)), 0.5, dtype=np.float32))
    anew = rolling.corrected(_table(3, ("a",), np.full(1, 0.9)), np.full((1, len(COLUMNS)), 0.5, dtype=np.float32))
    assert (anew == 0.5).all()
    assert rolling.corrected(_table(4, (), np.zeros(0)), np.zeros((0, len(COLUMNS)), dtype=np.float32)).shape == (0, 24)
