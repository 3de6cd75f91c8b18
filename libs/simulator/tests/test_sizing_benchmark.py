"""The sizing benchmark: traces as days, methods with their names, stated risk beside what came, nodes under the stock scheduler."""

import numpy as np
import pytest
from hydatis_simulator.benchmark.sizing.contenders import OURS, contenders
from hydatis_simulator.benchmark.sizing.days import days_of_fleet, days_of_trace
from hydatis_simulator.benchmark.sizing.expected import expected_and_seen
from hydatis_simulator.benchmark.sizing.nodes import nodes_of, sized
from hydatis_simulator.generator import generate_trace
from hydatis_simulator.peers.registry import PEERS
from hydatis_sizing.ours import RightSizing
from hydatis_sizing.past import Past

GIB = 2.0**30


def past_of(cpu: np.ndarray, memory_gib: np.ndarray) -> Past:
    owned = np.repeat([[4.0], [8 * GIB]], len(cpu), axis=1)
    return Past(cpu.astype(np.float32), (memory_gib * GIB).astype(np.float32), np.full(cpu.shape[:2], np.nan), owned)


def test_a_trace_becomes_whole_days():
    trace = generate_trace(seed=1, pod_count=6, days=2, arrival_window_seconds=0.0)
    past = days_of_trace(trace)
    assert past.cpu_cores.shape == (6, 2, 288)
    assert past.provisioned[0].tolist() == [pod.pod.requests.cpu_cores for pod in trace.pods]


def test_each_family_has_one_default_and_every_point_a_name_of_its_own():
    found = contenders()
    assert len({one.name for one in found}) == len(found)
    for family in {one.family for one in found}:
        assert sum(one.is_default for one in found if one.family == family) == 1
    assert next(one.method for one in found if one.family == OURS and one.is_default) == RightSizing()


def test_stated_risk_stands_beside_what_came():
    random = np.random.default_rng(1)
    cpu, memory = random.gamma(2.0, 0.2, (40, 20, 96)), 1.0 + 0.5 * random.random((40, 20, 1)) * np.ones((40, 20, 96))
    found = expected_and_seen(past_of(cpu, memory), history_days=14)
    assert set(found) == {"cpu_above_ratio", "memory_above_ratio", "kills_per_pod_day"}
    whole = found["cpu_above_ratio"][0]
    assert whole.pod_days_count == 40 * 6
    assert sum(part.pod_days_count for part in found["cpu_above_ratio"][1:]) == 40 * 6
    assert whole.expected == pytest.approx(0.011, abs=0.005)
    assert found["kills_per_pod_day"][0].seen == 0.0  # use never passes 1.5 GiB, limits are half above the maximum


def test_sized_pods_need_fewer_nodes_and_their_requests_bind(random_fleet):
    fleet, node = random_fleet(60), np.array([16.0, 64 * GIB])
    days = days_of_fleet(fleet)
    assert days.cpu_cores.shape[0] == 60
    smaller = sized(fleet, RightSizing(least_history_days=0.1))
    assert (smaller.requests <= fleet.requests).all()
    assert smaller.requests.sum() < fleet.requests.sum()
    before, after = (
        nodes_of(one, node, PEERS["least-allocated"], (1.0,), seed=1, requests_bind=True)[1.0] for one in (fleet, smaller)
    )
    assert after < before
