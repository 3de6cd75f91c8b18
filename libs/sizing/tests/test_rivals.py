"""The published methods, against figures worked out by hand."""

import numpy as np
import pytest
from hydatis_sizing.past import Past
from hydatis_sizing.rivals.autopilot import Autopilot
from hydatis_sizing.rivals.vertical_pod_autoscaler import VerticalPodAutoscaler, bucket_ends
from hydatis_sizing.rivals.weighted_percentile import age_weights, weighted_percentile

GIB = 2.0**30


def past_of(cpu: list[list[float]], memory_gib: list[list[float]], killed_gib: list[float] | None = None) -> Past:
    use = np.array([cpu], dtype=np.float32), np.array([memory_gib], dtype=np.float32) * np.float32(GIB)
    killed = np.full((1, len(cpu)), np.nan) if killed_gib is None else np.array([killed_gib]) * GIB
    return Past(*use, killed, np.array([[8.0], [64 * GIB]]))


def test_a_percentile_is_the_least_value_with_so_much_of_the_weight_at_or_below() -> None:
    values = np.array([[3.0, 1.0, np.nan, 2.0]])
    assert weighted_percentile(values, np.ones(4), 66.0)[0] == 2.0
    assert weighted_percentile(values, np.array([10.0, 1.0, 50.0, 1.0]), 50.0)[0] == 3.0
    assert weighted_percentile(values, np.ones(4), 100.0)[0] == 3.0
    assert np.isnan(weighted_percentile(np.full((1, 4), np.nan), np.ones(4), 50.0))[0]


def test_a_sample_weighs_half_after_a_half_life() -> None:
    weights = age_weights(3, 2, half_life_days=1.0).ravel()
    assert weights[-1] == 1.0
    assert weights[:-2] / weights[2:] == pytest.approx(0.5)


def test_the_autoscalers_buckets_grow_by_a_twentieth() -> None:
    # FindBucket and GetBucketStart of util/histogram_options.go: starts 0, 1, 2.05, 3.1525 times the first width
    assert bucket_ends(np.array([0.0, 0.9, 1.5, 2.06, np.nan]), 1.0) == pytest.approx([1.0, 1.0, 2.05, 3.1525, np.nan], nan_ok=True)


def bucketed(cpu_cores: float, memory_gib: float) -> list[float]:
    return [float(bucket_ends(np.array([cpu_cores]), 0.001)[0]), float(bucket_ends(np.array([memory_gib * GIB]), 1e7)[0])]


def test_the_autoscaler_takes_the_ninetieth_percentile_of_days_peaks_and_a_margin() -> None:
    # weights of the days' peaks: 1/4, 1/2, 1, in all 1.75; 90 % of it lies at or below 9 GiB, 80 % at or below 3 GiB
    days = [[1.0, 1.0]] * 3, [[1.0, 9.0], [1.0, 2.0], [1.0, 3.0]]
    sizes = VerticalPodAutoscaler().size(past_of(*days))
    assert sizes.requests[:, 0] == pytest.approx([1.15 * end for end in bucketed(1.0, 9.0)])
    sizes = VerticalPodAutoscaler(percent=80.0).size(past_of(*days))
    assert sizes.requests[1, 0] == pytest.approx(1.15 * bucketed(1.0, 3.0)[1])
    assert sizes.memory_limits == pytest.approx(sizes.requests[1])


def test_the_autoscaler_recommends_no_less_than_its_minimum() -> None:
    assert VerticalPodAutoscaler().size(past_of([[0.0, 0.0]], [[0.01, 0.01]])).requests[:, 0] == pytest.approx([0.025, 250 * 2**20])


def test_the_autoscaler_takes_a_kill_for_a_peak_of_a_fifth_more() -> None:
    sizes = VerticalPodAutoscaler().size(past_of([[1.0, 1.0]], [[2.0, 4.0]], [4.0]))
    assert sizes.requests[1, 0] == pytest.approx(1.15 * bucketed(1.0, 4.8)[1])


def test_autopilot_weighs_cpu_by_the_work_that_is_done() -> None:
    # 95 idle samples of 0.01 cores do little work beside five of one core
    busy = [[0.01] * 95 + [1.0] * 5]
    assert Autopilot().size(past_of(busy, [[1.0] * 100])).requests[0, 0] == pytest.approx(1.15)
    idle = Autopilot().size(past_of([[0.0, 0.0]], [[1.0, 1.0]]))
    assert idle.requests[0, 0] == 0.0


def test_autopilot_forgives_the_highest_fiftieth_of_memory_unless_told_otherwise() -> None:
    memory = [[1.0] * 99 + [5.0]]
    assert Autopilot().size(past_of([[1.0] * 100], memory)).requests[1, 0] == pytest.approx(1.15 * GIB)
    assert Autopilot(memory_percent=100).size(past_of([[1.0] * 100], memory)).requests[1, 0] == pytest.approx(5.75 * GIB)
