"""The filter: two reasons, unknown rejects nobody, and never all."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_placement.admission import REASONS, Thresholds, admit
from hydatis_placement.credits import Credits
from hydatis_placement.load_after import load_after, peaks_after
from hydatis_placement.view import ClusterView

GIB = 2.0**30
USE = ExpectedUse(0.5, 1.0, 2 * GIB, 4 * GIB, UseSource.PROFILE)  # a tenth of a node at p95
POD = Pod("p")


def view(cpu_p95: list[float], memory_p95: list[float], confirmed: list[bool] | None = None) -> ClusterView:
    values = np.zeros((len(cpu_p95), len(SCHEMA.names)), dtype=np.float32)
    values[:, SCHEMA.index["cpu_allocatable_cores"]] = 10.0
    values[:, SCHEMA.index["memory_allocatable_bytes"]] = 40 * GIB
    table = NodeTable(600, tuple(f"n{i}" for i in range(len(cpu_p95))), SCHEMA.names, values, SCHEMA.hashes)
    low = np.zeros(len(cpu_p95), dtype=np.float32)
    flagged = None if confirmed is None else np.array(confirmed)
    return ClusterView(table, low, np.array(cpu_p95, np.float32), low, np.array(memory_p95, np.float32), confirmed=flagged)


def rows(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int32)


def test_a_node_over_a_threshold_after_placement_is_rejected_with_the_reason() -> None:
    admission = admit(view([0.79, 0.81, 0.1, 0.1], [0.1, 0.1, 0.84, 0.86]), rows(4), POD, USE, Credits(), Thresholds())
    assert admission.allowed.tolist() == [True, False, True, False]
    assert [admission.reason(i) for i in range(4)] == ["", REASONS[3], "", REASONS[2]]
    assert not admission.waived


def test_credits_count_towards_the_threshold() -> None:
    credits = Credits(np.array([0], dtype=np.int32), np.array([[0, 2, *[0] * 11]], dtype=np.float32))
    assert admit(view([0.65, 0.65], [0, 0]), rows(2), POD, USE, credits, Thresholds()).allowed.tolist() == [False, True]


def test_a_confirmed_anomalous_node_is_rejected_only_if_the_policy_says_avoid() -> None:
    state = view([0.1, 0.1], [0.1, 0.1], [True, False])
    assert admit(state, rows(2), POD, USE, Credits(), Thresholds()).allowed.tolist() == [False, True]
    assert admit(state, rows(2), POD, USE, Credits(), Thresholds(avoid_anomalous=False)).allowed.all()


def test_when_most_candidates_are_anomalous_it_is_the_cluster_that_has_changed_and_none_is_rejected_for_it() -> None:
    state = view([0.1, 0.1, 0.1], [0.1, 0.1, 0.1], [True, True, False])
    assert admit(state, rows(3), POD, USE, Credits(), Thresholds()).allowed.all()


def test_a_filter_that_would_reject_all_rejects_none_and_says_so() -> None:
    admission = admit(view([0.95, 0.2], [0.1, 0.99]), rows(2), POD, USE, Credits(), Thresholds())
    assert admission.allowed.all()
    assert admission.waived
    assert admission.reason(0) == REASONS[3]


def test_an_unknown_forecast_rejects_nobody() -> None:
    admission = admit(view([np.nan, 0.99], [0.1, 0.1]), rows(2), POD, USE, Credits(), Thresholds())
    assert admission.allowed.tolist() == [True, False]


def test_without_any_forecast_nothing_is_filtered_for_load() -> None:
    state = view([0.99, 0.99], [0.1, 0.1], [False, True])
    blind = ClusterView(state.table, confirmed=state.confirmed)
    assert admit(blind, rows(2), POD, USE, Credits(), Thresholds()).allowed.tolist() == [True, False]


def test_no_candidates_is_nothing_waived() -> None:
    admission = admit(view([0.1], [0.1]), rows(0), POD, USE, Credits(), Thresholds())
    assert admission.allowed.size == 0
    assert not admission.waived


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_threshold_must_be_a_share(value: float) -> None:
    with pytest.raises(InvalidValue):
        Thresholds(cpu_p95_ratio=value)


def test_the_filter_computes_the_same_loads_alone_as_with_all_others() -> None:
    random = np.random.default_rng(5)
    state = view(random.uniform(0, 1.2, 50).tolist(), random.uniform(0, 1.2, 50).tolist())
    credits = Credits(np.array([3, 7], dtype=np.int32), random.uniform(0, 3, (2, 13)).astype(np.float32))
    chosen = random.permutation(50)[:30].astype(np.int32)
    whole = load_after(state, chosen, POD, USE, credits)
    alone = peaks_after(state, chosen, USE, credits)
    np.testing.assert_array_equal(alone.cpu_p95, whole.cpu_p95)
    np.testing.assert_array_equal(alone.memory_p95, whole.memory_p95)
