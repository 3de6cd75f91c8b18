"""Twelve numbers that fit together."""

import numpy as np
from hydatis_forecasting.coherence import cohere

# point and max, each p50 and p95, at 300, 900 and 3600 s
ROW = [0.3, 0.2, 0.1, 0.5, -0.1, 0.1, 0.2, 0.4, 0.6, 0.7, 0.5, 0.9]


def test_the_order_of_quantiles_is_restored_by_raising_only() -> None:
    answer = cohere(np.array([ROW], dtype=np.float32))[0]
    expected = [0.3, 0.3, 0.3, 0.5, 0.0, 0.1, 0.3, 0.5, 0.6, 0.7, 0.6, 0.9]
    np.testing.assert_allclose(answer, expected, atol=1e-7)
    assert (answer >= np.array(ROW, dtype=np.float32)).all()


def test_what_is_in_order_stays_as_it_is() -> None:
    once = cohere(np.array([ROW], dtype=np.float32))
    assert cohere(once.copy()).tobytes() == once.tobytes()


def test_unknown_rows_stay_unknown() -> None:
    assert np.isnan(cohere(np.full((1, 12), np.nan, dtype=np.float32))).all()
