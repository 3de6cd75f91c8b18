"""Values over the wire and back, for any value there can be."""

import math

import numpy as np
import pytest
from hydatis.anomaly.v1 import anomaly_pb2
from hydatis.cluster.v1 import cluster_pb2
from hydatis.forecast.v1 import forecast_pb2
from hydatis.placement.v1 import placement_pb2
from hydatis.workload.v1 import workload_pb2
from hydatis_anomaly.risk_table import FlaggedNode, RiskTable
from hydatis_core.errors import Duplicate, HydatisError, InvalidValue, UnknownColumn, WrongShape
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.engine import FeatureEngine
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_features.gpu_demand import GpuDemand
from hydatis_features.profile_summaries import UNKNOWN_LAW, ColdStart, ProfileChange, WorkloadProfile
from hydatis_features.table import NodeTable
from hydatis_features.usage import METRICS
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_placement.after_state import COLUMNS, after_states
from hydatis_placement.credits import CREDIT_COLUMNS, Credits
from hydatis_placement.view import ClusterView
from hydatis_serving.convert import anomaly, cluster, features, forecast, placement, workload
from hydatis_serving.events import BindDelta, PodEvent, PodEventKind
from hydatis_serving.ranking import RankAnswer, RankQuery
from hypothesis import given, settings
from hypothesis import strategies as st

#: Timings of a shared machine are no failures, and nothing is kept between runs.
any_value = settings(deadline=None, max_examples=50, database=None)
AMOUNTS = st.floats(0, 2**50, allow_nan=False)
SHARES = st.floats(0, 8, width=32)
WIDTH = len(CREDIT_COLUMNS)
TEXT = st.text("ab/-0ß✓ ", max_size=8)
NAMES = st.text("abc-0123", min_size=1, max_size=8)

RESOURCES = st.builds(Resources, AMOUNTS, st.integers(0, 2**52).map(float), st.integers(0, 16), st.integers(0, 1000))
PODS = st.builds(Pod, NAMES, TEXT, TEXT, TEXT, RESOURCES, RESOURCES, st.integers(-(2**31), 2**31 - 1))
DEVICES = st.builds(GpuDevice, st.integers(0, 15), TEXT, st.integers(0, 1000))
NODES = st.builds(
    Node,
    NAMES,
    st.builds(Resources, st.floats(0.001, 512), st.integers(1, 2**40).map(float), st.integers(0, 8)),
    st.integers(1, 1000),
    st.lists(DEVICES, max_size=3).map(tuple),
)


LAWS = st.lists(SHARES, min_size=24, max_size=24).map(tuple)


@st.composite
def uses(draw: st.DrawFn) -> ExpectedUse:
    cpu, memory = sorted(draw(st.tuples(AMOUNTS, AMOUNTS))), sorted(draw(st.tuples(AMOUNTS, AMOUNTS)))
    return ExpectedUse(*cpu, *memory, draw(st.sampled_from(UseSource)), draw(LAWS))


EVENTS = st.builds(PodEvent, st.sampled_from(PodEventKind), PODS, NAMES, st.floats(0, 2e9))


@st.composite
def deltas(draw: st.DrawFn) -> BindDelta:
    event = draw(EVENTS)
    return BindDelta(draw(st.integers(0, 2**40)), event, draw(uses()) if event.is_bound else None)


@st.composite
def tables(draw: st.DrawFn) -> NodeTable:
    names = draw(st.lists(NAMES, unique=True, max_size=5))
    columns = draw(st.lists(NAMES, unique=True, min_size=1, max_size=4))
    values = np.array(
        draw(
            st.lists(
                st.floats(width=32, allow_infinity=False), min_size=len(names) * len(columns), max_size=len(names) * len(columns)
            )
        ),
        dtype=np.float32,
    ).reshape(len(names), len(columns))
    gpus = {row: tuple(draw(st.lists(DEVICES, min_size=1, max_size=2))) for row in range(len(names)) if draw(st.booleans())}
    hashes = tuple(f"{i:012x}" for i in range(len(columns)))
    demand = draw(st.sampled_from([GpuDemand(), GpuDemand((), (), 1, 2, 3), GpuDemand((23, 47), (5, 1), 2**40, 2**35, 2**33)]))
    return NodeTable(draw(st.integers(1, 2**40)), tuple(names), tuple(columns), values, hashes, gpus, 15.0, 900.0, 2.5, demand)


@st.composite
def credits(draw: st.DrawFn) -> Credits:
    rows = draw(st.lists(st.integers(0, 5000), unique=True, max_size=5))
    values = draw(st.lists(st.floats(0, 2**40, width=32), min_size=WIDTH * len(rows), max_size=WIDTH * len(rows)))
    return Credits(np.array(rows, dtype=np.int32), np.array(values, dtype=np.float32).reshape(len(rows), WIDTH))


def assembled(table: NodeTable) -> NodeTable:
    steps = features.table_to_protos(table)
    assembly = features.TableAssembly(steps[0].begin)
    for step in steps[1:-1]:
        assembly.take(step.chunk)
    return assembly.commit(steps[-1].commit)


@any_value
@given(PODS)
def test_a_pod_comes_back(pod):
    assert cluster.pod_from_proto(cluster.pod_to_proto(pod)) == pod


@any_value
@given(NODES)
def test_a_node_comes_back(node):
    assert cluster.node_from_proto(cluster.node_to_proto(node)) == node


@any_value
@given(deltas())
def test_a_bind_delta_comes_back(delta):
    assert features.delta_from_proto(features.delta_to_proto(delta)) == delta


@any_value
@given(tables())
def test_a_table_comes_back_from_its_chunks(table):
    back = assembled(table)
    np.testing.assert_array_equal(back.values, table.values)
    for name in (
        "generation",
        "node_names",
        "columns",
        "column_hashes",
        "gpus",
        "tick_seconds",
        "scrape_delay_seconds",
        "gpu_demand",
    ):
        assert getattr(back, name) == getattr(table, name)
    assert back.gpu_demand == table.gpu_demand


def test_after_states_beside_gpus_are_the_same_on_both_sides_of_the_wire():
    nodes = [Node(name, Resources(64.0, 2**38, 2), gpu_devices=(GpuDevice(0), GpuDevice(1))) for name in ("a", "b")]
    engine = FeatureEngine(nodes, 60, 0.0)
    for uid, share in (("p", 470), ("q", 810), ("r", 470)):
        engine.bind(Pod(uid, requests=Resources(8.0, 2**35, 1, share)), "a", 30.0)
    nothing = np.full((2, len(METRICS)), np.nan, dtype=np.float32)
    table = engine.tick(60, 60.0, nothing, [], np.zeros((0, 2), dtype=np.float32))
    pod = Pod("s", requests=Resources(8.0, 2**35, 1, 470))
    use = engine.profiles.expect(pod, 60.0)
    here, there = (
        after_states(ClusterView(side), np.arange(2, dtype=np.int32), pod, use, Credits(), 0.0)
        for side in (table, assembled(table))
    )
    np.testing.assert_array_equal(here, there)
    assert here[0, COLUMNS.index("gpu_lost_devices")] != here[1, COLUMNS.index("gpu_lost_devices")]


def test_rows_of_a_table_come_back_in_the_order_asked_for():
    table = NodeTable(60, ("a", "b", "c"), ("x",), np.array([[1], [2], [3]], dtype=np.float32))
    back = features.features_response_from_proto(features.features_response_to_proto(table, np.array([2, 0], dtype=np.int32)))
    assert (back.generation, back.node_names, back.values.tolist()) == (60, ("c", "a"), [[3.0], [1.0]])


RATIOS = st.lists(SHARES, min_size=4, max_size=4).map(tuple)
PROFILES = st.builds(
    WorkloadProfile, NAMES, AMOUNTS, RATIOS, st.one_of(st.just(()), st.lists(SHARES, min_size=24, max_size=24).map(tuple)), LAWS
)
CHANGES = st.builds(
    ProfileChange,
    st.lists(PROFILES, max_size=3).map(tuple),
    st.lists(st.builds(ColdStart, NAMES, RATIOS, AMOUNTS, LAWS), max_size=3).map(tuple),
)


@any_value
@given(CHANGES, st.booleans())
def test_profiles_come_back(change, replace_all):
    message = workload.profile_update_to_proto(change, 60, replace_all=replace_all)
    assert workload.profile_change_from_proto(message) == (change, replace_all)


def test_an_unknown_share_of_a_profile_stays_unknown():
    change = ProfileChange((WorkloadProfile("a/b", 1.0, (0.5, 0.5, math.nan, math.nan)),))
    back, _ = workload.profile_change_from_proto(workload.profile_update_to_proto(change, 60, replace_all=False))
    assert math.isnan(back.profiles[0].use_per_request_ratio[2])
    assert len(back.profiles[0].effective_use_ratio) == 24
    assert all(map(math.isnan, back.profiles[0].effective_use_ratio))


def test_senders_that_know_no_laws_leave_them_unknown():
    use = workload_pb2.ExpectedUse(cpu_p95_cores=1, source=workload_pb2.USE_SOURCE_PROFILE)
    assert workload.expected_use_from_proto(use) == ExpectedUse(0.0, 1.0, 0.0, 0.0, UseSource.PROFILE)
    profile = workload_pb2.WorkloadProfile(key="a/b", use_per_request_ratio=[0.5] * 4)
    cold = workload_pb2.ColdStart(key="*", use_per_request_ratio=[0.5] * 4)
    change, _ = workload.profile_change_from_proto(workload_pb2.ProfileUpdate(profiles=[profile], cold_starts=[cold]))
    assert change.profiles[0].effective_use_ratio == change.cold_starts[0].effective_use_ratio == UNKNOWN_LAW


@any_value
@given(PODS, uses(), credits(), st.lists(st.integers(0, 4999), unique=True, min_size=1, max_size=6), st.floats(0, 1))
def test_a_rank_query_comes_back(pod, use, owed, rows, weight):
    query = RankQuery(pod, use, np.array(rows, dtype=np.int32), (), owed, weight)
    (back,), generations = placement.rank_request_from_proto(placement.rank_request_to_proto([query], [120, 60]))
    assert generations == (120, 60)
    assert (back.pod, back.expected_use, back.rows.tolist(), back.objective_weight) == (pod, use, rows, weight)
    np.testing.assert_array_equal(back.credits.rows, owed.rows)
    np.testing.assert_array_equal(back.credits.values, owed.values)


def test_a_ranking_comes_back():
    answer = RankAnswer(60, (np.array([1.0, -2.0], dtype=np.float32), np.array([0.5], dtype=np.float32)), True, "1.0.0", True)
    back = placement.rank_answer_from_proto(placement.rank_answer_to_proto(answer), [2, 1])
    assert [utilities.tolist() for utilities in back.utilities] == [[1.0, -2.0], [0.5]]
    assert (back.generation, back.local, back.model_version, back.risk_masked) == (60, True, "1.0.0", True)


@pytest.mark.parametrize("counts", [[2], [2, 2], [2, 1, 1]])
def test_a_ranking_that_does_not_fit_its_candidates_is_refused(counts):
    answer = RankAnswer(60, (np.ones(2, dtype=np.float32), np.ones(1, dtype=np.float32)), False, "1", False)
    with pytest.raises(WrongShape):
        placement.rank_answer_from_proto(placement.rank_answer_to_proto(answer), counts)


def test_a_ranking_that_is_not_finite_is_refused():
    answer = RankAnswer(60, (np.array([np.nan], dtype=np.float32),), False, "1", False)
    with pytest.raises(InvalidValue):
        placement.rank_answer_from_proto(placement.rank_answer_to_proto(answer), [1])


def test_forecasts_of_some_rows_come_back_with_their_versions():
    values = np.random.default_rng(7).random((5, 24), dtype=np.float32)
    values[1, 3] = np.nan
    versions = (("cpu-forecaster", "1.0.0"), ("memory-forecaster", "1.0.0"), ("cpu-forecaster", "1.1.0"))
    row_versions = np.array([[0, 1], [2, 1], [0, 1], [2, 1], [0, 1]], dtype=np.int32)
    table = ForecastTable(60, values, versions, row_versions)
    rows = np.array([4, 1], dtype=np.int32)
    back = forecast.forecast_response_from_proto(forecast.forecast_response_to_proto(table, rows))
    np.testing.assert_array_equal(back.values, values[rows])
    np.testing.assert_array_equal(back.row_versions, row_versions[rows])
    assert back.model_versions == versions
    (part,) = forecast.forecast_to_protos(table)
    whole = forecast.ForecastAssembly(part).take(part)
    np.testing.assert_array_equal(whole.row_versions, row_versions)


def test_a_forecast_in_another_layout_is_refused():
    message = forecast.forecast_response_to_proto(ForecastTable(60, np.ones((1, 24), dtype=np.float32)))
    columns = list(message.columns)
    message.ClearField("columns")
    message.columns.extend([columns[1], columns[0], *columns[2:]])
    with pytest.raises(UnknownColumn, match="another order"):
        forecast.forecast_response_from_proto(message)


FLAGGED = (FlaggedNode(1, 3, True, (("cpu_used_ratio", 0.75), ("disk", 0.25))), FlaggedNode(3, 1, False))


def test_scores_come_back():
    table = RiskTable(60, np.array([0.1, 0.9, np.nan, 0.8], dtype=np.float32), 0.75, FLAGGED, "1.0.0")
    back = anomaly.risk_from_proto(anomaly.risk_to_proto(table))
    np.testing.assert_array_equal(back.risk, table.risk)
    assert (back.flagged, back.threshold, back.model_version) == (FLAGGED, 0.75, "1.0.0")


def test_flagged_rows_of_an_answer_about_some_nodes_are_positions_in_it():
    table = RiskTable(60, np.array([0.1, 0.9, 0.2, 0.8], dtype=np.float32), 0.75, FLAGGED, "1.0.0")
    rows = np.array([3, 0], dtype=np.int32)
    message = anomaly.risk_response_to_proto(table, rows)
    assert [entry.row for entry in message.flagged] == [3]
    back = anomaly.risk_response_from_proto(message, rows)
    assert back.risk.tolist() == table.risk[rows].tolist()
    assert [node.row for node in back.flagged] == [0]


RESOURCE = cluster_pb2.Resources
REFUSED = {
    "a pod without a uid": lambda: cluster.pod_from_proto(cluster_pb2.Pod(name="web")),
    "a negative request": lambda: cluster.resources_from_proto(RESOURCE(cpu_cores=-1)),
    "a request that is NaN": lambda: cluster.resources_from_proto(RESOURCE(cpu_cores=math.nan)),
    "a share of a GPU above 1": lambda: cluster.resources_from_proto(RESOURCE(gpu_milli_per_device=1001)),
    "a node without CPU": lambda: cluster.node_from_proto(cluster_pb2.Node(name="a", allocatable=RESOURCE(memory_bytes=1))),
    "a node with a negative pod limit": lambda: cluster.node_from_proto(cluster_pb2.Node(name="a", pod_limit_count=-1)),
    "an event of no kind": lambda: cluster.pod_event_from_proto(cluster_pb2.PodEvent(pod=cluster_pb2.Pod(uid="u"))),
    "an event at no time": lambda: cluster.pod_event_from_proto(cluster_pb2.PodEvent(kind=1, event_time_seconds=math.inf)),
    "a bind to no node": lambda: cluster.pod_event_from_proto(cluster_pb2.PodEvent(kind=1, pod=cluster_pb2.Pod(uid="u"))),
    "a use of no source": lambda: workload.expected_use_from_proto(workload_pb2.ExpectedUse()),
    "a p95 below its median": lambda: workload.expected_use_from_proto(workload_pb2.ExpectedUse(cpu_p50_cores=1, source=1)),
    "a law of 23 values": lambda: workload.expected_use_from_proto(
        workload_pb2.ExpectedUse(source=1, effective_use_ratio=[0.5] * 23)
    ),
    "a law of which something is unknown": lambda: workload.expected_use_from_proto(
        workload_pb2.ExpectedUse(source=1, effective_use_ratio=[0.5] * 23 + [math.nan])
    ),
    "a law below zero": lambda: workload.expected_use_from_proto(
        workload_pb2.ExpectedUse(source=1, effective_use_ratio=[0.5] * 23 + [-0.5])
    ),
    "a profile's law of 12 values": lambda: workload.profile_change_from_proto(
        workload_pb2.ProfileUpdate(
            profiles=[workload_pb2.WorkloadProfile(key="a", use_per_request_ratio=[1] * 4, effective_use_ratio=[0.5] * 12)]
        )
    ),
    "a cold start's law that is infinite": lambda: workload.profile_change_from_proto(
        workload_pb2.ProfileUpdate(
            cold_starts=[workload_pb2.ColdStart(key="a", use_per_request_ratio=[1] * 4, effective_use_ratio=[math.inf] * 24)]
        )
    ),
    "a request without generations": lambda: placement.rank_request_from_proto(placement_pb2.RankNodesRequest()),
    "a request without queries": lambda: placement.rank_request_from_proto(placement_pb2.RankNodesRequest(generations=[1])),
    "a query without candidates": lambda: placement.rank_query_from_proto(placement_pb2.RankQuery()),
    "a query with a name twice": lambda: placement.rank_query_from_proto(placement_pb2.RankQuery(node_names=["a", "a"])),
    "a weight above 1": lambda: placement.rank_query_from_proto(placement_pb2.RankQuery(node_names=["a"], objective_weight=2)),
    "credits without their values": lambda: placement.credits_from_proto(placement_pb2.Credits(rows=b"\0" * 4)),
    "a negative credit": lambda: placement.credits_from_proto(
        placement_pb2.Credits(rows=b"\0" * 4, values=np.full(WIDTH, -1, dtype="<f4").tobytes())
    ),
    "scores that are not the shape": lambda: anomaly.risk_from_proto(anomaly_pb2.WatchScoresResponse(generation=1, row_count=2)),
    "a score of a row not asked for": lambda: anomaly.risk_response_from_proto(
        anomaly_pb2.ScoreNodesResponse(generation=1, flagged=[anomaly_pb2.FlaggedNode(row=5)]), np.empty(0, dtype=np.int32)
    ),
    "a forecast of a billion rows": lambda: forecast.ForecastAssembly(forecast_pb2.WatchForecastsResponse(total_row_count=10**9)),
}


@pytest.mark.parametrize("read", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused_with_its_field(read):
    with pytest.raises(HydatisError) as refused:
        read()
    assert isinstance(refused.value, InvalidValue | WrongShape | Duplicate)
    assert refused.value.field


def test_a_pod_limit_of_zero_is_the_usual_one():
    message = cluster_pb2.Node(name="a", allocatable=RESOURCE(cpu_cores=1, memory_bytes=1))
    assert cluster.node_from_proto(message).pod_limit_count == 110
