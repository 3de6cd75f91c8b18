import numpy as np
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_features.column_sketch import count_in_bins, sketch_column

NAN = float("nan")


def test_bins_hold_about_equal_shares() -> None:
    sketch = sketch_column(np.arange(1000, dtype=np.float32), bins_count=10)
    assert sketch.rows_count == 1000
    assert sketch.counts[-1] == 0
    assert set(sketch.counts[:-1]) <= {99, 100, 101}
    assert (sketch.minimum, sketch.maximum, sketch.mean) == (0.0, 999.0, 499.5)
    assert sketch.std == pytest.approx(288.675, abs=1e-3)


def test_unknown_values_are_counted_apart() -> None:
    sketch = sketch_column(np.array([1.0, NAN, 2.0, NAN]), bins_count=2)
    assert sketch.counts[-1] == 2
    assert sketch.unknown_ratio == 0.5
    assert sketch.mean == 1.5


def test_a_value_that_stands_often_has_a_bin_of_its_own() -> None:
    values = np.concatenate([np.zeros(500), np.linspace(-1, 1, 500)])
    sketch = sketch_column(values, bins_count=10)
    of_zero = np.searchsorted(sketch.edges, 0.0, side="left")
    assert sketch.counts[of_zero] == 500


def test_a_constant_that_falls_leaves_its_bin() -> None:
    sketch = sketch_column(np.full(100, 5.0))
    assert sketch.is_constant
    for other in (4.0, 6.0):
        moved = count_in_bins(sketch.edges, np.full(100, other))
        assert not (moved * sketch.counts).any()


def test_a_column_never_known_has_no_figures() -> None:
    sketch = sketch_column(np.full(3, np.nan, dtype=np.float32))
    assert sketch.unknown_ratio == 1
    assert not sketch.is_constant
    assert np.isnan([sketch.minimum, sketch.maximum, sketch.mean, sketch.std]).all()
    assert count_in_bins(sketch.edges, np.array([1.0, NAN])).tolist() == [1, 1]


def test_no_rows_make_a_sketch_without_a_ratio() -> None:
    assert np.isnan(sketch_column(np.empty(0)).unknown_ratio)


def test_one_bin_is_refused() -> None:
    with pytest.raises(InvalidValue):
        sketch_column(np.ones(3), bins_count=1)
