import json
import math

from hydatis_pipelines.policy_correction import learn_correction, plain_curve
from hydatis_simulator.arena_policy.learned import MOMENT_FILE_NAME, correction_of
from hydatis_simulator.cluster_shape import make_nodes
from hydatis_simulator.generator import generate_trace


def test_a_correction_is_kept_only_if_it_beats_greedy_on_machines_kept_from_it():
    trace = generate_trace(3, 24, days=9, arrival_window_seconds=0.0, machine_count=24)
    nodes = make_nodes(trace, node_count=3)
    told = []
    correction = learn_correction(trace, nodes, seed=1, episodes=4, progress=lambda *call: told.append(call))
    names = ("hydatis_violation_ratio", "greedy_violation_ratio", "lower_ratio", "prefer_learned")
    assert set(correction.metrics) == {f"moment_{name}" for name in names}
    assert (MOMENT_FILE_NAME in correction.files) == bool(correction.metrics["moment_prefer_learned"])
    assert (correction_of(correction.files) is None) == (not correction.files)
    assert len(correction.curve) == 4
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def test_a_short_trace_gives_no_correction(workload):
    assert not learn_correction(*workload, seed=1, episodes=1).files


def test_a_curve_can_stand_in_a_manifest():
    assert json.dumps(plain_curve([{"loss_mean": math.nan, "episode": 0.0}])) == '[{"loss_mean": null, "episode": 0.0}]'
