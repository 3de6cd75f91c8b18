from __future__ import annotations

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_core.errors import TraceRefused
from hydatis_simulator.policy import StockPolicy
from hydatis_simulator.replay import replay
from hydatis_simulator.traces.openb import ORIGIN_SECONDS, TRACE_END_SECONDS
from hydatis_simulator.traces.registry import read_trace

POD_HEADER = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time"
PODS = [
    ("p0", 4000, 8192, 1, 460, "", "LS", "Running", 0, 200_000, 0),
    ("p1", 6000, 0, 2, 1000, "T4|P100", "BE", "Succeeded", 90_000, 95_000, 90_001),
    ("p2", 1000, 1024, 0, 0, "", "BE", "Pending", 100_000, int(TRACE_END_SECONDS), ""),
    ("p3", 1000, 1024, 0, 0, "", "LS", "Failed", 110_000, 110_000, 110_000),
    ("p3", 1000, 1024, 0, 0, "", "LS", "Failed", 120_000, 130_000, 120_000),
    ("p4", 1000, 1024, 0, 0, "", "LS", "Running", 500_000, 600_000, 500_000),
]
NODES = [("n0", 32000, 131072, 2, "P100"), ("n1", 64000, 262144, 0, ""), ("n2", 0, 1, 0, "")]


def write_raw(folder, pods=PODS, nodes=NODES, name="default", header=POD_HEADER):
    lines = [header, *(",".join(str(v) for v in pod) for pod in pods)]
    (folder / f"openb_pod_list_{name}.csv").write_text("\n".join(lines) + "\n")
    nodes_text = ["sn,cpu_milli,memory_mib,gpu,model", *(",".join(str(v) for v in node) for node in nodes)]
    (folder / "openb_node_list_gpu_node.csv").write_text("\n".join(nodes_text) + "\n")


def write_parquet(folder, pods=PODS, nodes=NODES):
    names = (
        "pod_name", "cpu_milli", "memory_mib", "gpu_count", "gpu_milli_per_gpu", "gpu_spec", "qos", "pod_phase", "creation_time_s",
        "deletion_time_s", "scheduled_time_s",
    )  # fmt: skip
    table = {name: [None if pod[i] == "" else pod[i] for pod in pods] for i, name in enumerate(names)}
    table["pod_list"] = ["default"] * len(pods)
    pq.write_table(pa.table(table), folder / "pods.parquet")
    node_names = ("node_name", "cpu_milli", "memory_mib", "gpu_count", "gpu_model")
    columns = {name: [None if node[i] == "" else node[i] for node in nodes] for i, name in enumerate(node_names)}
    pq.write_table(pa.table(columns), folder / "nodes_gpu_node.parquet")


def both(folder, **options):
    (folder / "raw").mkdir()
    (folder / "parquet").mkdir()
    write_raw(folder / "raw")
    write_parquet(folder / "parquet")
    raw, parquet = (read_trace("openb", folder / layout, seed=1, **options) for layout in ("raw", "parquet"))
    assert raw.digest() == parquet.digest()
    assert raw.report.rules == parquet.report.rules
    return parquet


def test_pods_keep_requests_lives_and_allowed_models(tmp_path):
    trace = both(tmp_path)
    by_uid = {p.pod.uid: p for p in trace.pods}
    assert list(by_uid) == ["p0", "p1", "p2", "p3", "p3-row-4", "p4"]
    shared, models = by_uid["p0"].pod.requests, by_uid["p1"].gpu_models
    assert (shared.cpu_cores, shared.memory_bytes, shared.gpu_count, shared.gpu_milli_per_device) == (4.0, 8 * 2.0**30, 1, 460)
    assert models == ("T4", "P100")
    assert by_uid["p2"].end_seconds == math.inf
    assert by_uid["p3"].end_seconds - by_uid["p3"].arrival_seconds == 1.0
    assert by_uid["p0"].pod.namespace == "openb-ls"
    assert [(n.name, len(n.gpu_devices)) for n in trace.nodes] == [("n0", 2), ("n1", 0)]
    counts = {r.name: r.count for r in trace.report.rules if r.count}
    assert counts == {
        "negative_value": 1, "name_repeated": 1, "memory_request_zero": 1, "life_zero": 1, "capped_at_end": 1, "gpu_spec": 1,
    }  # fmt: skip


def test_use_is_the_request_without_taking_memory(tmp_path):
    trace = both(tmp_path)
    assert trace.cpu_used_cores[0, 0] == trace.cpu_used_cores[0, -1] == 4.0
    assert trace.cpu_used_cores.strides[1] == 0
    assert any("Use is taken to be the request" in text for text in trace.report.assumptions)


def test_a_window_takes_the_pods_that_live_in_it(tmp_path):
    trace = both(tmp_path, start_day=1, days=1)
    assert trace.start_seconds == ORIGIN_SECONDS + 86_400
    assert [p.pod.uid for p in trace.pods] == ["p0", "p1", "p2", "p3", "p3-row-4"]
    assert trace.pods[0].arrival_seconds == trace.start_seconds
    assert (trace.report.count("alive_at_start"), trace.report.count("outside_window")) == (1, 1)


def test_lists_without_times_arrive_by_seed_and_run_on(tmp_path):
    header = "name,cpu_milli,memory_mib,num_gpu,gpu_milli"
    write_raw(tmp_path, [(f"q{i}", 1000, 1024, 0, 0) for i in range(20)], name="multigpu20", header=header)
    trace = read_trace("openb", tmp_path, seed=1, days=1, pod_list="multigpu20")
    assert trace.report.count("times_missing") == 20
    assert all(math.isinf(p.end_seconds) for p in trace.pods)
    again = read_trace("openb", tmp_path, seed=1, days=1, pod_list="multigpu20")
    assert again.digest() == trace.digest() != read_trace("openb", tmp_path, seed=2, days=1, pod_list="multigpu20").digest()


def test_a_pod_count_takes_a_part(tmp_path):
    assert len(both(tmp_path, pod_count=3).pods) == 3


def test_the_trace_replays_on_its_own_nodes_with_its_gpus(tmp_path):
    trace = both(tmp_path, days=3)
    outcome = replay(trace, trace.nodes, StockPolicy(), seed=1, tick_seconds=3600)
    where = {p.pod_uid: p.node_name for p in outcome.placements}
    assert where["p0"] == "n0"
    # p1 wants two whole devices; p0 holds a share of one of them, so it waits until its own life has passed.
    assert "p1" not in where
    assert outcome.figures["expired_count"] == 1


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda folder: None, "holds no list 'default' of pods"),
        (lambda folder: write_raw(folder, header="name,cpu_milli"), "lacks column memory_mib"),
        (lambda folder: write_raw(folder, pods=PODS[:1]), "has 1 pods"),
        (lambda folder: write_raw(folder, nodes=[]), "has no node"),
        (lambda folder: (folder / "pods.parquet").write_text("x"), "cannot be read as Parquet"),
    ],
)
def test_what_is_no_such_trace_is_refused(tmp_path, prepare, words):
    prepare(tmp_path)
    with pytest.raises(TraceRefused, match=words):
        read_trace("openb", tmp_path, seed=1)


def test_unknown_lists_are_refused_with_the_known_ones(tmp_path):
    write_parquet(tmp_path)
    with pytest.raises(TraceRefused, match=r"no list 'x' of pods.*default"):
        read_trace("openb", tmp_path, seed=1, pod_list="x")
    with pytest.raises(TraceRefused, match="no list 'x' of nodes"):
        read_trace("openb", tmp_path, seed=1, node_list="x")
