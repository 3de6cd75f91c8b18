"""E8: every lever is a row, bounds hold, and what must order orders."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hydatis_simulator.arena_policy.greedy import HydatisGreedy
from hydatis_simulator.benchmark.placement.cells import TEST, Cell, FleetSpec
from hydatis_simulator.benchmark.placement.laboratory import Laboratory
from hydatis_simulator.benchmark.placement.levers import LEVERS, PEERS_OF_LEVERS, lever_plan, lever_summary
from hydatis_simulator.benchmark.placement.policies import OURS, RIVALS
from hydatis_simulator.benchmark.placement.protocol import Protocol
from hydatis_simulator.benchmark.placement.tasks import ALLOWED
from hydatis_simulator.generator import generate_trace
from hydatis_simulator.peers.spec import PeerSpec

PROTOCOL = Protocol(pods_count=36, seeds_count=1)
CATALOGUE = RIVALS | {"hydatis-greedy": PeerSpec("hydatis-greedy", "", OURS, HydatisGreedy)}


@pytest.fixture(scope="module")
def laboratory():
    return Laboratory({TEST: generate_trace(6, 12, days=6)}, np.array([8.0, 32 * 2.0**30]), 2, CATALOGUE, {})


@pytest.fixture(scope="module")
def figures(laboratory):
    specs = [CATALOGUE[name] for name in PEERS_OF_LEVERS]
    results = {task: task.run(laboratory) for task in lever_plan(PROTOCOL, specs, {})}
    return lever_summary(PROTOCOL, specs, {}, results)


def test_every_lever_has_a_row_at_every_violation(figures):
    assert set(figures["rows"]) == set(LEVERS)
    for row in figures["rows"].values():
        assert set(row) == {"lever", *map(str, ALLOWED)}


def test_sizes_are_never_above_what_was_provisioned(laboratory):
    plain = FleetSpec(TEST, 1, 36)
    assert (laboratory.fleet(replace(plain, sized=True)).requests <= laboratory.fleet(plain).requests).all()


def test_resizing_needs_no_more_nodes_than_not(figures):
    def nodes(name):
        found = figures["rows"][name]["0.05"]["nodes_mean"]
        return math.inf if found is None else found

    assert nodes("two waves: sizes, resize") <= nodes("two waves: sizes")


def test_moves_stay_within_the_budget_and_only_relief_moves(figures):
    for row in figures["rows"].values():
        for ratio in map(str, ALLOWED):
            moves = row[ratio]["most_moves_per_100_pod_days"]
            assert moves is None or moves <= (1.0 if row["lever"]["relief"] else 0.0)


def test_the_peer_to_beat_reads_use_and_is_published(figures):
    for peer in figures["best_published_usage_aware_peer"].values():
        assert peer["policy"] in (*PEERS_OF_LEVERS, "")
        assert peer["policy"] != "oracle"


def test_relief_is_of_the_same_placement_and_is_judged_by_the_same_figures(laboratory):
    cell = Cell(FleetSpec(TEST, 1, 36, sized=True), "hydatis-greedy", (), 40, True)
    without, relieved = laboratory.run(cell), laboratory.run(replace(cell, relief="laws"))
    assert set(relieved) - set(without) == {"moves_per_100_pod_days"}
    if not relieved["moves_per_100_pod_days"]:
        assert relieved["violation_ratio"] == pytest.approx(without["violation_ratio"])
