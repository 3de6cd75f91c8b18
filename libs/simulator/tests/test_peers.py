"""Peers in the arena: what the real ones do with metrics that are late, missing or wrong, and that all of them place."""

from __future__ import annotations

import numpy as np
import pytest
from hydatis_simulator.arena.contender import Contender
from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.arena.run import place
from hydatis_simulator.arena.seen import UNPLACED, Seen
from hydatis_simulator.peers.registry import PEERS

GIB = 2.0**30
STEP, HISTORY = 300.0, 7 * 288
NODE = np.array([[8.0], [32 * GIB]])


def fleet(pods: int = 12, request: float = 1.0) -> Fleet:
    """Pods of one core and 2 GiB that use a fifth of it, with limits of twice as much."""
    random = np.random.default_rng(3)
    requests = np.array([[request] * pods, [2 * GIB * request] * pods])
    usage = requests[:, :, None] * random.uniform(0.1, 0.3, (2, pods, HISTORY + 600))
    return Fleet(
        name="tiny", step_seconds=STEP, history_steps=HISTORY, judged_from_step=HISTORY + 288, usage=usage.astype(np.float32),
        requests=requests, limits=2 * requests, arrival_seconds=HISTORY * STEP + np.arange(pods) * 100.0,
        workloads=np.arange(pods, dtype=np.int32),
    )  # fmt: skip


def started(name: str, nodes: int = 3, **knobs: float) -> tuple[Contender, Seen]:
    seen = Seen(fleet(), np.repeat(NODE, nodes, axis=1))
    contender = PEERS[name].make(**knobs)
    contender.start(seen)
    return contender, seen


def measured(contender: Contender, seen: Seen, cpu: list[float], memory: list[float] | None = None, times: int = 3) -> None:
    """Nodes show these shares of allocatable, so many samples long."""
    for _ in range(times):
        seen.scraped(np.array([cpu, memory or cpu]) * seen.allocatable)
        contender.tick(seen)


def bind(contender: Contender, seen: Seen, pod: int, node: int) -> None:
    seen.node_of[pod], seen.bound_seconds[pod] = node, seen.now_seconds
    seen.requested[:, node] += seen.fleet.requests[:, pod]
    seen.limited[:, node] += seen.fleet.limits[:, pod]
    contender.placed(seen, pod, node)


def test_target_load_packing_drops_at_its_target():
    contender, seen = started("trimaran-target-load-packing")
    measured(contender, seen, [0.10, 0.15, 0.16])  # and 2 of 8 cores of the candidate's limit
    assert contender.scores(seen, 0).tolist() == [93.0, 100.0, 39.0]


def test_target_load_packing_credits_a_pod_until_a_minute_before_the_window_ends():
    contender, seen = started("trimaran-target-load-packing")
    measured(contender, seen, [0.0, 0.0, 0.0])
    bind(contender, seen, 0, 1)
    assert contender.scores(seen, 1).tolist() == [78.0, 39.0 - 6.0, 78.0]  # 50 %: beyond the target
    measured(contender, seen, [0.0, 0.0, 0.0], times=1)
    assert contender.scores(seen, 1).tolist() == [78.0, 78.0, 78.0]  # the blind window: the mean does not hold it yet


def test_load_variation_risk_balancing_gives_no_credit():
    contender, seen = started("trimaran-load-variation-risk-balancing")
    measured(contender, seen, [0.1, 0.2, 0.3])
    before = contender.scores(seen, 1)
    bind(contender, seen, 0, 0)
    assert before[0] > before[1] > before[2]
    assert np.array_equal(contender.scores(seen, 1), before)


@pytest.mark.parametrize(
    "name", ["trimaran-target-load-packing", "trimaran-load-variation-risk-balancing", "trimaran-low-risk-overcommitment"]
)
def test_trimaran_keeps_the_last_snapshot_when_the_watcher_is_down_and_shuns_a_node_without_metrics(name: str):
    contender, seen = started(name)
    measured(contender, seen, [0.1, 0.2, 0.3])
    before = contender.scores(seen, 0)
    measured(contender, seen, [np.nan] * 3, times=12)
    assert np.array_equal(contender.scores(seen, 0), before)
    measured(contender, seen, [0.1, np.nan, 0.3], times=3)
    assert contender.scores(seen, 0)[1] == 0.0 < contender.scores(seen, 0)[0]


def test_low_risk_overcommitment_avoids_limits_beyond_the_node():
    contender, seen = started("trimaran-low-risk-overcommitment")
    measured(contender, seen, [0.1, 0.1, 0.1])
    for pod in range(5):
        bind(contender, seen, pod, 0)
    scores = contender.scores(seen, 6)
    assert scores[0] < scores[1] == scores[2]


def test_koordinator_filters_above_its_threshold():
    contender, seen = started("koordinator-load-aware")
    measured(contender, seen, [0.43, 0.45, 0.10])  # and 1.7 of 8 cores of the candidate's estimate: 64, 66, 31 %
    scores = contender.scores(seen, 0)
    assert np.isfinite(scores).tolist() == [True, False, True]
    assert scores[2] > scores[0]


def test_koordinator_estimates_a_bound_pod_until_a_report_holds_it():
    contender, seen = started("koordinator-load-aware")
    measured(contender, seen, [0.1, 0.1, 0.1])
    seen.now_seconds += 10.0
    bind(contender, seen, 0, 1)
    assert contender.scores(seen, 1)[1] < contender.scores(seen, 1)[0]
    measured(contender, seen, [0.1, 0.1, 0.1], times=1)  # the sample that it came into the midst of
    assert contender.scores(seen, 1)[1] < contender.scores(seen, 1)[0]
    measured(contender, seen, [0.1, 0.1, 0.1], times=1)
    assert contender.scores(seen, 1)[1] == contender.scores(seen, 1)[0]


def test_koordinator_takes_no_pod_to_a_node_whose_report_expired():
    contender, seen = started("koordinator-load-aware")
    measured(contender, seen, [0.1, 0.1, 0.1])
    measured(contender, seen, [0.1, np.nan, 0.1], times=1)
    assert np.isfinite(contender.scores(seen, 0)).tolist() == [True, False, True]


def test_crane_lets_a_stale_node_through_and_scores_it_lower():
    contender, seen = started("crane-dynamic")
    measured(contender, seen, [0.7, 0.1, 0.1], times=1)
    assert np.isfinite(contender.scores(seen, 0)).tolist() == [False, True, True]
    measured(contender, seen, [np.nan, 0.1, np.nan], times=60)
    scores = contender.scores(seen, 0)
    assert np.isfinite(scores).all()
    assert scores[0] == scores[2] == 0.0 < scores[1]


def test_crane_cools_a_node_that_took_pods():
    contender, seen = started("crane-dynamic")
    measured(contender, seen, [0.1, 0.1, 0.1])
    for pod in range(2):
        bind(contender, seen, pod, 0)
    assert contender.scores(seen, 3).tolist() == [85.0, 95.0, 95.0]  # the day's maximum is still that of three hours ago
    seen.now_seconds += 61.0
    assert contender.scores(seen, 3).tolist() == [95.0, 95.0, 95.0]


def test_volcano_sees_unmeasured_nodes_as_empty():
    contender, seen = started("volcano-usage")
    measured(contender, seen, [0.85, 0.5, 0.2])
    assert contender.scores(seen, 0).tolist() == [-np.inf, 250.0, 400.0]
    measured(contender, seen, [0.85, np.nan, 0.2])
    assert int(contender.scores(seen, 0).argmax()) == 1
    measured(contender, seen, [np.nan] * 3, times=1)
    assert contender.scores(seen, 0).tolist() == [500.0] * 3


def test_round_robin_goes_round():
    nodes = place(fleet(), np.repeat(NODE, 5, axis=1), PEERS["round-robin"].make(), seed=1)
    assert nodes.tolist() == [pod % 5 for pod in range(12)]


@pytest.mark.parametrize("name", ["most-allocated", "packing-profile", "best-fit", "dot-product"])
def test_packers_fill_one_node_before_the_next_and_keep_to_what_fits(name: str):
    nodes = place(fleet(), np.repeat(NODE, 4, axis=1), PEERS[name].make(), seed=1, requests_bind=False)
    assert sorted(np.bincount(nodes, minlength=4)) == [0, 0, 4, 8]
    doubled = place(fleet(), np.repeat(NODE, 4, axis=1), PEERS[name].make(overcommit=2.0), seed=1, requests_bind=False)
    assert sorted(np.bincount(doubled, minlength=4)) == [0, 0, 0, 12]


@pytest.mark.parametrize(
    "name", ["least-allocated", "stock-profile", "koordinator-load-aware", "week-percentile-lowest", "n-sigma-lowest"]
)
def test_spreaders_spread(name: str):
    nodes = place(fleet(), np.repeat(NODE, 4, axis=1), PEERS[name].make(), seed=1, requests_bind=False)
    assert np.bincount(nodes, minlength=4).tolist() == [3] * 4


@pytest.mark.parametrize("name", list(PEERS))
def test_every_peer_places_a_tiny_fleet_with_its_defaults_and_its_last_setting(name: str):
    spec = PEERS[name]
    tiny, nodes = fleet(), np.repeat(NODE, 4, axis=1)
    for setting in ({}, spec.settings()[-1]):
        first, again = (place(tiny, nodes, spec.make(**setting), seed=1, requests_bind=True) for _ in range(2))
        assert np.array_equal(first, again)
        assert (first != UNPLACED).all()


@pytest.mark.parametrize("name", list(PEERS))
def test_tuning_has_twelve_settings_at_most_the_published_one_first(name: str):
    spec = PEERS[name]
    settings = spec.settings()
    assert 1 <= len(settings) <= 12
    assert settings[0] == {knob.name: knob.default for knob in spec.knobs}
    assert all(knob.default in knob.values for knob in spec.knobs)
    assert spec.name == name == spec.make().name
    assert len({tuple(setting.items()) for setting in settings}) == len(settings)


def _fails_in_turns(seen: Seen, use: np.ndarray) -> np.ndarray:
    """One node missing, then zeros, then no metric at all, then a sample."""
    faults = (np.where(np.arange(use.shape[1]) == 1, np.nan, use), np.zeros_like(use), np.full_like(use, np.nan), use)
    return np.asarray(faults[seen.step % len(faults)])


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", list(PEERS))
def test_every_peer_goes_on_when_metrics_fail(name: str):
    nodes = place(fleet(), np.repeat(NODE, 4, axis=1), PEERS[name].make(), seed=1, fault=_fails_in_turns)
    assert (nodes != UNPLACED).all()
