"""The formulas of the peers against golden vectors of the published ones."""

from __future__ import annotations

import numpy as np
import pytest
from hydatis_simulator import kube_scheduler
from hydatis_simulator.peers.balanced_allocation import evenness
from hydatis_simulator.peers.crane_dynamic import dynamic_score
from hydatis_simulator.peers.koordinator_load_aware import estimated_use
from hydatis_simulator.peers.least_allocated import least_allocated, most_allocated
from hydatis_simulator.peers.load_variation_risk_balancing import risk_score
from hydatis_simulator.peers.low_risk_overcommitment import limit_risk, load_risk
from hydatis_simulator.peers.own_past import quantile_of_known
from hydatis_simulator.peers.target_load_packing import target_load_score

GIB = 2.0**30


def both(value: float) -> np.ndarray:
    return np.full((2, 1), value)


@pytest.mark.parametrize(
    ("target", "use", "score"),
    [(50, 25, 75), (50, 50, 100), (50, 75, 25), (50, 101, 0), (40, 0, 40), (40, 40, 100), (40, 41, 39), (40, 70, 20)],
)
def test_target_load_packing_golden_vectors(target: float, use: float, score: float):
    assert target_load_score(np.array([float(use)]), target)[0] == score


def test_target_load_packing_without_metrics_scores_zero():
    assert target_load_score(np.array([np.nan]), 40.0)[0] == 0.0


def test_load_variation_risk_balancing_golden_vector():
    assert risk_score(both(0.4), both(0.1), both(500 / 4000))[0, 0] == pytest.approx(68.75)


def test_sensitivity_below_one_makes_small_deviations_matter_less():
    scores = [risk_score(both(0.4), both(0.1), both(0.1), 1.0, sensitivity)[0, 0] for sensitivity in (0.5, 1.0, 2.0)]
    assert scores[0] > scores[1] > scores[2]


def test_least_and_most_allocated_golden_vectors():
    assert least_allocated(both(2500.0), both(4000.0))[0] == 62
    assert most_allocated(both(2500.0), both(4000.0))[0] == 37
    assert least_allocated(both(-1.0), both(4000.0))[0] == 0
    assert most_allocated(both(-1.0), both(4000.0))[0] == 100


def test_balanced_allocation_golden_vectors():
    capacity = both(8000.0)
    after, before = (evenness(capacity * (1 - np.array(shares)[:, None]), capacity)[0] for shares in ((0.375, 0.5), (0.25, 0.5)))
    assert (after, before) == (93, 87)
    assert 50 + np.floor((50 + after - before) / 2) == 78


def test_kubernetes_scores_on_floats_are_those_on_integers():
    random = np.random.default_rng(1)
    capacity = np.stack([random.integers(1, 128_000, 5000), random.integers(1, 512 * 2**30, 5000)])
    before = np.floor(random.uniform(0, 1.1, (2, 5000)) * capacity).astype(np.int64)
    after = before + np.floor(random.uniform(0, 0.3, (2, 5000)) * capacity).astype(np.int64)
    free, left = (capacity - before).astype(float), (capacity - after).astype(float)
    assert np.array_equal(least_allocated(left, capacity.astype(float)), kube_scheduler.least_allocated(after, capacity))
    change = evenness(left, capacity.astype(float)) - evenness(free, capacity.astype(float))
    assert np.array_equal(50 + np.floor((50 + change) / 2), kube_scheduler.balanced_allocation(after, before, capacity))


def test_low_risk_overcommitment_golden_vector():
    limit = limit_risk(both(0.6), both(1.1), both(1.0))
    load = load_risk(both(0.4), both(0.05), both(0.5), both(0.8))
    assert limit[0, 0] == pytest.approx(0.20)
    assert load[0, 0] == pytest.approx(0.190, abs=5e-4)
    assert round(100 * (1 - (0.5 * limit[0, 0] + 0.5 * load[0, 0]))) == 80


def test_low_risk_overcommitment_without_deviation_or_load_knows_for_sure():
    load = load_risk(np.array([0.0, 0.3, 0.7, np.nan]), np.zeros(4), np.full(4, 0.5), np.full(4, 1.2))
    assert load[:3].tolist() == [0.0, 0.0, 1.0]
    assert np.isnan(load[3])
    assert load_risk(both(0.4), both(0.1), both(0.0), both(0.0))[0, 0] == 0.0


def test_koordinator_estimates_a_share_of_the_larger_of_limit_and_request():
    requests, limits = np.array([[1.0, 2.0, 0.0], [GIB, GIB, 0.0]]), np.array([[2.0, 0.0, 0.0], [2 * GIB, 0.0, 0.0]])
    estimates = estimated_use(requests, limits)
    assert np.allclose(estimates[0], [1.7, 1.7, 0.25])
    assert np.allclose(estimates[1], [1.4 * GIB, 0.7 * GIB, 200 * 2**20])


def test_crane_counts_the_weight_of_stale_figures_and_not_their_value():
    use = np.full((3, 2, 2), 0.4)
    valid = np.ones((3, 2, 2), dtype=bool)
    valid[2, :, 1] = False
    assert dynamic_score(use, valid, np.zeros(2, dtype=np.int64)).tolist() == [60.0, 30.0]
    assert dynamic_score(use, valid, np.array([1, 4])).tolist() == [50.0, 0.0]


def test_a_percentile_is_that_of_the_known_samples_of_each_row():
    rows = np.random.default_rng(2).uniform(size=(2, 40, 30)).astype(np.float32)
    rows[:, ::3, :7] = np.nan
    rows[1, 5] = np.nan
    with np.errstate(invalid="ignore"):
        known = np.array(
            [
                [np.percentile(row[~np.isnan(row)].astype(float), 95) if (~np.isnan(row)).any() else np.nan for row in m]
                for m in rows
            ]
        )
    assert np.allclose(quantile_of_known(rows, 95.0), known, equal_nan=True)
    assert quantile_of_known(rows, 100.0)[0, 1] == rows[0, 1].max()
