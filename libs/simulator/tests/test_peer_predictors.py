"""Overcommit predictors: golden figures, cold pods, and that a node's figure is the same kept up or computed anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.arena.run import place
from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.correlated_gaussian_sum import CorrelatedGaussianSum
from hydatis_simulator.peers.gaussian_sum import GaussianSum
from hydatis_simulator.peers.hour_profile import HourProfile
from hydatis_simulator.peers.max_predictor import MaxPredictor
from hydatis_simulator.peers.n_sigma import NSigma
from hydatis_simulator.peers.percentile_sum import RcLike, WeekPercentile
from hydatis_simulator.peers.predictor import AdmissionBestFit, LowestPredicted, Predictor

WEEK = 7 * 288
ROOM = np.full((2, 2), 10.0)


def seen_of(past: np.ndarray, limit: float = 1.0) -> Seen:
    """A view of pods with this past, shape (pods, steps), of both resources alike."""
    pods, history = past.shape
    usage = np.concatenate([past, np.zeros((pods, 300))], axis=1).astype(np.float32)
    sizes = np.full((2, pods), limit)
    fleet = Fleet(
        name="past", step_seconds=300.0, history_steps=history, judged_from_step=history + 200, usage=np.stack([usage, usage]),
        requests=sizes, limits=sizes, arrival_seconds=np.full(pods, history * 300.0), workloads=np.arange(pods, dtype=np.int32),
    )  # fmt: skip
    return Seen(fleet, ROOM)


def after(predictor: Predictor, seen: Seen, pod: int, on_first_node: tuple[int, ...] = ()) -> list[float]:
    """Predicted CPU of both nodes with the pod."""
    predictor.start(seen)
    for placed in on_first_node:
        seen.node_of[placed] = 0
        predictor.placed(seen, placed, 0)
    return predictor.after(seen, pod)[0].tolist()


def test_n_sigma_golden_vector():
    seen = seen_of(np.array([[0.9, 0.30, 0.35, 0.32, 0.40]]))
    assert after(NSigma(5.0, history_hours=1 / 3), seen, 0)[0] == pytest.approx(0.560, abs=5e-4)


def test_n_sigma_adds_pods_sample_by_sample_so_that_opposite_pods_cancel():
    wave = np.tile([0.2, 0.4], 12)
    seen = seen_of(np.stack([wave, 0.6 - wave]))
    assert after(NSigma(), seen, 1, on_first_node=(0,)) == pytest.approx([0.6, 0.3 + 5 * np.std(wave, ddof=1)], abs=1e-6)


def test_n_sigma_never_exceeds_limits_and_caps_use_to_them():
    seen = seen_of(np.tile([0.0, 5.0], 12)[None])
    assert after(NSigma(), seen, 0)[0] == 1.0


def test_rc_like_adds_percentiles_and_max_takes_the_larger():
    past = np.random.default_rng(4).uniform(0.1, 0.5, (2, 24))
    percentiles = np.percentile(past, 99, axis=1)
    assert after(RcLike(), seen_of(past), 1, on_first_node=(0,))[0] == pytest.approx(percentiles.sum(), abs=1e-6)
    pairs = zip(after(NSigma(0.0), seen_of(past), 1, (0,)), after(RcLike(), seen_of(past), 1, (0,)), strict=True)
    assert after(MaxPredictor(0.0), seen_of(past), 1, (0,)) == pytest.approx([max(pair) for pair in pairs])


def test_gpa_adds_means_and_variances():
    past = np.stack([np.tile([0.1, 0.3], WEEK // 2), np.tile([0.2, 0.8], WEEK // 2)])
    expected = 0.2 + 0.5 + 2.0 * np.sqrt(0.1**2 + 0.3**2)
    assert after(GaussianSum(2.0), seen_of(past), 1, on_first_node=(0,))[0] == pytest.approx(expected, abs=1e-6)


def test_gpa_with_covariances_knows_which_pods_peak_together():
    hour = (np.arange(WEEK) // 12) % 24
    day, night = np.where(hour < 12, 0.5, 0.1), np.where(hour < 12, 0.1, 0.5)
    noise = np.tile([-0.05, 0.05], WEEK // 2)
    seen = seen_of(np.stack([day, night, day + noise]))
    assert after(CorrelatedGaussianSum(2.0), seen, 1, on_first_node=(0,)) == pytest.approx([0.6, 0.3 + 2 * 0.2], abs=1e-6)
    together = after(CorrelatedGaussianSum(2.0), seen_of(np.stack([day, night, day + noise])), 2, (0,))
    assert together[0] == pytest.approx(0.6 + 2 * np.hypot(0.4, 0.05), abs=1e-6)


def test_hour_profile_lets_pods_of_opposite_hours_share_a_node():
    hour = (np.arange(WEEK) // 12) % 24
    day, night = np.where(hour < 12, 0.8, 0.1), np.where(hour < 12, 0.1, 0.8)
    seen = seen_of(np.stack([day, night, day]))
    assert after(HourProfile(), seen, 1, on_first_node=(0,)) == pytest.approx([0.9, 0.8], abs=1e-6)
    assert after(HourProfile(slots=168), seen_of(np.stack([day, night, day])), 2, (0,)) == pytest.approx([1.6, 0.8], abs=1e-6)
    assert after(WeekPercentile(), seen_of(np.stack([day, night, day])), 1, (0,)) == pytest.approx([1.6, 0.8], abs=1e-6)


def test_hour_profile_adds_deviations_around_the_profile():
    hour = (np.arange(WEEK) // 12) % 24
    noise = np.tile([-0.1, 0.1], WEEK // 2)
    seen = seen_of(np.stack([np.where(hour < 12, 0.6, 0.2) + noise] * 2), limit=2.0)
    assert after(HourProfile(3.0), seen, 1, on_first_node=(0,)) == pytest.approx([1.2 + 3 * 0.1 * np.sqrt(2), 0.9], abs=1e-5)


@pytest.mark.parametrize(
    "predictor", [NSigma, RcLike, MaxPredictor, GaussianSum, CorrelatedGaussianSum, WeekPercentile, HourProfile]
)
def test_a_cold_pod_counts_with_its_limit(predictor: type[Predictor]):
    past = np.full((2, WEEK), np.nan)
    past[0] = 0.25
    past[1, -10:] = 0.1
    assert after(predictor(), seen_of(past), 1, on_first_node=(0,)) == pytest.approx([1.25, 1.0])


@pytest.mark.parametrize(
    "predictor", [NSigma, RcLike, MaxPredictor, GaussianSum, CorrelatedGaussianSum, WeekPercentile, HourProfile]
)
def test_nodes_sums_kept_up_are_those_computed_anew(predictor: type[Predictor]):
    past = np.random.default_rng(5).uniform(0.1, 0.5, (6, WEEK))
    seen, kept = seen_of(past), predictor()
    before = after(kept, seen, 5, on_first_node=(0, 2, 4))
    fresh = predictor()
    fresh.start(seen)
    assert fresh.after(seen, 5)[0].tolist() == pytest.approx(before)


def test_admission_takes_the_fullest_node_below_theta_and_the_other_form_the_emptiest():
    past = np.full((3, 24), 0.3)
    for theta, scores in ((0.06, [0.06, 0.03]), (0.05, [-np.inf, 0.03])):
        seen, form = seen_of(past), AdmissionBestFit(RcLike(), theta + 1e-6)
        form.start(seen)
        form.placed(seen, 0, 0)
        assert form.scores(seen, 1).tolist() == pytest.approx(scores)
    seen, lowest = seen_of(past), LowestPredicted(RcLike())
    lowest.start(seen)
    lowest.placed(seen, 0, 0)
    assert lowest.scores(seen, 1).tolist() == pytest.approx([-0.06, -0.03])


@pytest.mark.parametrize("steps", [0, 5])
@pytest.mark.parametrize(
    "predictor", [NSigma, RcLike, MaxPredictor, GaussianSum, CorrelatedGaussianSum, WeekPercentile, HourProfile]
)
def test_without_a_past_every_pod_counts_with_its_limit(predictor: type[Predictor], steps: int):
    assert after(predictor(), seen_of(np.full((2, steps), 0.1)), 1, on_first_node=(0,)) == pytest.approx([2.0, 1.0])


@pytest.mark.parametrize("hours", [2.0, 12.0])
def test_n_sigma_places_alike_whether_sums_are_kept_or_made_anew(random_fleet, hours: float):
    fleet = random_fleet(40)
    usage = fleet.usage.copy()
    usage[:, -1, fleet.history_steps - 1] = np.nan  # a gap in the last pod's past: nothing is kept for anyone
    gap, room = replace(fleet, usage=usage), np.repeat([[16.0], [64 * 2.0**30]], 5, axis=1)
    kept, anew = (place(one, room, LowestPredicted(NSigma(5.0, hours)), seed=1, requests_bind=False) for one in (fleet, gap))
    assert np.array_equal(kept[:-1], anew[:-1])
