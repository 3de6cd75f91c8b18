"""The arena shows a policy the past alone, breaks ties by seed, and lets pods wait."""

from dataclasses import replace

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_simulator.arena.contender import REJECTED
from hydatis_simulator.arena.run import place
from hydatis_simulator.arena.seen import SAMPLES_KEPT_COUNT, UNPLACED, Seen

STEP_SECONDS = 600.0


def nodes_of(count, cores=10.0, memory_bytes=100.0):
    return np.array([[cores] * count, [memory_bytes] * count])


class Preferring:
    """Prefers nodes by a fixed list of scores, and writes down what it sees."""

    name = "preferring"

    def __init__(self, scores, admits=lambda seen: True):
        self.fixed, self.admits, self.ticks, self.told = np.array(scores, dtype=float), admits, [], []

    def start(self, seen):
        self.started = seen.step

    def tick(self, seen):
        self.ticks.append((seen.step, seen.latest.copy(), seen.past(100).shape[2]))

    def scores(self, seen, pod):
        return self.fixed if self.admits(seen) else np.full(seen.nodes_count, REJECTED)

    def placed(self, seen, pod, node):
        self.told.append((pod, node))


FLAT = [[1.0] * 8, [2.0] * 8, [3.0] * 8]


def test_a_pod_goes_to_the_best_score_and_the_policy_is_told(fleet_of):
    contender = Preferring([1, 3, 2])
    node_of = place(fleet_of(FLAT), nodes_of(3), contender, seed=1)
    assert node_of.tolist() == [1, 1, 1]
    assert contender.told == [(0, 1), (1, 1), (2, 1)]


def test_requests_bind_only_where_they_are_asked_to(fleet_of):
    fleet = fleet_of(FLAT, requests=6.0)
    assert place(fleet, nodes_of(3), Preferring([1, 3, 2]), seed=1).tolist() == [1, 2, 0]
    assert place(fleet, nodes_of(3), Preferring([1, 3, 2]), seed=1, requests_bind=False).tolist() == [1, 1, 1]


def test_equal_scores_are_drawn_from_and_a_seed_draws_the_same(random_fleet):
    fleet = random_fleet(60)
    nodes = np.array([[1e9] * 6, [1e15] * 6])
    runs = [place(fleet, nodes, Preferring([0] * 6), seed=seed) for seed in (1, 1, 2)]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert set(runs[0]) == set(range(6))


def test_a_pod_that_fits_nowhere_waits_for_a_new_sample_and_is_tried_again(fleet_of):
    contender = Preferring([1, 2], admits=lambda seen: seen.step >= 3)
    fleet = fleet_of(FLAT)
    seen = Seen(fleet, nodes_of(2))
    assert place(fleet, nodes_of(2), contender, seed=1, seen=seen).tolist() == [1, 1, 1]
    # step 2 is measured when it is over, and seen a minute later
    assert seen.bound_seconds.tolist() == [3 * STEP_SECONDS + 60.0] * 3


def test_a_pod_that_is_never_admitted_stays_unplaced(fleet_of):
    assert place(fleet_of(FLAT), nodes_of(2), Preferring([REJECTED, REJECTED]), seed=1).tolist() == [UNPLACED] * 3


def test_samples_hold_the_use_of_pods_bound_before_they_began_and_nothing_of_the_future(fleet_of):
    use = np.arange(8.0)[None, :] + [[10.0], [20.0]]
    arrivals = [2 * STEP_SECONDS, 3 * STEP_SECONDS + 90.0]
    contender = Preferring([0, 1])
    place(fleet_of(use, arrivals=arrivals, judged_from_step=5), nodes_of(2, cores=100.0), contender, seed=1)
    steps, samples, pasts = zip(*contender.ticks, strict=True)
    assert steps == (3,), "only what is over and scraped by the last arrival"
    assert samples[0][0].tolist() == [0.0, 12.0], "step 2: pod 0 alone, at what it used in that step"
    assert pasts == (3,), "three steps measured"


def test_a_fault_changes_what_is_scraped_and_ages_what_is_missing(fleet_of):
    fleet = fleet_of(FLAT, arrivals=[2 * STEP_SECONDS, 2 * STEP_SECONDS, 4 * STEP_SECONDS], judged_from_step=5)
    seen = Seen(fleet, nodes_of(2))

    def fault(view, use):
        use[:, 0] = np.nan
        return use

    place(fleet, nodes_of(2), Preferring([0, 1]), seed=1, fault=fault, seen=seen)
    assert np.isnan(seen.latest[:, 0]).all()
    assert seen.sample_age_seconds.tolist() == [STEP_SECONDS, 0.0]


def test_samples_are_kept_for_a_day_and_moved_without_loss(fleet_of):
    seen = Seen(fleet_of(FLAT), nodes_of(1))
    for number in range(3 * SAMPLES_KEPT_COUNT):
        seen.scraped(np.full((2, 1), float(number)))
        assert seen.latest[0, 0] == number
    assert seen.samples[:, 0, 0].tolist() == list(range(2 * SAMPLES_KEPT_COUNT, 3 * SAMPLES_KEPT_COUNT))


@pytest.mark.parametrize("shape", [(2, 0), (3, 2), (2,)])
def test_nodes_of_another_shape_are_refused(fleet_of, shape):
    with pytest.raises(WrongShape, match="allocatable"):
        place(fleet_of(FLAT), np.ones(shape), Preferring([1, 2]), seed=1)


def test_scores_of_another_shape_are_refused_by_name(fleet_of):
    with pytest.raises(WrongShape, match="preferring"):
        place(fleet_of(FLAT), nodes_of(3), Preferring([1, 2]), seed=1)


def test_a_fleet_says_what_is_wrong_with_it(fleet_of):
    with pytest.raises(InvalidValue, match="arrivals"):
        fleet_of(FLAT, arrivals=[2 * STEP_SECONDS, 0.0, 0.0])
    with pytest.raises(InvalidValue, match="unknown"):
        fleet_of([[1.0] * 7 + [np.nan]])
    with pytest.raises(InvalidValue, match="history"):
        fleet_of(FLAT, judged_from_step=8)
    with pytest.raises(WrongShape, match="requests"):
        replace(fleet_of(FLAT), requests=np.ones((2, 2)))


def test_what_is_remembered_of_a_fleet_is_computed_once(fleet_of):
    fleet, calls = fleet_of(FLAT), []

    def compute():
        calls.append(1)
        return np.ones(3)

    assert fleet.remembered("a", compute) is fleet.remembered("a", compute)
    assert len(calls) == 1
