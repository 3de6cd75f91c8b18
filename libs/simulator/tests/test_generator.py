from __future__ import annotations

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_simulator.generator import BITBRAINS_LIKE, PLANETLAB_LIKE, generate_machines, generate_trace


@pytest.fixture(scope="module")
def bitbrains_like():
    machines = generate_machines(1, 600, days=7, profile=BITBRAINS_LIKE)
    return machines, machines.cpu_used_cores / machines.cpu_provisioned_cores[:, None] * 100


@pytest.fixture(scope="module")
def planetlab_like():
    machines = generate_machines(1, 1000, days=1, profile=PLANETLAB_LIKE)
    return machines.cpu_used_cores / machines.cpu_provisioned_cores[:, None] * 100


def _autocorrelation(use, lag):
    centred = use - use.mean(axis=1, keepdims=True)
    return float(np.median((centred[:, :-lag] * centred[:, lag:]).mean(axis=1) / use.var(axis=1)))


def test_sizes_are_those_published(bitbrains_like):
    machines, _ = bitbrains_like
    cores = machines.cpu_provisioned_cores
    assert cores.mean() == pytest.approx(2.8, rel=0.15)
    assert np.median(cores) == 2
    assert cores.max() <= 32
    assert machines.memory_provisioned_bytes.mean() / 1e9 == pytest.approx(10.7, rel=0.2)


def test_use_of_cpu_is_as_heavy_tailed_as_published(bitbrains_like):
    machines, percent = bitbrains_like
    assert percent.mean() == pytest.approx(5.8, rel=0.25)
    assert np.median(percent) == pytest.approx(1.0, rel=0.25)
    assert np.percentile(percent, 95) == pytest.approx(31, rel=0.25)
    assert machines.cpu_used_cores.sum() / machines.cpu_provisioned_cores.sum() / percent.shape[1] == pytest.approx(0.102, rel=0.3)
    assert percent.max() <= 100.001


@pytest.mark.parametrize(("lag", "published"), [(1, 0.73), (12, 0.32), (288, 0.20)])
def test_use_of_cpu_remembers_as_published(bitbrains_like, lag, published):
    assert _autocorrelation(bitbrains_like[1], lag) == pytest.approx(published, abs=0.08)


def test_use_of_memory_is_small_and_skewed_as_published(bitbrains_like):
    machines, _ = bitbrains_like
    used = machines.memory_used_bytes
    assert used.sum(dtype=float) / machines.memory_provisioned_bytes.sum() / used.shape[1] == pytest.approx(0.065, rel=0.3)
    assert used.mean(dtype=float) / 1e9 == pytest.approx(0.6, rel=0.4)
    assert np.median(used) / 1e9 == pytest.approx(0.10, rel=0.7)


def test_planetlab_marginals_lie_within_those_of_the_published_days(planetlab_like):
    assert 9.0 < planetlab_like.mean() < 12.6
    assert 4.5 < np.median(planetlab_like) < 6.5
    low, high = np.percentile(planetlab_like, (25, 75))
    assert 1.5 < low < 3
    assert 11.5 < high < 17
    assert 12.5 < planetlab_like.std() < 17.5
    assert abs(_autocorrelation(planetlab_like, 1) - 0.055) < 0.05


def test_the_same_seed_gives_the_same_trace_and_another_another():
    digests = [generate_trace(seed, 20, days=1).digest() for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_pods_beyond_the_machines_are_copies():
    trace = generate_trace(1, 30, days=1, machine_count=10)
    assert len(trace.pods) == 30
    assert len({p.pod.workload for p in trace.pods}) == 10
    assert trace.io is not None
    assert trace.io.shape == (30, 288, 4)
    assert not generate_trace(1, 3, days=1, profile=PLANETLAB_LIKE).memory_known


@pytest.mark.parametrize("wrong", [{"pod_count": 0}, {"days": 0}, {"start_seconds": 7.0}, {"machine_count": 10**6, "days": 365}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidValue):
        generate_trace(1, **wrong)
