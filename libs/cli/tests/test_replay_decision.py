"""A recorded decision is computed again from its whole input, by every rung that values nodes."""

import json

import numpy as np
import pytest
from hydatis_cli.main import app
from hydatis_cli.recomputed_decision import needed_policy, recompute
from hydatis_core.errors import InvalidValue, UnknownNode
from hydatis_core.pods import Pod
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.artifacts import digest_files
from hydatis_lifecycle.manifest import Manifest
from hydatis_placement.after_state import COLUMN_DEFINITIONS, COLUMNS, baseline
from hydatis_placement.credits import Credits
from hydatis_placement.ladder import Rung
from hydatis_placement.q_function import QFunction
from hydatis_serving.decision_record import DecisionRecord, FullInput, decision_to_json
from hydatis_serving.decisions import DecisionLog
from typer.testing import CliRunner

WIDTH = len(COLUMNS)
STATES = np.random.default_rng(1).uniform(0.0, 1.0, (6, WIDTH)).astype(np.float32)
STATES[:, COLUMNS.index("objective_weight")] = 0.25
STATES[:, COLUMNS.index("node_was_empty")] = [0, 1, 0, 1, 0, 1]
POLICY = QFunction(
    np.zeros(WIDTH, np.float32), np.ones(WIDTH, np.float32), (np.full((WIDTH, 1), 0.1, np.float32),), (np.zeros(1, np.float32),)
)
CPU, MEMORY, EMPTY = (
    STATES[:, COLUMNS.index(name)] for name in ("cpu_used_after_ratio", "memory_used_after_ratio", "node_was_empty")
)
#: w = 1/4: half of the joint load and a quarter for a node that is opened, and the overload of both resources.
LOAD = -(
    np.maximum(CPU - 0.90, 0) * 10
    + np.maximum(MEMORY - 0.95, 0) * 20
    + np.sqrt((CPU**2 + MEMORY**2) / 2) * 0.5
    + EMPTY * 0.25
)  # fmt: skip
UTILITIES = {
    Rung.FULL: baseline(STATES) + POLICY.values(STATES),
    Rung.FULL_LOCAL: baseline(STATES) + POLICY.values(STATES),
    Rung.GREEDY: baseline(STATES),
    Rung.LOAD: LOAD.astype(np.float32),
}


def record(rung, utilities=None, decision_id="d1", **changes):
    told = FullInput(
        tuple(f"node-{i}" for i in range(6)), COLUMNS, STATES, Credits(), UTILITIES[rung] if utilities is None else utilities
    )
    given = {"rung": rung, "model_versions": ("cpu-forecaster 3.0.0", "placement-policy 1.0.0"), "full_input": told} | changes
    return DecisionRecord(decision_id, 1_700_000_000.0, Pod("p", "p"), **given)


@pytest.mark.parametrize("rung", UTILITIES)
def test_every_rung_that_values_nodes_comes_to_what_was_recorded(rung):
    plain = json.loads(json.dumps(decision_to_json(record(rung))))
    version = needed_policy(plain)
    assert version == ("1.0.0" if rung in (Rung.FULL, Rung.FULL_LOCAL) else None)
    found = recompute(plain, POLICY if version else None)
    np.testing.assert_allclose(found.recomputed, UTILITIES[rung], rtol=1e-5)
    assert found.same


def test_another_policy_than_the_one_that_decided_is_found_out():
    other = QFunction(POLICY.mean, POLICY.scale, (POLICY.weights[0] * 1.01,), POLICY.biases)
    assert not recompute(decision_to_json(record(Rung.FULL)), other).same


def test_a_record_without_input_or_of_other_columns_is_refused():
    with pytest.raises(InvalidValue, match="without its whole input"):
        recompute(decision_to_json(record(Rung.ABSTAIN, STATES[:, 0], full_input=None)), None)
    plain = decision_to_json(record(Rung.GREEDY))
    plain["full_input"]["columns"][0] = "another"
    with pytest.raises(InvalidValue, match="another release"):
        recompute(plain, None)


@pytest.fixture
def state(tmp_path):
    """The folder of a stopped stack: a policy, and two records of decisions by it, one of them falsified."""
    files = POLICY.to_files()
    manifest = Manifest(
        "placement-policy", "1.0.0", "q_function", COLUMN_DEFINITIONS, ("q",), "d", "r", {}, {}, digest_files(files)
    )
    ArtifactFolder(tmp_path / "models").publish(manifest, files)
    log = DecisionLog(tmp_path / "decisions")
    log.append(lambda: record(Rung.FULL))
    log.append(lambda: record(Rung.FULL, UTILITIES[Rung.FULL] + np.float32(0.01), decision_id="d2"))
    log.close()
    return tmp_path


def run(state, decision, *more):
    return CliRunner().invoke(app, ["replay", "--decision", decision, "--state", str(state), *more])


def test_the_command_says_whether_it_is_the_same(state):
    same, other = (run(state, decision, "--json") for decision in ("d1", "d2"))
    assert (same.exit_code, other.exit_code) == (0, 1)
    told = json.loads(same.stdout)
    assert (told["same"], told["rung"], told["policy_version"]) == (True, "full", "1.0.0")
    assert [row["node_name"] for row in told["candidates"]] == [f"node-{i}" for i in range(6)]
    assert json.loads(other.stdout)["largest_difference"] == pytest.approx(0.01, rel=1e-3)
    assert [run(state, decision).exit_code for decision in ("d1", "d2")] == [0, 1]


def test_a_decision_that_is_not_kept_is_said_in_a_sentence(state):
    assert isinstance(run(state, "nobody").exception, UnknownNode)
