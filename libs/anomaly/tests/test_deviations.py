"""How far inputs are from their usual place, and what of it the forest is shown."""

from dataclasses import replace

import numpy as np
import pytest
from hydatis_anomaly.deviations import LEAST_EXTENT, RESIDUAL_GROUP, Deviations
from hydatis_core.errors import InvalidValue, WrongShape

GROUPS = ("level", "level", "spread")


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    random = np.random.default_rng(4)
    load = random.normal(0, 1, 2000)
    return np.column_stack([load, 2 * load + random.normal(0, 0.1, 2000), random.normal(0, 1, 2000)]).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(rows: np.ndarray) -> Deviations:
    return Deviations.of_training(rows, GROUPS)


def test_a_deviation_is_the_logarithm_of_the_distance_in_extents(fitted: Deviations) -> None:
    row = (fitted.centres + np.float32([3, 0, 0]) * fitted.extents)[None]
    direct, _ = fitted.deviations(row)
    np.testing.assert_allclose(direct[0], [np.log(4.0), 0.0, 0.0], atol=1e-5)


def test_metrics_that_part_company_are_odd_although_each_alone_is_usual(fitted: Deviations) -> None:
    together, apart = np.float32([[1, 2, 0]]), np.float32([[1, -2, 0]])
    assert fitted.deviations(apart)[1].max() > 3 * fitted.deviations(together)[1].max()
    np.testing.assert_allclose(fitted.deviations(apart)[0], fitted.deviations(together)[0], atol=0.2)


def test_summaries_are_largest_mean_and_excess_per_group_and_never_below_the_usual(fitted: Deviations, rows: np.ndarray) -> None:
    assert fitted.summary_names == (
        ("level", "max"),
        ("level", "mean"),
        ("level", "excess"),
        ("spread", "max"),
        (RESIDUAL_GROUP, "max"),
        (RESIDUAL_GROUP, "mean"),
        (RESIDUAL_GROUP, "excess"),
    )
    odd = np.float32([[50, 0, 0]])
    direct, _ = fitted.deviations(odd)
    summaries = fitted.summaries(odd)[0]
    beyond = np.maximum(direct[0, :2] - np.log(2), 0)
    np.testing.assert_allclose(summaries[:3], [direct[0, 0], direct[0, :2].mean(), beyond.mean()], rtol=1e-6)
    assert (fitted.summaries(rows) >= fitted.floors).all()


def test_unknown_inputs_are_left_out_and_an_input_never_known_has_no_say(rows: np.ndarray) -> None:
    blind = rows.copy()
    blind[:, 2] = np.nan
    fitted = Deviations.of_training(blind, GROUPS)
    seen = rows.copy()
    seen[:, 2] = 1e6
    assert fitted.summaries(seen).tobytes() == fitted.summaries(blind).tobytes()
    assert np.isfinite(fitted.summaries(np.full((1, 3), np.nan, dtype=np.float32))).all()


def test_a_constant_input_is_not_odd_for_moving_a_little(rows: np.ndarray) -> None:
    still = rows.copy()
    still[:, 2] = 5.0
    fitted = Deviations.of_training(still, GROUPS)
    direct, _ = fitted.deviations(np.float32([[0, 0, 5 + LEAST_EXTENT]]))
    assert direct[0, 2] == pytest.approx(np.log(2.0), rel=1e-4)


def test_a_groups_credit_goes_to_the_inputs_that_deviate(fitted: Deviations) -> None:
    credits = np.zeros((1, len(fitted.summary_names)))
    credits[0, :2] = [2.0, 1.0]
    shares = fitted.shares(np.float32([[50, 0, 9]]), credits)[0]
    assert shares[0] == pytest.approx(3.0, rel=1e-3)
    assert shares[2] == 0.0


def test_what_does_not_fit_is_refused(fitted: Deviations) -> None:
    with pytest.raises(InvalidValue):
        Deviations.of_training(np.zeros((1, 3), dtype=np.float32), GROUPS)
    with pytest.raises(WrongShape):
        replace(fitted, centres=fitted.centres[:2])
    with pytest.raises(InvalidValue):
        replace(fitted, extents=np.zeros(3, dtype=np.float32))
