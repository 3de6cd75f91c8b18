"""Relief in the arena: who sheds, where pods go, what a move costs, and that nothing of the future is looked at."""

from dataclasses import replace

import numpy as np
import pytest
from hydatis_placement.relief import ReliefRules
from hydatis_simulator.arena.judge import node_use
from hydatis_simulator.arena.outlook import HourOutlook
from hydatis_simulator.arena.relief import ReliefPlan, relieved
from hydatis_simulator.arena_policy.relief_destinations import DESTINATIONS
from hydatis_simulator.benchmark.placement.second_wave import first_wave, resized, resized_place, second_wave
from hydatis_simulator.peers.least_allocated import LeastAllocated

HOUR, DAY = 6, 144  # steps of ten minutes
PLAN = ReliefPlan(ReliefRules(dwell_ticks=2), tick_steps=1, round_steps=HOUR + 3, moves_per_pod_day=1.0)


def nodes_of(count, cores=10.0, memory_bytes=100.0):
    return np.array([[cores] * count, [memory_bytes] * count])


def fleet_that_grows(fleet_of, grows_at=10, days=1):
    """Four pods: two of node 0 grow from 2 to 6 cores in the judged time, two of node 1 use nothing."""
    steps = 3 * DAY + days * DAY
    cpu = np.full((4, steps), 0.1)
    cpu[:2] = 2.0
    cpu[:2, 3 * DAY + grows_at :] = 6.0
    return fleet_of(cpu, history_steps=2 * DAY, judged_from_step=3 * DAY, requests=2.0)


PLACED = np.array([0, 0, 1, 1], dtype=np.int32)


def relief(fleet, plan=PLAN, destination="requests", node_of=PLACED, requests_bind=True, nodes=12):
    allocatable = nodes_of(nodes)
    chooser = DESTINATIONS[destination](fleet, allocatable)
    return relieved(fleet, allocatable, node_of, chooser, plan, seed=1, requests_bind=requests_bind)


@pytest.mark.parametrize("destination", list(DESTINATIONS))
def test_a_node_that_stays_hot_sheds_one_pod_and_is_left_alone_after_it(fleet_of, destination):
    found = relief(fleet_that_grows(fleet_of), destination=destination)
    assert [move.source for move in found.moves] == [0]
    # step 10 is seen at 11, twice in a row at 12; the next round is at 18, acted upon at 19
    assert found.moves[0].step == 19
    assert found.use[0, [0, found.moves[0].target], -1] == pytest.approx([6.0, 6.0])


def test_a_moved_pod_counts_on_both_nodes_for_a_while(fleet_of):
    found = relief(fleet_that_grows(fleet_of))
    step, target = found.moves[0].step, found.moves[0].target
    assert found.use[0, 0, step - 1 : step + 3] == pytest.approx([12.0, 12.0, 12.0, 6.0])
    assert found.use[0, target, step - 1 : step + 3] == pytest.approx([0.0, 6.0, 6.0, 6.0])


def test_without_a_hot_node_nothing_moves_and_use_is_that_of_the_placement(random_fleet):
    fleet = random_fleet(30, days=4)
    node_of = (np.arange(30) % 3).astype(np.int32)
    allocatable = nodes_of(3, 1000.0, 1e15)
    found = relieved(
        fleet, allocatable, node_of, DESTINATIONS["laws"](fleet, allocatable), ReliefPlan(tick_steps=1), seed=1, requests_bind=False
    )
    assert not found.moves
    assert found.used.tolist() == [0, 1, 2]
    assert np.allclose(found.use, node_use(fleet, node_of, 3), rtol=1e-4)


def test_no_move_is_made_of_what_comes_later(fleet_of):
    """Changing use after a moment changes no move before it."""
    fleet = fleet_that_grows(fleet_of, days=2)
    usage = fleet.usage.copy()
    usage[0, :, 3 * DAY + 20 :] = np.random.default_rng(1).gamma(2.0, 3.0, usage[0, :, 3 * DAY + 20 :].shape)
    early = [[move for move in relief(one).moves if move.step <= 20] for one in (fleet, replace(fleet, usage=usage))]
    assert early[0] == early[1] != []


def test_the_budget_of_a_day_is_kept(fleet_of):
    cpu = np.full((40, 5 * DAY), 0.01)
    cpu[:20] = 0.8  # node 0 uses 16 of 10 cores for ever
    fleet = fleet_of(cpu, history_steps=2 * DAY, judged_from_step=3 * DAY, requests=0.1)
    node_of = np.repeat([0, 1], 20).astype(np.int32)
    plan = replace(PLAN, moves_per_pod_day=0.05)
    moves = relief(fleet, plan, node_of=node_of, nodes=6).moves
    assert [sum(move.step // DAY == day for move in moves) for day in (0, 1)] == [2, 2]
    assert relief(fleet, replace(PLAN, moves_per_pod_day=0.01), node_of=node_of, nodes=6).moves == (), "a pod-day's hundredth of 40"


def test_requests_that_bind_keep_a_pod_where_no_other_node_takes_it(fleet_of):
    fleet = fleet_that_grows(fleet_of)
    full = replace(fleet, requests=np.array([[5.0, 5.0, 1.0, 9.0], [1.0] * 4]), limits=np.full((2, 4), 9.0))
    node_of = np.array([0, 0, 1, 2], dtype=np.int32)
    assert {move.target for move in relief(full, node_of=node_of, nodes=3).moves[:1]} == {1}
    tight = replace(full, requests=np.array([[5.0, 5.0, 6.0, 9.0], [1.0] * 4]))
    assert relief(tight, node_of=node_of, nodes=3).moves == ()
    assert relief(tight, node_of=node_of, nodes=3, requests_bind=False).moves != ()


def test_the_outlook_is_the_last_hour_and_what_hours_grew_by():
    ratios = np.zeros((2, 1, 40 * HOUR), dtype=np.float32)
    ratios[0, 0] = np.repeat(np.arange(40) % 2, HOUR) * 0.2 + 0.3  # 0.3, 0.5, 0.3, ..
    outlook = HourOutlook(ratios, 600.0)
    assert outlook.hottest(26 * HOUR) == pytest.approx([0.7], abs=1e-3), "0.5 and the 0.2 by which it grew every other hour"


def test_new_workloads_come_first_and_are_sized_by_the_days_that_they_were_seen(random_fleet):
    fleet = replace(random_fleet(40, days=8, history_days=3), requests=np.array([[8.0] * 40, [8 * 2.0**30] * 40]))
    waves = second_wave(fleet, seed=1)
    count = first_wave(waves)
    assert count == 10
    assert np.isnan(waves.usage[:, :count, : fleet.history_steps]).all()
    assert waves.judged_from_step == fleet.judged_from_step + 48
    smaller = resized(waves)
    assert (smaller.requests[:, :count] < waves.requests[:, :count]).any()
    assert np.array_equal(smaller.requests[:, count:], waves.requests[:, count:])
    later = replace(waves, usage=waves.usage.copy())
    later.usage[:, :, waves.judged_from_step :] *= 3.0
    assert np.array_equal(resized(later).requests, smaller.requests), "the judged time is not looked at"


def test_what_a_resize_gives_back_is_there_for_the_second_wave(random_fleet):
    fleet = replace(random_fleet(40, days=8, history_days=3), requests=np.array([[8.0] * 40, [8 * 2.0**30] * 40]))
    waves = second_wave(fleet, seed=1)
    allocatable = nodes_of(3, 96.0, 96 * 2.0**30)  # 36 pods as provisioned
    smaller, node_of = resized_place(waves, allocatable, (LeastAllocated(), LeastAllocated()), seed=1)
    assert (node_of >= 0).all()
    assert smaller.requests.sum() < waves.requests.sum()
