"""The placement benchmark: bounds that hold, orderings that must hold, searches and intervals against small cases."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_simulator.arena.judge import judge
from hydatis_simulator.arena.run import place
from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.arena_policy.greedy import HydatisGreedy
from hydatis_simulator.benchmark.placement.bounds import fluid_nodes, never_fewer_nodes, request_nodes, utilisation_ceiling
from hydatis_simulator.benchmark.placement.cells import TEST, Cell, FleetSpec
from hydatis_simulator.benchmark.placement.disturbed import burst, cold_start, drift, half_of_the_workloads
from hydatis_simulator.benchmark.placement.intervals import paired_ratio
from hydatis_simulator.benchmark.placement.laboratory import Laboratory
from hydatis_simulator.benchmark.placement.metric_faults import METRIC_FAULTS
from hydatis_simulator.benchmark.placement.nodes_needed import Answer, nodes_needed
from hydatis_simulator.benchmark.placement.oracle import OfflineOracle, Oracle
from hydatis_simulator.benchmark.placement.plan import freeze, settings_of, test_plan, tuning_plan
from hydatis_simulator.benchmark.placement.policies import OURS, RIVALS
from hydatis_simulator.benchmark.placement.protocol import EXPERIMENTS, Protocol
from hydatis_simulator.benchmark.placement.right_sizing import right_sized
from hydatis_simulator.benchmark.placement.summary import references, summary
from hydatis_simulator.benchmark.placement.tasks import ALLOWED, FixedHardware, NodesNeeded
from hydatis_simulator.generator import generate_trace
from hydatis_simulator.peers.spec import PeerSpec

test_plan.__test__ = False  # a plan of the test month, no test


def nodes_of(count, cores=10.0, memory_bytes=100.0):
    return np.array([[cores] * count, [memory_bytes] * count])


FLAT = [[0, 0, 0, 0, 3.0, 4.0, 5.0, 6.0], [0, 0, 0, 0, 3.0, 5.0, 7.0, 12.0]]


def test_bounds_are_those_computed_by_hand(fleet_of):
    fleet, node = fleet_of(FLAT, requests=7.0), np.array([10.0, 100.0])
    assert fluid_nodes(fleet, node) == 2, "18 cores at the peak, 9 a node"
    assert request_nodes(fleet, node) == 2
    assert utilisation_ceiling(fleet)[0] == pytest.approx(0.9 * (6 + 9 + 12 + 18) / 4 / 18)
    # one node is above its limit in two of four moments
    assert [never_fewer_nodes(fleet, node, ratio) for ratio in (0.0, 0.49, 0.5)] == [2, 2, 1]


def test_no_placement_passes_the_bound_and_the_oracle_is_never_worse_than_random(random_fleet):
    fleet, node = random_fleet(80), np.array([16.0, 64 * 2.0**30])
    for count in (4, 6, 8, 10):
        allocatable = np.repeat(node[:, None], count, axis=1)
        found = {
            name: judge(
                fleet, place(fleet, allocatable, RIVALS[name].make(), seed=1, requests_bind=False), allocatable
            ).violation_ratio
            for name in ("random", "least-allocated", "week-percentile-lowest", "oracle", "oracle-offline")
        }
        assert all(count >= never_fewer_nodes(fleet, node, ratio) for ratio in found.values())
        assert found["oracle"] <= found["random"]
        assert found["oracle-offline"] <= found["random"]


def test_the_oracle_keeps_peaks_apart_that_nobody_else_can_know(fleet_of):
    early, late = [0] * 4 + [8.0, 8.0, 0.1, 0.1], [0] * 4 + [0.1, 0.1, 8.0, 8.0]
    fleet = fleet_of([early, early, late, late], judged_from_step=4)
    for oracle in (Oracle(), OfflineOracle()):
        oracle_nodes = place(fleet, nodes_of(2), oracle, seed=1, requests_bind=False)
        assert oracle_nodes[0] != oracle_nodes[1]


def violations(of_count):
    asked = []

    def run(nodes):
        asked.append(nodes)
        return Answer(of_count(nodes), nodes)

    return run, asked


@pytest.mark.parametrize("first", [1, 30, 50, 200])
def test_the_search_finds_the_smallest_count_from_wherever_it_begins(first):
    run, asked = violations(lambda nodes: math.exp(-nodes / 10))
    found = nodes_needed(run, ALLOWED, first=first, least=1, most=400)
    assert found == {ratio: math.ceil(-10 * math.log(ratio)) for ratio in ALLOWED}
    assert len(asked) == len(set(asked)), "every count is run once"


def test_never_is_said_when_more_nodes_are_not_allowed_or_change_nothing():
    run, _ = violations(lambda nodes: 0.02)
    assert nodes_needed(run, ALLOWED, first=10, least=1, most=100) == {0.001: None, 0.01: None, 0.05: 1}
    asked = []

    def packs_on_three(nodes):
        asked.append(nodes)
        return Answer(0.5, 3)

    assert set(nodes_needed(packs_on_three, ALLOWED, first=10, least=1, most=10_000).values()) == {None}
    assert len(asked) == 3


def test_fewer_nodes_than_requests_need_are_not_tried():
    run, asked = violations(lambda nodes: 0.0)
    assert nodes_needed(run, ALLOWED, first=3, least=7, most=20) == dict.fromkeys(ALLOWED, 7)
    assert asked == [7]


def test_right_sized_requests_follow_the_history_and_never_grow(fleet_of):
    fleet = fleet_of([[1.0, 2.0, 0, 0, 0, 0], [9.0, 9.0, 0, 0, 0, 0], [np.nan, np.nan, 0, 0, 0, 0]], requests=5.0)
    assert right_sized(fleet).requests[0].tolist() == [pytest.approx(1.15 * 1.95), 5.0, 5.0]


def test_a_burst_comes_within_the_last_sample_of_arrivals(random_fleet):
    fleet = random_fleet(40)
    came = burst(fleet, 10).arrival_seconds
    end = fleet.judged_from_step * fleet.step_seconds
    assert (came[-10:] >= end - fleet.step_seconds).all()
    assert (came < end).all()
    assert np.array_equal(came[:20], np.minimum(fleet.arrival_seconds, end - fleet.step_seconds)[:20])
    with pytest.raises(InvalidValue, match="burst"):
        burst(fleet, 40)


def test_cold_classes_have_no_history_and_come_first(random_fleet):
    fleet = cold_start(random_fleet(40), seed=1)
    cold = np.isnan(fleet.usage[0, :, : fleet.history_steps]).all(axis=1)
    assert cold.sum() == 20
    assert (fleet.arrival_seconds[cold] <= fleet.history_steps * fleet.step_seconds + 7200.0).all()
    assert not np.isnan(fleet.judged).any()


def test_drift_begins_when_judging_does(random_fleet):
    fleet = random_fleet(40)
    drifted, half = drift(fleet, seed=1), half_of_the_workloads(fleet, 1)
    assert half.sum() == 20
    assert np.array_equal(drifted.usage[:, :, : fleet.judged_from_step], fleet.usage[:, :, : fleet.judged_from_step])
    assert np.allclose(drifted.judged[:, half], 1.5 * fleet.judged[:, half])
    assert np.array_equal(drifted.judged[:, ~half], fleet.judged[:, ~half])


def test_faults_do_what_they_are_called(random_fleet):
    seen = Seen(random_fleet(5), nodes_of(10))
    use = [np.full((2, 10), float(number + 1)) for number in range(3)]
    stale = METRIC_FAULTS["stale-10-minutes"](1)
    seen.fleet = replace(seen.fleet, step_seconds=300.0, arrival_seconds=seen.fleet.arrival_seconds / 12)
    assert [stale(seen, one)[0, 0] for one in use] == [0.0, 0.0, 1.0]
    missing = METRIC_FAULTS["missing-a-fifth"](1)
    first, second = missing(seen, use[0].copy()), missing(seen, use[0].copy())
    assert np.isnan(first[0]).sum() == 2
    assert np.array_equal(np.isnan(first), np.isnan(second)), "the same nodes all the time"
    assert not METRIC_FAULTS["zeros"](1)(seen, use[0]).any()
    down = METRIC_FAULTS["watcher-down"](1)
    assert down(seen, use[0])[0, 0] == 1.0
    seen.step = seen.fleet.judged_from_step - 1
    assert np.isnan(down(seen, use[0])).all()


def test_the_interval_of_a_ratio_is_paired():
    below = [50.0, 100.0, 200.0]
    found = paired_ratio([60.0, 120.0, 240.0], below)
    assert found.value == pytest.approx(1.2)
    assert (found.low, found.high) == (pytest.approx(1.2), pytest.approx(1.2)), "every pair has the same ratio"
    wide = paired_ratio([40.0, 120.0, 240.0], below)
    assert wide.low < wide.value < wide.high
    with pytest.raises(WrongShape):
        paired_ratio([], [])


NAMES = ("random", "least-allocated", "week-percentile-lowest", "oracle")
PROTOCOL = Protocol(
    pods_count=24,
    seeds_count=2,
    tuning_pods_count=24,
    settings_count=2,
    frozen_seeds_count=1,
    cpu_loads=(0.5,),
    burst_pods_counts=(6,),
)


@pytest.fixture(scope="module")
def done():
    """A run on the generator's machines, with its figures by cell."""
    specs = [RIVALS[name] for name in NAMES]
    known = {}
    node = np.array([8.0, 32 * 2.0**30])
    traces = {"tuning": generate_trace(5, 12, days=4), TEST: generate_trace(6, 12, days=4)}
    laboratory = Laboratory(traces, node, 1, RIVALS, known)
    tuning = {task: task.run(laboratory) for task in tuning_plan(PROTOCOL, specs)}
    tuned = freeze(specs, tuning)
    results = {task: task.run(laboratory) for task in test_plan(PROTOCOL, specs, tuned, list(EXPERIMENTS))}
    return specs, tuned, results, known, laboratory


def test_every_policy_gets_the_same_budget_and_knobs_are_chosen_on_the_tuning_month_alone(done):
    specs, tuned, results, _, _ = done
    assert set(tuned) == {spec.name for spec in specs if spec.knobs}
    for name, by_ratio in tuned.items():
        assert set(by_ratio.values()) <= set(settings_of(RIVALS[name])[: PROTOCOL.settings_count])
    assert all(task.fleet.part == TEST for task in results)


def test_the_summary_orders_as_it_must(done):
    specs, tuned, results, _, _ = done
    figures = summary(specs, tuned, results)
    free = figures["nodes_needed"]["not-binding"]
    assert set(free["policies"]) == set(NAMES)
    for rows in free["policies"].values():
        for row in rows.values():
            nodes = [row[str(ratio)]["nodes_mean"] for ratio in ALLOWED]
            known = [count for count in nodes if count is not None]
            assert known == sorted(known, reverse=True), "less violation needs no fewer nodes"
    oracle = free["policies"]["oracle"]["published"]["0.01"]
    assert oracle["ratio_to_oracle"]["value"] == 1.0
    least = figures["bounds"]["not-binding"]["never_fewer_nodes"]
    for ratio, bound in zip(ALLOWED, least, strict=True):
        needed = free["policies"]["oracle"]["published"][str(ratio)]["nodes_mean"]
        assert needed is None or needed >= bound
    provisioned = figures["nodes_needed"]["provisioned"]["policies"]["least-allocated"]["published"]["0.05"]
    assert min(provisioned["nodes"]) >= figures["bounds"]["provisioned"]["request_nodes"] - 1
    assert set(figures["fixed"]) == {
        "E2/cpu-50%", "E3/6-pods", *(f"E4/{fault}" for fault in METRIC_FAULTS), "E5/cold", "E6/drift"
    }  # fmt: skip
    shown = figures["fixed"]["E2/cpu-50%"]["policies"]["oracle"]["published"]
    assert shown["outcome_cost"] <= figures["fixed"]["E2/cpu-50%"]["policies"]["random"]["published"]["outcome_cost"]
    assert len(shown["node_violation_ratio"]) == shown["nodes_count"]


def test_broken_metrics_change_nothing_for_a_policy_that_reads_none(done):
    specs, tuned, results, _, _ = done
    fixed = summary(specs, tuned, results)["fixed"]
    costs = {
        group: part["policies"]["least-allocated"]["published"]["outcome_cost"] for group, part in fixed.items() if "E4" in group
    }
    assert len(set(costs.values())) == 1


def test_who_is_said_to_read_no_metrics_places_the_same_when_they_are_broken(random_fleet):
    fleet = random_fleet(40)
    assert PeerSpec("hydatis-greedy", "", OURS, HydatisGreedy).reads_metrics
    for spec in RIVALS.values():
        if not spec.reads_metrics:
            whole, broken = (
                place(fleet, nodes_of(4, 16.0, 64 * 2.0**30), spec.make(), seed=1, requests_bind=False, fault=fault)
                for fault in (None, METRIC_FAULTS["zeros"](1))
            )
            assert np.array_equal(whole, broken), spec.name


def test_tasks_of_one_fleet_stand_together(done):
    _, _, results, _, _ = done
    fleets = [task.fleet for task in results]
    assert len(set(fleets)) == 1 + sum(after != before for before, after in itertools.pairwise(fleets))


def test_who_leaves_pods_pending_is_nobodys_measure():
    specs = [RIVALS[name] for name in ("random", "most-allocated", "least-allocated")]

    def result(cost, unplaced):
        figures = {"outcome_cost": cost, "hot_node_minutes": 100 * cost, "violation_ratio": cost, "unplaced_count": unplaced}
        return figures | {"nodes_count": 3}

    costs = ((4.0, 0), (0.0, 7), (2.0, 0))
    results = {
        FixedHardware(FleetSpec(TEST, 1, 10), "E2/cpu-50%", spec.name, settings_of(spec)[0], 0.5): result(*one)
        for spec, one in zip(specs, costs, strict=True)
    }
    part = summary(specs, {}, results)["fixed"]["E2/cpu-50%"]
    assert part["references"]["best_peer"] == "least-allocated"
    rows = {name: row["published"] for name, row in part["policies"].items()}
    assert rows["random"]["outcome_cost_ratio_to_best_peer"]["value"] == 2.0
    assert "outcome_cost_ratio_to_random" not in rows["most-allocated"]


def test_a_cell_that_is_known_is_not_run_again(done):
    _, _, results, known, laboratory = done
    task = next(task for task in results if isinstance(task, NodesNeeded))
    before = len(known)
    assert task.run(laboratory) == results[task]
    assert len(known) == before


def test_cells_of_different_runs_have_different_names():
    spec = FleetSpec(TEST, 1, 100)
    cells = [
        Cell(spec, "random", (), 5, True),
        Cell(spec, "random", (), 5, False),
        Cell(spec, "random", (("a", 1.0),), 5, True),
        Cell(replace(spec, seed=2), "random", (), 5, True),
        Cell(spec, "random", (), 5, True, "zeros"),
        Cell(replace(spec, half="a"), "random", (), 5, True),
    ]
    assert len({cell.key() for cell in cells}) == len(cells)


def test_the_best_peer_is_neither_a_bound_nor_ours_and_the_published_one_is_published():
    specs = [RIVALS[name] for name in NAMES]
    chosen = references(specs, {"random": 9.0, "least-allocated": 8.0, "week-percentile-lowest": 7.0, "oracle": 5.0})
    assert chosen == {
        "oracle": "oracle", "best_peer": "week-percentile-lowest", "best_published_peer": "least-allocated", "random": "random"
    }  # fmt: skip
