"""Statistics of a window against plain numpy on the known samples of one node at a time."""

import numpy as np
import pytest
from hydatis_features.window import Window
from hypothesis import given, settings
from hypothesis import strategies as st

TIMES = np.array([0.0, 60.0, 120.0, 300.0, 360.0])
VALUES = np.array(
    [[0.1, np.nan, np.nan], [0.2, 0.5, np.nan], [0.4, np.nan, np.nan], [0.3, np.nan, np.nan], [0.5, np.nan, np.nan]],
    dtype=np.float32,
)


def _window():
    return Window(VALUES, TIMES)


def _is(found, expected):
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_golden_figures_with_full_sparse_and_empty_nodes():
    window, nan = _window(), np.nan
    _is(window.mean, [0.3, 0.5, nan])
    _is(window.maximum, [0.5, 0.5, nan])
    _is(window.minimum, [0.1, 0.5, nan])
    _is(window.std, [np.sqrt(0.02), nan, nan])
    _is(window.quantiles((0.5, 0.95))[0], [0.3, 0.5, nan])
    _is(window.quantiles((0.5, 0.95))[1], [0.48, 0.5, nan])
    _is(window.first, [0.1, 0.5, nan])
    _is(window.last, [0.5, 0.5, nan])
    _is(window.share_above(0.35), [0.4, 1.0, nan])
    _is(window.closest(130.0, 30.0), [0.4, nan, nan])
    _is(window.closest(90.0, 30.0), [0.4, 0.5, nan])  # two equally close: the later one, where known


def test_neighbours_across_a_gap_are_none():
    _is(_window().mean_absolute_change(90.0), [(0.1 + 0.2 + 0.2) / 3, np.nan, np.nan])


def test_a_line_has_its_slope_and_one_sample_none():
    window = Window(np.array([[1.0, 2.0], [3.0, np.nan], [7.0, np.nan]], dtype=np.float32), np.array([0.0, 10.0, 30.0]))
    _is(window.slope_per_second, [0.2, np.nan])


def test_a_decayed_mean_halves_with_the_half_life():
    window = Window(np.array([[1.0], [0.0]], dtype=np.float32), np.array([0.0, 60.0]))
    _is(window.decayed_mean(60.0, 60.0), [0.5 / 1.5])


def test_an_empty_window_knows_nothing():
    window = Window(np.zeros((0, 2), dtype=np.float32), np.zeros(0))
    for found in (
        window.mean, window.maximum, window.minimum, window.std, window.slope_per_second, window.first, window.last,
        window.decayed_mean(0.0, 60.0), window.mean_absolute_change(60.0), window.share_above(0.5), window.closest(0.0, 60.0),
        *window.quantiles((0.5, 0.95)),
    ):  # fmt: skip
        assert np.isnan(found).all()
        assert found.shape == (2,)


@settings(max_examples=40)
@given(st.integers(1, 40), st.floats(0, 0.9), st.integers(0, 2**32 - 1))
def test_every_figure_equals_numpy_on_the_known_samples(count, gaps, seed):
    rng = np.random.default_rng(seed)
    values = rng.random((count, 4)).astype(np.float32)
    values[rng.random((count, 4)) < gaps] = np.nan
    times = np.cumsum(rng.integers(1, 4, count) * 15.0)
    kept = values.copy()
    window = Window(values, times)
    p50, p95 = window.quantiles((0.5, 0.95))
    for node in range(4):
        known = ~np.isnan(values[:, node])
        own, at = values[known, node].astype(float), times[known]
        if not len(own):
            assert np.isnan([window.mean[node], window.maximum[node], p50[node], window.std[node]]).all()
            continue
        close = {"rel": 1e-4, "abs": 1e-5}
        assert window.mean[node] == pytest.approx(own.mean(), **close)
        assert window.maximum[node] == own.max()
        assert window.minimum[node] == own.min()
        assert p50[node] == pytest.approx(np.quantile(own, 0.5), **close)
        assert p95[node] == pytest.approx(np.quantile(own, 0.95), **close)
        if len(own) >= 2:
            assert window.std[node] == pytest.approx(own.std(), **close)
            assert window.slope_per_second[node] == pytest.approx(np.polyfit(at - at[-1], own, 1)[0], rel=1e-3, abs=1e-5)
    assert np.array_equal(values, kept, equal_nan=True)


def test_gaps_of_one_node_do_not_move_another_by_a_bit():
    rng = np.random.default_rng(1)
    values = rng.random((240, 5)).astype(np.float32)
    gappy = values.copy()
    gappy[rng.random(240) < 0.3, 4] = np.nan
    times = np.arange(240) * 15.0
    full, holed = Window(values, times), Window(gappy, times)
    for figure in (
        lambda w: w.mean, lambda w: w.std, lambda w: w.slope_per_second, lambda w: w.decayed_mean(3600.0, 1800.0),
        lambda w: w.mean_absolute_change(20.0), lambda w: np.stack(w.quantiles((0.5, 0.95)), axis=1),
    ):  # fmt: skip
        assert np.array_equal(figure(full)[:4], figure(holed)[:4])
