"""The engine: what it takes, what it refuses, and what one tick says of a small cluster."""

import numpy as np
import pytest
from hydatis_core.errors import Duplicate, InvalidValue, UnknownNode, WrongShape
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.commitment_transforms import capacity_columns, load_sums
from hydatis_features.engine import FeatureEngine
from hydatis_features.expected_use import UseSource
from hydatis_features.schema import SCHEMA
from hydatis_features.usage import METRICS
from hydatis_features.use_law import TAIL_WEIGHTS, loads

START = 1_699_999_800  # a multiple of 300
NO_PODS = np.zeros((0, 2), dtype=np.float32)
NAN = float("nan")


def _engine(*names, tick=60):
    nodes = [Node(name, Resources(4.0, 16e9), 10, (GpuDevice(0),) if name == "gpu" else ()) for name in names]
    return FeatureEngine(nodes, tick, 0.0)


def _usage(*rows):
    usage = np.zeros((len(rows), len(METRICS)), dtype=np.float32)
    usage[:, :2] = np.array(rows, dtype=np.float32).reshape(-1, 2)
    return usage


def _pod(uid, cpu=1.0, memory=4e9, **more):
    return Pod(uid, workload=f"w-{uid}", requests=Resources(cpu, memory), **more)


def _tick(engine, offset, *rows, pods=None):
    pods = pods or {}
    pod_usage = np.array(list(pods.values()), dtype=np.float32).reshape(-1, 2)
    return engine.tick(START + offset, START + offset, _usage(*rows), list(pods), pod_usage)


def _row(table, node=0):
    return dict(zip(table.columns, table.values[node].tolist(), strict=True))


def test_golden_figures_of_one_node():
    engine = _engine("a")
    expected = engine.bind(_pod("u", limits=Resources(2.0, 0.0)), "a", START - 100.0)
    assert expected is not None
    assert expected.source is UseSource.REQUEST
    for i, cpu in enumerate([1.0, 2.0, 3.0]):
        table = _tick(engine, 60 * i, (cpu, 8e9))
    row = _row(table)
    golden = {
        "cpu_allocatable_cores": 4.0, "pod_limit_count": 10.0, "gpu_device_count": 0.0, "node_age_seconds": 120.0,
        "cpu_requested_ratio": 0.25, "memory_requested_ratio": 0.25, "cpu_limit_ratio": 0.5, "memory_limit_ratio": 0.25,
        "gpu_requested_ratio": NAN, "gpu_largest_free_ratio": NAN, "pod_count": 1.0, "pod_count_ratio": 0.1,
        "pods_started_15m_count": 1.0, "pods_ended_15m_count": 0.0, "cpu_expected_ratio": 0.25, "memory_expected_p95_ratio": 0.25,
        "cpu_used_ratio": 0.75, "cpu_used_mean_15m_ratio": 0.5, "cpu_used_mean_1h_ratio": 0.5, "cpu_used_mean_6h_ratio": 0.25,
        "cpu_used_max_1h_ratio": 0.75, "cpu_used_min_1h_ratio": 0.25, "cpu_used_p50_1h_ratio": 0.5, "cpu_used_p95_1h_ratio": 0.725,
        "cpu_used_std_1h_ratio": np.sqrt(0.125 / 3), "cpu_used_change_15m_ratio": 0.5, "cpu_used_lag_1h_ratio": NAN,
        "cpu_used_slope_1h_ratio_per_hour": 15.0, "cpu_used_volatility_1h_ratio": 0.25, "cpu_hot_1h_ratio": 0.0,
        "cpu_headroom_p95_1h_ratio": 0.275, "cpu_request_slack_ratio": -0.5, "memory_used_burstiness_1h": -1.0,
        "usage_age_seconds": 0.0, "usage_coverage_1h_ratio": 3 / 60, "usage_coverage_24h_ratio": 1 / 288, "usage_zero_suspect": 0.0,
        "network_receive_mean_15m_bytes_per_second": 0.0,
        # Of the cold law, 1 / 3.6 of the room: e(2.78), e(5.56), e(11.1) over 3.6; memory 4 / 15.2.
        "cpu_effective_10_ratio": 0.0733847, "cpu_effective_20_ratio": 0.1331777, "cpu_effective_40_ratio": 0.2004644,
        "memory_effective_10_ratio": 0.0669659, "memory_effective_20_ratio": 0.1205039, "memory_effective_40_ratio": 0.1860095,
    }  # fmt: skip
    # The 6-hour mean knows the bin that closed at START, with its one sample.
    assert {name: row[name] for name in golden} == pytest.approx(golden, rel=1e-5, nan_ok=True)


def test_loads_of_nodes_are_the_same_to_the_last_bit_in_any_order_of_their_pods():
    random = np.random.default_rng(8)
    laws = np.sort(random.random((500, 2, TAIL_WEIGHTS.size)), axis=-1)
    bases, rows = random.random((500, 2)) * [1, 4e9] + [0.01, 1e7], random.integers(0, 3, 500)
    capacity = capacity_columns([Node(f"n{i}", Resources(32.0, 128e9)) for i in range(4)])
    one, *others = (
        load_sums(rows[order], laws[order], bases[order], capacity)
        for order in (np.arange(500), np.arange(500)[::-1], random.permutation(500))
    )
    assert all(other.tobytes() == one.tobytes() for other in others)
    np.testing.assert_allclose(one[:3, 0].sum(axis=0) * 28.8, (loads(laws, bases, np.array([28.8, 1.0]))[:, 0] * 28.8).sum(axis=0))
    assert (one[3] == 0).all()


def test_the_table_has_exactly_the_columns_of_the_schema_and_names_its_times():
    engine = FeatureEngine([Node("a", Resources(1.0, 1.0))], 15, 7.5, 600.0)
    table = engine.tick(START, START - 7.5, _usage((NAN, NAN)), [], NO_PODS)
    assert (table.columns, table.column_hashes) == (SCHEMA.names, SCHEMA.hashes)
    assert (table.generation, table.tick_seconds, table.scrape_delay_seconds, table.metric_window_seconds) == (
        START,
        15,
        7.5,
        600.0,
    )


def test_a_node_of_which_nothing_is_known_has_unknown_use_and_known_commitments():
    row = _row(_tick(_engine("a"), 0, (NAN, NAN)))
    usage = {feature.name for feature in SCHEMA.features if feature.source in ("usage",)}
    assert all(np.isnan(row[name]) for name in usage)
    assert np.isnan(row["usage_age_seconds"])
    assert row["usage_coverage_1h_ratio"] == row["cpu_requested_ratio"] == row["pod_count"] == 0.0


def test_samples_that_stop_coming_grow_old_and_then_unknown():
    engine = _engine("a")
    _tick(engine, 0, (1.0, 8e9))
    seen = {}
    for offset in (600, 900, 3540, 3600, 86400, 90000):
        seen[offset] = _row(engine.tick(START + offset, START, _usage((2.0, 8e9)), [], NO_PODS))
    assert [row["usage_age_seconds"] for row in seen.values()] == [600, 900, 3540, 3600, 86400, 90000]
    assert seen[600]["cpu_used_ratio"] == 0.25
    assert np.isnan(seen[900]["cpu_used_ratio"])
    assert np.isnan(seen[900]["usage_zero_suspect"])
    assert seen[3540]["cpu_used_mean_1h_ratio"] == 0.25
    assert np.isnan(seen[3600]["cpu_used_mean_1h_ratio"])
    assert seen[3600]["cpu_used_lag_1h_ratio"] == 0.25
    assert seen[86400]["cpu_used_lag_24h_ratio"] == 0.25
    assert np.isnan(seen[90000]["cpu_used_mean_24h_ratio"])


def test_a_sample_missing_on_one_node_leaves_its_last_one():
    engine = _engine("a", "b")
    _tick(engine, 0, (1.0, 8e9), (1.0, 8e9))
    table = _tick(engine, 60, (2.0, 8e9), (NAN, NAN))
    assert table.column("cpu_used_ratio").tolist() == [0.5, 0.25]
    assert table.column("usage_age_seconds").tolist() == [0.0, 60.0]


def test_zero_is_suspect_only_where_pods_have_run_for_a_while():
    engine = _engine("old", "fresh", "empty")
    engine.bind(_pod("u"), "old", START - 900.0)
    engine.bind(_pod("v"), "fresh", START - 899.0)
    table = _tick(engine, 0, (0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
    assert table.column("usage_zero_suspect").tolist() == [1.0, 0.0, 0.0]
    assert np.array_equal(table.column("cpu_used_ratio"), [NAN, 0.0, 0.0], equal_nan=True)


def test_expected_use_of_bound_pods_follows_what_is_learned():
    engine = _engine("a")
    engine.bind(_pod("u", cpu=2.0), "a", float(START))
    for i in range(20):
        table = _tick(engine, 60 * i, (0.5, 1e9), pods={"u": (0.4, 1e9), "not-bound": (3.0, 9e9)})
    assert table.column("cpu_expected_ratio")[0] == pytest.approx(0.1, rel=0.08)
    assert table.column("cpu_expected_p95_ratio")[0] >= table.column("cpu_expected_ratio")[0]
    assert table.column("memory_expected_ratio")[0] == pytest.approx(1 / 16, rel=0.08)
    assert engine.bind(Pod("v", workload="w-u", requests=Resources(2.0, 4e9)), "a", START + 1200.0).source is UseSource.PROFILE


def test_the_same_tick_again_gives_the_same_table_and_learns_nothing():
    engine = _engine("a")
    engine.bind(_pod("u"), "a", float(START))
    first = _tick(engine, 0, (1.0, 8e9), pods={"u": (0.4, 1e9)})
    assert _tick(engine, 0, (3.0, 9e9), pods={"u": (0.9, 2e9)}) is first


def test_the_order_of_pods_does_not_matter_to_the_last_bit():
    rng = np.random.default_rng(5)
    engines = [_engine("a"), _engine("a")]
    for engine in engines:
        for i in range(40):
            engine.bind(Pod(f"u{i}", workload="w", requests=Resources(0.7, 1.3e9)), "a", float(START))
    for step in range(15):
        pods = {f"u{i}": pair for i, pair in enumerate(rng.random((40, 2)).tolist())}
        shuffled = {f"u{i}": pods[f"u{i}"] for i in rng.permutation(40)}
        tables = [_tick(engine, 60 * step, (1.0, 1e9), pods=order) for engine, order in zip(engines, (pods, shuffled), strict=True)]
        assert tables[0].values.tobytes() == tables[1].values.tobytes()
    blobs = [engine.snapshot() for engine in engines]
    assert all(blobs[0][name].tobytes() == blobs[1][name].tobytes() for name in blobs[0])


def test_gpu_shares_show_in_columns_and_devices():
    engine = _engine("a", "gpu")
    engine.bind(Pod("u", requests=Resources(1.0, 1e9, 1, 250)), "gpu", float(START))
    table = _tick(engine, 0, (1.0, 1e9), (1.0, 1e9))
    row = _row(table, 1)
    assert (row["gpu_requested_ratio"], row["gpu_largest_free_ratio"], row["gpu_whole_free_count"]) == (0.25, 0.75, 0.0)
    assert {key: [device.free_milli for device in devices] for key, devices in table.gpus.items()} == {1: [750]}
    engine.end("u", START + 30.0)
    assert table.gpus[1][0].free_milli == 750


def test_nodes_are_replaced_and_those_that_stay_keep_their_past():
    engine = _engine("a", "b")
    engine.bind(_pod("u"), "a", float(START))
    engine.bind(_pod("v"), "b", float(START))
    for i in range(5):
        _tick(engine, 60 * i, (1.0, 8e9), (2.0, 8e9))
    larger = Node("b", Resources(8.0, 16e9))
    assert engine.replace_nodes([Node("c", Resources(4.0, 16e9)), larger]) == ["u"]
    table = _tick(engine, 300, (NAN, NAN), (NAN, NAN))
    assert table.node_names == ("c", "b")
    assert np.array_equal(table.column("cpu_used_ratio"), [NAN, 0.25], equal_nan=True)
    assert np.array_equal(table.column("cpu_used_mean_24h_ratio"), [NAN, 0.25], equal_nan=True)
    assert table.column("node_age_seconds").tolist() == [0.0, 300.0]
    assert table.column("pod_count").tolist() == [0.0, 1.0]
    assert table.column("cpu_requested_ratio").tolist() == [0.0, 0.125]


def test_a_cluster_without_nodes_has_an_empty_table():
    engine = FeatureEngine([], 60, 0.0)
    assert _tick(engine, 0).values.shape == (0, len(SCHEMA.names))
    engine.replace_nodes([Node("a", Resources(1.0, 1.0))])
    assert _tick(engine, 60, (0.5, 0.5)).column("cpu_used_ratio").tolist() == [0.5]


def test_input_is_not_changed():
    engine = _engine("a")
    engine.bind(_pod("u"), "a", START - 5000.0)
    usage, pod_usage = _usage((0.0, 0.0)), np.zeros((1, 2), dtype=np.float32)
    usage.flags.writeable = pod_usage.flags.writeable = False
    engine.tick(START, START, usage, ["u"], pod_usage)
    assert not usage.any()
    assert not pod_usage.any()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"generation": 0}, InvalidValue),
        ({"generation": START - 60}, InvalidValue),
        ({"sample_time_seconds": START + 61.0}, InvalidValue),
        ({"sample_time_seconds": NAN}, InvalidValue),
        ({"node_usage": _usage((-1.0, 0.0))}, InvalidValue),
        ({"node_usage": _usage((np.inf, 0.0))}, InvalidValue),
        ({"node_usage": _usage((1.0, 1.0), (1.0, 1.0))}, WrongShape),
        ({"pod_usage": np.zeros((2, 2), dtype=np.float32)}, WrongShape),
        ({"pod_usage": np.full((1, 2), -1, dtype=np.float32)}, InvalidValue),
        ({"pod_uids": ["u", "u"], "pod_usage": np.zeros((2, 2), dtype=np.float32)}, Duplicate),
    ],
)
def test_bad_input_is_refused_and_nothing_is_taken(changes, error):
    engine, other = _engine("a"), _engine("a")
    for one in (engine, other):
        one.bind(_pod("u"), "a", float(START))
        _tick(one, 0, (1.0, 8e9))
    good = {
        "generation": START + 60, "sample_time_seconds": START + 60.0, "node_usage": _usage((2.0, 8e9)),
        "pod_uids": ["u"], "pod_usage": np.ones((1, 2), dtype=np.float32),
    }  # fmt: skip
    with pytest.raises(error):
        engine.tick(**(good | changes))
    assert np.array_equal(engine.tick(**good).values, other.tick(**good).values, equal_nan=True)


def test_events_of_unknown_nodes_and_times_are_refused():
    engine = _engine("a")
    with pytest.raises(UnknownNode):
        engine.bind(_pod("u"), "nowhere", 1.0)
    with pytest.raises(InvalidValue):
        engine.bind(_pod("u"), "a", NAN)
    assert engine.bind(_pod("u"), "a", 1.0) is not None
    assert engine.bind(_pod("u"), "a", 1.0) is None
    assert engine.end("u", 2.0)
    assert not engine.end("u", 2.0)
    with pytest.raises(InvalidValue):
        FeatureEngine([], 60, -1.0)
