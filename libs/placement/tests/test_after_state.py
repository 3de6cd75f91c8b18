"""After-states: golden rows, masks, and that every value is finite and within its range."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_core.nodes import GpuDevice
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_placement import after_state, greedy
from hydatis_placement.after_state import COLUMN_DEFINITIONS, COLUMNS, after_states, baseline
from hydatis_placement.credits import Credits
from hydatis_placement.view import ClusterView

GIB = 2.0**30
POD = Pod("p", requests=Resources(2.0, 8 * GIB))
#: The law of a pod that always uses half of what it asks for.
USE = ExpectedUse(1.0, 2.0, 4 * GIB, 8 * GIB, UseSource.PROFILE, (0.5,) * 24)
NONE = Credits()


def table(rows: list[dict[str, float]], gpus: dict[int, tuple[GpuDevice, ...]] | None = None) -> NodeTable:
    """Nodes of 10 cores and 40 GiB; what is not said is unknown."""
    known = {"cpu_allocatable_cores": 10.0, "memory_allocatable_bytes": 40 * GIB, "pod_limit_count": 100.0, "gpu_device_count": 0.0}
    values = np.full((len(rows), len(SCHEMA.names)), np.nan, dtype=np.float32)
    for line, row in zip(values, rows, strict=True):
        for name, value in {**known, **row}.items():
            line[SCHEMA.index[name]] = value
    names = tuple(f"n{i}" for i in range(len(rows)))
    return NodeTable(600, names, SCHEMA.names, values, SCHEMA.hashes, gpus=gpus or {})


BUSY = {
    "pod_count": 5.0,
    "pod_count_ratio": 0.05,
    "cpu_requested_ratio": 0.5,
    "memory_requested_ratio": 0.25,
    "cpu_expected_ratio": 0.3,
    "cpu_expected_p95_ratio": 0.4,
    "memory_expected_ratio": 0.2,
    "memory_expected_p95_ratio": 0.3,
    "cpu_used_mean_15m_ratio": 0.35,
    "memory_used_mean_15m_ratio": 0.15,
    "cpu_used_max_1h_ratio": 0.45,
    "memory_used_max_1h_ratio": 0.18,
    "cpu_used_max_24h_ratio": 0.6,
    "memory_used_max_24h_ratio": 0.2,
    "cpu_effective_10_ratio": 0.3,
    "cpu_effective_20_ratio": 0.35,
    "cpu_effective_40_ratio": 0.4,
    "memory_effective_10_ratio": 0.2,
    "memory_effective_20_ratio": 0.25,
    "memory_effective_40_ratio": 0.3,
}
EMPTY = {**dict.fromkeys(BUSY, 0.0)}
UNMEASURED = {name: value for name, value in BUSY.items() if "used" not in name}


def vector(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def row_of(view: ClusterView, row: int, credits: Credits = NONE, pod: Pod = POD, use: ExpectedUse = USE) -> dict[str, float]:
    states = after_states(view, np.array([row], dtype=np.int32), pod, use, credits, 0.25)
    return dict(zip(COLUMNS, states[0].tolist(), strict=True))


def test_a_row_is_the_node_with_the_pod_on_it() -> None:
    view = ClusterView(table([BUSY]), vector(0.4), vector(0.5), vector(0.2), vector(0.3), vector(0.7))
    row = row_of(view, 0)
    expected = {
        "cpu_p50_after_ratio": 0.5,
        "cpu_p95_after_ratio": 0.7,
        "memory_p50_after_ratio": 0.3,
        "memory_p95_after_ratio": 0.5,
        "cpu_used_after_ratio": 0.45,
        "memory_used_after_ratio": 0.25,
        "cpu_peak_after_ratio": 0.8,
        "memory_peak_after_ratio": 0.4,
        "cpu_requested_after_ratio": 0.7,
        "memory_requested_after_ratio": 0.45,
        "headroom_after_ratio": 0.3,
        "pod_count_after_ratio": 0.06,
        "imbalance_after_ratio": 0.2,
        "node_size_ratio": 1.0,
        "node_was_empty": 0.0,
        "risk": 0.7,
        "forecast_missing": 0.0,
        "usage_missing": 0.0,
        "risk_missing": 0.0,
        "objective_weight": 0.25,
        "pod_size_ratio": 0.2,
        "cpu_effective_10_after_ratio": 0.3 + 1.0 / 9.0,
        "cpu_effective_40_after_ratio": 0.4 + 1.0 / 9.0,
        "memory_effective_20_after_ratio": 0.25 + 4.0 / 38.0,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_what_greedy_says_stands_in_the_row_and_is_the_baseline() -> None:
    view = ClusterView(table([BUSY, EMPTY]), vector(0.4, 0.0), vector(0.8, 0.0), vector(0.2, 0.0), vector(0.3, 0.0))
    rows = np.array([0, 1], dtype=np.int32)
    for weight in (0.0, 0.25, 1.0):
        states = after_states(view, rows, POD, USE, NONE, weight)
        said = greedy.utility(view, rows, POD, USE, NONE, weight)
        assert baseline(states).tolist() == said.tolist()
        assert baseline(states).dtype == np.float32
    assert row_of(view, 0)["greedy_spread"] == pytest.approx(greedy.utility(view, rows, POD, USE, NONE, 0.0)[0])
    assert row_of(view, 1)["greedy_pack"] == pytest.approx(greedy.utility(view, rows, POD, USE, NONE, 1.0)[1])


def test_laws_of_a_node_that_are_unknown_are_stood_in_for_by_expected_use() -> None:
    unlawful = {name: value for name, value in BUSY.items() if "effective" not in name}
    assert row_of(ClusterView(table([unlawful])), 0)["cpu_effective_10_after_ratio"] == pytest.approx(0.4 + 1.0 / 9.0)


def test_nodes_of_unlike_sizes_are_loaded_by_their_room() -> None:
    large = {**EMPTY, "cpu_allocatable_cores": 20.0, "memory_allocatable_bytes": 80 * GIB}
    view = ClusterView(table([EMPTY, large, EMPTY]))
    assert row_of(view, 0) == row_of(view, 2) | {"node_size_ratio": 0.5}
    assert row_of(view, 1)["cpu_effective_10_after_ratio"] == pytest.approx(0.5 / 9.0)


def test_credits_weigh_like_the_pod_itself() -> None:
    view = ClusterView(table([BUSY]), vector(0.4), vector(0.5), vector(0.2), vector(0.3))
    credits = Credits(np.array([0], dtype=np.int32), vector(1, 2, 4 * GIB, 8 * GIB, 2, 8 * GIB, 1, *[0.1] * 6)[None])
    row = row_of(view, 0, credits)
    assert row["cpu_p95_after_ratio"] == pytest.approx(0.9)
    assert row["memory_p50_after_ratio"] == pytest.approx(0.4)
    assert row["cpu_requested_after_ratio"] == pytest.approx(0.9)
    assert row["pod_count_after_ratio"] == pytest.approx(0.07)
    assert row["memory_effective_40_after_ratio"] == pytest.approx(0.3 + 0.1 + 4.0 / 38.0)


def test_a_node_that_a_credit_opened_is_not_empty_any_more() -> None:
    view = ClusterView(table([EMPTY]))
    assert row_of(view, 0)["node_was_empty"] == 1.0
    credits = Credits(np.array([0], dtype=np.int32), vector(0, 0, 0, 0, 0, 0, 1, *[0] * 6)[None])
    assert row_of(view, 0, credits)["node_was_empty"] == 0.0


def test_unknown_inputs_are_masked_and_stood_in_for() -> None:
    view = ClusterView(table([BUSY, UNMEASURED]), vector(np.nan, 0.4), vector(0.5, 0.5), vector(0.2, 0.2), vector(0.3, 0.3))
    first, second = row_of(view, 0), row_of(view, 1)
    assert (first["forecast_missing"], first["usage_missing"], first["risk_missing"]) == (1.0, 0.0, 1.0)
    assert first["cpu_p50_after_ratio"] == pytest.approx(0.45 + 0.1)
    assert (second["forecast_missing"], second["usage_missing"]) == (0.0, 1.0)
    assert second["cpu_used_after_ratio"] == pytest.approx(0.3 + 0.1)
    assert second["cpu_peak_after_ratio"] == pytest.approx(0.4 + 0.2)


def test_a_table_that_knows_nothing_still_gives_finite_rows() -> None:
    view = ClusterView(table([{}, {}]))
    states = after_states(view, np.array([0, 1], dtype=np.int32), POD, USE, NONE, 1.0)
    assert states.dtype == np.float32
    assert states.flags.c_contiguous
    assert np.isfinite(states).all()
    assert states[0, COLUMNS.index("usage_missing")] == 1.0


def test_absurd_sizes_are_cut_to_the_limit() -> None:
    view = ClusterView(table([BUSY]))
    huge = ExpectedUse(2.0**60, 2.0**60, 2.0**60, 2.0**60, UseSource.REQUEST)
    states = after_states(view, np.array([0], dtype=np.int32), Pod("p", requests=Resources(2.0**60, 2.0**60)), huge, NONE, 0.0)
    assert np.isfinite(states).all()
    assert np.abs(states[:, :33]).max() == after_state.LIMIT
    assert states[0, 33:].tolist() == [-after_state.LARGEST_UTILITY] * 2


def test_stranded_share_falls_when_a_pod_fills_a_gap() -> None:
    """The cluster's pods ask for 1 core and 4 GiB (10 % of both). A node with CPU left over is evened out by a pod of CPU alone."""
    rows = [{**BUSY, "cpu_requested_ratio": 0.5, "memory_requested_ratio": 0.5}, {**EMPTY, "memory_requested_ratio": 0.5}]
    rows[1].update(pod_count=5.0, cpu_requested_ratio=0.5)
    even = ClusterView(table(rows))
    assert even.typical_requests == pytest.approx((1.0, 4 * GIB))
    rows[0]["cpu_requested_ratio"], rows[1]["cpu_requested_ratio"] = 0.2, 0.8
    uneven = ClusterView(table(rows))
    cpu_only = Pod("c", requests=Resources(3.0, 0.0))
    fills, widens = row_of(uneven, 0, pod=cpu_only), row_of(even, 0, pod=cpu_only)
    assert fills["stranded_change_ratio"] < -0.1
    assert widens["stranded_change_ratio"] > 0.1


def test_gpu_shares_are_taken_of_the_fullest_device_with_room() -> None:
    gpus = {
        0: (GpuDevice(0, free_milli=1000), GpuDevice(1, free_milli=400), GpuDevice(2, free_milli=1000), GpuDevice(3, free_milli=0))
    }
    known = {**BUSY, "gpu_device_count": 4.0, "gpu_largest_free_ratio": 1.0, "gpu_whole_free_count": 2.0}
    view = ClusterView(table([known, BUSY], gpus))
    shared = Pod("s", requests=Resources(1.0, GIB, gpu_count=1, gpu_milli_per_device=300))
    whole = Pod("w", requests=Resources(1.0, GIB, gpu_count=2, gpu_milli_per_device=1000))
    assert row_of(view, 0)["gpu_not_wanted"] == 1.0
    assert row_of(view, 1)["gpu_not_wanted"] == 0.0
    assert row_of(view, 0, pod=shared)["gpu_whole_free_after_ratio"] == pytest.approx(0.5)
    assert row_of(view, 0, pod=whole)["gpu_whole_free_after_ratio"] == 0.0
    assert row_of(view, 0, pod=whole)["gpu_largest_free_after_ratio"] == pytest.approx(0.4)
    assert row_of(view, 0, pod=whole)["gpu_not_wanted"] == 0.0
    assert row_of(view, 1, pod=whole)["gpu_whole_free_after_ratio"] == 0.0


def test_columns_are_named_once_and_hashed() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS) == len(COLUMN_DEFINITIONS)
    assert all(len(definition) == 12 for _, definition in COLUMN_DEFINITIONS)
    assert COLUMN_DEFINITIONS[0] == ("cpu_p50_after_ratio", after_state.SCHEMA.hashes[0])


def test_rows_come_in_the_order_asked() -> None:
    view = ClusterView(table([BUSY, EMPTY, BUSY]))
    asked = after_states(view, np.array([1, 0], dtype=np.int32), POD, USE, NONE, 0.0)
    np.testing.assert_array_equal(asked[1], after_states(view, np.array([0], dtype=np.int32), POD, USE, NONE, 0.0)[0])


@pytest.mark.parametrize("weight", [-0.1, 1.1, np.nan])
def test_an_objective_weight_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(InvalidValue):
        after_states(ClusterView(table([BUSY])), np.array([0], dtype=np.int32), POD, USE, NONE, weight)


def test_a_view_refuses_arrays_of_another_length() -> None:
    with pytest.raises(WrongShape):
        ClusterView(table([BUSY]), risk=vector(0.1, 0.2))
