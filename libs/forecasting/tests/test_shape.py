"""Shapes: level and size cancel, and what is unknown stays unknown."""

import numpy as np
import pytest
from hydatis_core.errors import UnknownColumn
from hydatis_forecasting.inputs import INPUT_COLUMNS
from hydatis_forecasting.shape import scale_of, shape_names, shape_of

NAMES = [name for name, _ in INPUT_COLUMNS]


def _rows(count: int = 30) -> np.ndarray:
    return np.random.default_rng(2).uniform(0.2, 0.6, (count, len(NAMES))).astype(np.float32)


def test_what_speaks_of_size_identity_or_weeks_is_no_input() -> None:
    assert len(NAMES) == 71
    left_out = ("_effective_", "allocatable", "gpu_", "bytes_per_second", "hour_of_week")
    assert not [name for name in NAMES if any(part in name for part in left_out)]


def test_a_node_twice_the_size_has_the_same_shape_and_twice_the_scale() -> None:
    rows = _rows()
    larger = rows.copy()
    # Times of day and what has no unit stay.
    amounts = [i for i, name in enumerate(NAMES) if "_used_" in name and "burstiness" not in name]
    larger[:, amounts] *= 2
    one, two = shape_of(NAMES, rows, "cpu"), shape_of(NAMES, larger, "cpu")
    np.testing.assert_allclose(two.rows, one.rows, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(two.scale, 2 * one.scale, rtol=1e-6)


def test_the_scale_is_the_stated_formula() -> None:
    def scale(**known: float) -> float:
        row = np.full((1, len(NAMES)), np.nan, dtype=np.float32)
        for name, value in known.items():
            row[0, NAMES.index(f"cpu_{name}_ratio")] = value
        return float(scale_of(NAMES, row, "cpu")[0])

    assert scale(used=0.5, used_std_24h=0.1, used_mean_24h=0.4) == pytest.approx(0.1)
    assert scale(used=0.5, used_std_24h=0.001, used_mean_24h=0.4) == pytest.approx(0.02)
    assert scale(used=0.5, used_std_1h=0.04) == pytest.approx(0.04)
    assert scale(used=0.5) == pytest.approx(0.025)
    assert scale(used=0.0, used_std_24h=0.0, used_mean_24h=0.0) == pytest.approx(1e-4)
    assert np.isnan(scale(used_std_24h=0.1, used_mean_24h=0.4))


def test_a_constant_node_has_finite_shapes() -> None:
    assert np.isfinite(shape_of(NAMES, np.zeros((1, len(NAMES)), dtype=np.float32), "memory").rows).all()


def test_without_the_newest_use_there_is_no_shape() -> None:
    with pytest.raises(UnknownColumn, match="cpu_used_ratio"):
        shape_of(["memory_used_ratio"], np.zeros((1, 1), dtype=np.float32), "cpu")


@pytest.mark.parametrize("resource", ["cpu", "memory"])
def test_every_shape_has_a_name_of_its_own(resource: str) -> None:
    names = shape_names(resource)
    columns = [name for name, _ in INPUT_COLUMNS]
    rows = np.random.default_rng(1).random((3, len(columns)), dtype=np.float32)
    shapes = shape_of(columns, rows, resource).rows
    assert len(set(names)) == shapes.shape[1]
    hour = names.index("hour_of_day_sin")
    np.testing.assert_array_equal(shapes[:, hour], rows[:, columns.index("hour_of_day_sin")])
