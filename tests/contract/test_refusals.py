"""What every RPC says to input that is wrong: one table, over the wire, against the running stack.

Each row breaks one thing of a request that is right. After all of them the stack answers as before: nothing of what was refused
was stored, and no process was lost.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from hydatis.anomaly.v1 import anomaly_pb2
from hydatis.cluster.v1 import cluster_pb2
from hydatis.features.v1 import features_pb2
from hydatis.forecast.v1 import forecast_pb2
from hydatis.oip import open_inference_pb2
from hydatis.placement.v1 import placement_pb2
from hydatis.workload.v1 import workload_pb2
from hydatis_cli.stack import Stack
from hydatis_cli.supervision import Supervision
from hydatis_features.usage import METRICS
from hydatis_placement.after_state import COLUMN_DEFINITIONS, COLUMNS
from hydatis_serving.model_client import columns_parameter

FEATURES = "hydatis.features.v1.FeatureService"
REPLAY = "hydatis.features.v1.ReplaySourceService"
FORECAST = "hydatis.forecast.v1.ForecastService"
ANOMALY = "hydatis.anomaly.v1.AnomalyService"
PLACEMENT = "hydatis.placement.v1.PlacementService"
MODEL = "inference.GRPCInferenceService"

NAN, INF = float("nan"), float("inf")
INVALID, NOT_FOUND, PRECONDITION = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION


def int32(*rows: int) -> bytes:
    return np.array(rows, dtype="<i4").tobytes()


def float32(*values: float) -> bytes:
    return np.array(values, dtype="<f4").tobytes()


# --- requests that are right


def node_features(cluster: Any) -> Message:
    return features_pb2.GetNodeFeaturesRequest(node_names=cluster.node_names[:2])


def load_cluster(cluster: Any) -> Message:
    nodes = [cluster_pb2.Node(name=name, allocatable=cluster_pb2.Resources(cpu_cores=8, memory_bytes=2**34)) for name in ("x", "y")]
    return features_pb2.LoadClusterRequest(nodes=nodes, tick_seconds=300, scrape_delay_seconds=15)


def pod_events(cluster: Any) -> Message:
    pod = cluster_pb2.Pod(uid="pod-0", name="pod-0", namespace="default", workload="Deployment/web")
    event = cluster_pb2.PodEvent(
        kind=cluster_pb2.POD_EVENT_KIND_BOUND, pod=pod, node_name=cluster.node_names[0], event_time_seconds=cluster.generation
    )
    return features_pb2.ReportPodEventsRequest(events=[event])


def next_tick(cluster: Any) -> Message:
    return features_pb2.AdvanceTickRequest(
        tick_time_seconds=cluster.generation + 300,
        sample_time_seconds=cluster.generation + 285,
        node_usage=float32(*[1.0] * len(cluster.node_names) * len(METRICS)),
        usage_metrics=METRICS,
        pod_uids=["pod-0"],
        pod_usage=float32(1.0, 2.0),
    )


def forecast_nodes(cluster: Any) -> Message:
    return forecast_pb2.ForecastNodesRequest(generation=cluster.generation, rows=int32(0, 1))


def score_nodes(cluster: Any) -> Message:
    return anomaly_pb2.ScoreNodesRequest(generation=cluster.generation, rows=int32(0, 1))


def rank_nodes(cluster: Any) -> Message:
    query = placement_pb2.RankQuery(
        pod=cluster_pb2.Pod(uid="new", name="new", namespace="default"),
        expected_use=workload_pb2.ExpectedUse(
            cpu_p50_cores=1, cpu_p95_cores=2, memory_p50_bytes=1e9, memory_p95_bytes=2e9, source=workload_pb2.USE_SOURCE_REQUEST
        ),
        rows=int32(0, 1, 2),
        credits=placement_pb2.Credits(rows=int32(0), values=float32(*[1.0] * 13)),
    )
    return placement_pb2.RankNodesRequest(generations=[cluster.generation], queries=[query])


def await_generation(cluster: Any) -> Message:
    return placement_pb2.AwaitGenerationRequest(generation=cluster.generation, with_risk=True)


def model_infer(cluster: Any) -> Message:
    request = open_inference_pb2.ModelInferRequest(model_name="placement-policy")
    request.inputs.add(name="rows", datatype="FP32", shape=[2, len(COLUMNS)])
    request.raw_input_contents.append(float32(*[0.5] * 2 * len(COLUMNS)))
    return request


def watch(name: str) -> Callable[[Any], Message]:
    package, noun = name.split(".")
    messages = importlib.import_module(f"hydatis.{package}.v1.{package}_pb2")
    return lambda _: getattr(messages, f"Watch{noun}Request")(subscriber="a contract test")


RIGHT: dict[str, Callable[[Any], Message]] = {
    f"{FEATURES}/WatchTable": watch("features.Table"),
    f"{FEATURES}/GetNodeFeatures": node_features,
    f"{REPLAY}/LoadCluster": load_cluster,
    f"{REPLAY}/ReportPodEvents": pod_events,
    f"{REPLAY}/AdvanceTick": next_tick,
    f"{FORECAST}/ForecastNodes": forecast_nodes,
    f"{FORECAST}/WatchForecasts": watch("forecast.Forecasts"),
    f"{ANOMALY}/ScoreNodes": score_nodes,
    f"{ANOMALY}/WatchScores": watch("anomaly.Scores"),
    f"{PLACEMENT}/RankNodes": rank_nodes,
    f"{PLACEMENT}/AwaitGeneration": await_generation,
    f"{MODEL}/ModelInfer": model_infer,
}

# --- the table


@dataclass(frozen=True)
class Refusal:
    """One thing that is wrong, and what is said to it."""

    rpc: str
    wrong: str
    change: dict[str, Any]
    """Path in the request -> value; a path goes through repeated fields by position. None clears the field."""
    code: grpc.StatusCode
    reason: str
    field: str


def refusals(rpc: str, *rows: tuple[str, dict[str, Any], grpc.StatusCode, str, str]) -> list[Refusal]:
    return [Refusal(rpc, *row) for row in rows]


def of_rows(rpc: str) -> list[Refusal]:
    """What forecaster and anomaly-detector say alike."""
    return refusals(
        rpc,
        ("rows of half an int32", {"rows": b"\0\0\0\0\0\0"}, INVALID, "WRONG_SHAPE", "rows"),
        ("a negative row", {"rows": int32(0, -1)}, INVALID, "INVALID_VALUE", "rows"),
        ("a row twice", {"rows": int32(1, 1)}, INVALID, "DUPLICATE", "rows"),
        ("a row past the end", {"rows": int32(0, 5000)}, NOT_FOUND, "UNKNOWN_NODE", "rows"),
        ("an unknown node", {"rows": None, "node_names": ["nobody"]}, NOT_FOUND, "UNKNOWN_NODE", "node_names"),
        ("a node twice", {"rows": None, "node_names": ["contract-00"] * 2}, INVALID, "DUPLICATE", "node_names"),
        ("a negative generation", {"generation": -1}, INVALID, "INVALID_VALUE", "generation"),
        ("a generation of tomorrow", {"generation": 4_000_000_200}, PRECONDITION, "GENERATION_UNAVAILABLE", "generation"),
    )


def of_query(*rows: tuple[str, dict[str, Any], grpc.StatusCode, str, str]) -> list[Refusal]:
    """Rows about the one query of a RankNodes."""
    return refusals(
        f"{PLACEMENT}/RankNodes",
        *((wrong, {f"queries.0.{path}": value for path, value in change.items()}, *said) for wrong, change, *said in rows),
    )


TABLE: list[Refusal] = [
    *refusals(f"{FEATURES}/WatchTable", ("no subscriber", {"subscriber": ""}, INVALID, "INVALID_VALUE", "subscriber")),
    *refusals(f"{FORECAST}/WatchForecasts", ("no subscriber", {"subscriber": ""}, INVALID, "INVALID_VALUE", "subscriber")),
    *refusals(f"{ANOMALY}/WatchScores", ("no subscriber", {"subscriber": ""}, INVALID, "INVALID_VALUE", "subscriber")),
    *refusals(
        f"{FEATURES}/GetNodeFeatures",
        ("an unknown node", {"node_names": ["nobody"]}, NOT_FOUND, "UNKNOWN_NODE", "node_names"),
        ("a node twice", {"node_names": ["contract-00"] * 2}, INVALID, "DUPLICATE", "node_names"),
        ("a generation of tomorrow", {"generation": 4_000_000_200}, PRECONDITION, "GENERATION_UNAVAILABLE", "generation"),
    ),
    *refusals(
        f"{REPLAY}/LoadCluster",
        ("no node", {"nodes": None}, INVALID, "INVALID_VALUE", "nodes"),
        ("a node twice", {"nodes.1.name": "x"}, INVALID, "DUPLICATE", "nodes"),
        ("a node without a name", {"nodes.1.name": ""}, INVALID, "INVALID_VALUE", "name"),
        ("a node with nothing to give", {"nodes.0.allocatable.cpu_cores": 0.0}, INVALID, "INVALID_VALUE", "allocatable"),
        ("NaN cores", {"nodes.0.allocatable.cpu_cores": NAN}, INVALID, "INVALID_VALUE", "cpu_cores"),
        ("infinite cores", {"nodes.0.allocatable.cpu_cores": INF}, INVALID, "INVALID_VALUE", "cpu_cores"),
        ("negative memory", {"nodes.0.allocatable.memory_bytes": -1}, INVALID, "INVALID_VALUE", "memory_bytes"),
        ("a negative pod limit", {"nodes.0.pod_limit_count": -1}, INVALID, "INVALID_VALUE", "pod_limit_count"),
        ("a tick of no length", {"tick_seconds": 0.0}, INVALID, "INVALID_VALUE", "tick_seconds"),
        ("a NaN tick", {"tick_seconds": NAN}, INVALID, "INVALID_VALUE", "tick_seconds"),
        ("an infinite tick", {"tick_seconds": INF}, INVALID, "INVALID_VALUE", "tick_seconds"),
        ("a tick of a second and a half", {"tick_seconds": 1.5}, INVALID, "INVALID_VALUE", "tick_seconds"),
        ("a tick of a year", {"tick_seconds": 31_536_000.0}, INVALID, "INVALID_VALUE", "tick_seconds"),
        ("a negative delay", {"scrape_delay_seconds": -1.0}, INVALID, "INVALID_VALUE", "scrape_delay_seconds"),
        ("an infinite delay", {"scrape_delay_seconds": INF}, INVALID, "INVALID_VALUE", "scrape_delay_seconds"),
    ),
    *refusals(
        f"{REPLAY}/ReportPodEvents",
        ("no kind", {"events.0.kind": 0}, INVALID, "INVALID_VALUE", "kind"),
        ("an unknown kind", {"events.0.kind": 77}, INVALID, "INVALID_VALUE", "kind"),
        ("no uid", {"events.0.pod.uid": ""}, INVALID, "INVALID_VALUE", "uid"),
        ("no node", {"events.0.node_name": ""}, INVALID, "INVALID_VALUE", "node_name"),
        ("an unknown node", {"events.0.node_name": "nobody"}, NOT_FOUND, "UNKNOWN_NODE", "events[0].node_name"),
        ("a NaN time", {"events.0.event_time_seconds": NAN}, INVALID, "INVALID_VALUE", "event_time_seconds"),
        ("a negative time", {"events.0.event_time_seconds": -5.0}, INVALID, "INVALID_VALUE", "event_time_seconds"),
        ("a negative request", {"events.0.pod.requests.cpu_cores": -1.0}, INVALID, "INVALID_VALUE", "cpu_cores"),
        ("an infinite request", {"events.0.pod.requests.cpu_cores": INF}, INVALID, "INVALID_VALUE", "cpu_cores"),
        (
            "two devices in one",
            {"events.0.pod.requests.gpu_milli_per_device": 2000},
            INVALID,
            "INVALID_VALUE",
            "gpu_milli_per_device",
        ),
    ),
    *refusals(
        f"{REPLAY}/AdvanceTick",
        ("no tick", {"tick_time_seconds": 0}, INVALID, "INVALID_VALUE", "tick_time_seconds"),
        ("a tick between ticks", {"tick_time_seconds": 1_800_000_001}, INVALID, "INVALID_VALUE", "tick_time_seconds"),
        ("a tick of the past", {"tick_time_seconds": 300}, INVALID, "INVALID_VALUE", "tick_time_seconds"),
        ("a NaN sample time", {"sample_time_seconds": NAN}, INVALID, "INVALID_VALUE", "sample_time_seconds"),
        ("a sample of tomorrow", {"sample_time_seconds": 4e9}, INVALID, "INVALID_VALUE", "sample_time_seconds"),
        ("no metric", {"usage_metrics": None}, INVALID, "INVALID_VALUE", "usage_metrics"),
        ("an unknown metric", {"usage_metrics.0": "watts"}, INVALID, "UNKNOWN_COLUMN", "usage_metrics"),
        ("a metric twice", {"usage_metrics.0": METRICS[1]}, INVALID, "DUPLICATE", "usage_metrics"),
        ("half a row", {"node_usage": float32(1.0)}, INVALID, "WRONG_SHAPE", "node_usage"),
        ("a row too few", {"node_usage": float32(*[1.0] * 11 * len(METRICS))}, INVALID, "WRONG_SHAPE", "node_usage"),
        ("infinite use", {"node_usage": float32(*[INF] * 12 * len(METRICS))}, INVALID, "INVALID_VALUE", "node_usage"),
        ("negative use", {"node_usage": float32(*[-1.0] * 12 * len(METRICS))}, INVALID, "INVALID_VALUE", "node_usage"),
        ("a pod without uid", {"pod_uids.0": ""}, INVALID, "INVALID_VALUE", "pod_uids"),
        ("a pod twice", {"pod_uids": ["a", "a"], "pod_usage": float32(1, 1, 1, 1)}, INVALID, "DUPLICATE", "pod_uids"),
        ("a pod without use", {"pod_usage": b""}, INVALID, "WRONG_SHAPE", "pod_usage"),
        ("infinite use of a pod", {"pod_usage": float32(1.0, INF)}, INVALID, "INVALID_VALUE", "pod_usage"),
    ),
    *of_rows(f"{FORECAST}/ForecastNodes"),
    *of_rows(f"{ANOMALY}/ScoreNodes"),
    *refusals(
        f"{PLACEMENT}/RankNodes",
        ("no generation", {"generations": None}, INVALID, "INVALID_VALUE", "generations"),
        ("a generation of tomorrow", {"generations.0": 4_000_000_200}, PRECONDITION, "GENERATION_UNAVAILABLE", "generations"),
        ("no query", {"queries": None}, INVALID, "INVALID_VALUE", "queries"),
    ),
    *of_query(
        ("no candidate", {"rows": b""}, INVALID, "INVALID_VALUE", "rows"),
        ("rows of half an int32", {"rows": b"\0\0\0\0\0\0"}, INVALID, "WRONG_SHAPE", "rows"),
        ("a negative row", {"rows": int32(-3)}, INVALID, "INVALID_VALUE", "rows"),
        ("a row twice", {"rows": int32(2, 2)}, INVALID, "DUPLICATE", "rows"),
        ("a row past the end", {"rows": int32(0, 5000)}, NOT_FOUND, "UNKNOWN_NODE", "rows"),
        ("more rows than are taken", {"rows": np.arange(200_001, dtype="<i4").tobytes()}, INVALID, "INVALID_VALUE", "queries"),
        ("an unknown node", {"rows": b"", "node_names": ["nobody"]}, NOT_FOUND, "UNKNOWN_NODE", "node_names"),
        ("a node twice", {"rows": b"", "node_names": ["contract-00"] * 2}, INVALID, "DUPLICATE", "node_names"),
        ("no pod", {"pod": None}, INVALID, "INVALID_VALUE", "uid"),
        ("a NaN request", {"pod.requests.cpu_cores": NAN}, INVALID, "INVALID_VALUE", "cpu_cores"),
        ("no expected use", {"expected_use": None}, INVALID, "INVALID_VALUE", "source"),
        ("a NaN use", {"expected_use.cpu_p50_cores": NAN}, INVALID, "INVALID_VALUE", "cpu_p50_cores"),
        ("a negative use", {"expected_use.memory_p50_bytes": -1.0}, INVALID, "INVALID_VALUE", "memory_p50_bytes"),
        ("a p95 below the median", {"expected_use.cpu_p95_cores": 0.5}, INVALID, "INVALID_VALUE", "cpu_p95_cores"),
        ("a weight of two", {"objective_weight": 2.0}, INVALID, "INVALID_VALUE", "objective_weight"),
        ("a NaN weight", {"objective_weight": NAN}, INVALID, "INVALID_VALUE", "objective_weight"),
        ("credits of no shape", {"credits.values": float32(1.0)}, INVALID, "WRONG_SHAPE", "credits.values"),
        ("NaN credits", {"credits.values": float32(*[NAN] * 13)}, INVALID, "INVALID_VALUE", "credits.values"),
        ("infinite credits", {"credits.values": float32(*[INF] * 13)}, INVALID, "INVALID_VALUE", "credits.values"),
        ("negative credits", {"credits.values": float32(*[-1.0] * 13)}, INVALID, "INVALID_VALUE", "credits.values"),
        (
            "a credited row twice",
            {"credits.rows": int32(1, 1), "credits.values": float32(*[1.0] * 26)},
            INVALID,
            "DUPLICATE",
            "credits.rows",
        ),
        ("a credited row past the end", {"credits.rows": int32(5000)}, INVALID, "INVALID_VALUE", "credits.rows"),
    ),
    *refusals(
        f"{PLACEMENT}/AwaitGeneration",
        ("no generation", {"generation": 0}, INVALID, "INVALID_VALUE", "generation"),
        ("a negative generation", {"generation": -300}, INVALID, "INVALID_VALUE", "generation"),
    ),
    *refusals(
        f"{MODEL}/ModelInfer",
        ("no tensor", {"inputs": None}, INVALID, "INVALID_VALUE", "inputs"),
        ("another tensor", {"inputs.0.name": "x"}, INVALID, "INVALID_VALUE", "inputs"),
        ("another data type", {"inputs.0.datatype": "INT8"}, INVALID, "INVALID_VALUE", "rows"),
        ("no row", {"inputs.0.shape.0": 0}, INVALID, "INVALID_VALUE", "rows"),
        ("one dimension", {"inputs.0.shape": [4]}, INVALID, "WRONG_SHAPE", "rows"),
        ("more rows than bytes", {"inputs.0.shape.0": 3}, INVALID, "WRONG_SHAPE", "rows"),
        ("no layout", {"parameters": None}, INVALID, "INVALID_VALUE", "columns"),
        ("an unknown layout", {"parameters": "watts:0123456789ab"}, INVALID, "UNKNOWN_COLUMN", "columns"),
        ("another version", {"model_version": "99.0.0"}, INVALID, "INVALID_VALUE", "model_version"),
    ),
]


def changed(request: Message, change: dict[str, Any]) -> Message:
    """The request with some fields set otherwise."""
    for path, value in change.items():
        *steps, last = path.split(".")
        target: Any = request
        for step in steps:
            target = target[int(step)] if step.isdecimal() else getattr(target, step)
        if last == "parameters":
            set_columns(target, value)
        elif last.isdecimal():
            target[int(last)] = value
        elif value is None:
            target.ClearField(last)
        elif isinstance(value, list):
            target.ClearField(last)
            getattr(target, last).extend(value)
        else:
            setattr(target, last, value)
    return request


def set_columns(request: Any, columns: str | None) -> None:
    request.ClearField("parameters")
    if columns is not None:
        request.parameters["columns"].string_param = columns


def said(error: grpc.RpcError) -> tuple[grpc.StatusCode, str, str, str]:
    """Code, reason and field of a failed call, and the sentence."""
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    assert details is not None, f"no details: {error.code()} {error.details()}"
    (detail,) = status_pb2.Status.FromString(details).details
    info = error_details_pb2.ErrorInfo.FromString(detail.value)
    assert info.domain == "hydatis"
    return error.code(), info.reason, info.metadata["field"], error.details()


def process_of(rpc: str) -> str:
    return "model-placement-policy" if rpc.startswith(MODEL) else ""


def right_request(rpc: str, cluster: Any) -> Message:
    request = RIGHT[rpc](cluster)
    if rpc.startswith(MODEL):
        set_columns(request, columns_parameter(COLUMN_DEFINITIONS))
    return request


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.rpc.rpartition('/')[2]}: {row.wrong}")
def test_what_is_wrong_is_refused_with_code_reason_and_field(row: Refusal, wire: Any, cluster: Any) -> None:
    request = changed(right_request(row.rpc, cluster), row.change)
    with pytest.raises(grpc.RpcError) as refused:
        wire.call(row.rpc, request, process=process_of(row.rpc))
    code, reason, field, sentence = said(refused.value)
    assert (code, reason, field) == (row.code, row.reason, row.field)
    assert sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence


def test_every_rpc_of_every_proto_stands_in_the_table(proto_services: list[ServiceDescriptor]) -> None:
    ours = {f"{service.full_name}/{method.name}" for service in proto_services for method in service.methods}
    assert ours == {rpc for rpc in RIGHT if not rpc.startswith(MODEL)}
    assert ours <= {row.rpc for row in TABLE}


@pytest.mark.parametrize("rpc", [rpc for rpc in RIGHT if "/Watch" not in rpc], ids=lambda rpc: rpc.rpartition("/")[2])
def test_a_call_without_a_deadline_is_refused(rpc: str, wire: Any, cluster: Any) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        wire.call(rpc, right_request(rpc, cluster), timeout_seconds=None, process=process_of(rpc))
    assert said(refused.value)[:3] == (INVALID, "NO_DEADLINE", "deadline")


def test_a_wait_ends_at_its_deadline(wire: Any, cluster: Any) -> None:
    request = placement_pb2.AwaitGenerationRequest(generation=4_000_000_200)
    with pytest.raises(grpc.RpcError) as late:
        wire.call(f"{PLACEMENT}/AwaitGeneration", request, timeout_seconds=0.2)
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("rpc", [rpc for rpc in RIGHT if "/Watch" not in rpc], ids=lambda rpc: rpc.rpartition("/")[2])
def test_a_message_over_the_limit_is_refused(rpc: str, wire: Any, cluster: Any) -> None:
    limit = 64 * 2**20 if rpc.startswith((FEATURES, REPLAY)) else 16 * 2**20
    unknown_field = b"\xfa\x7f" + varint(limit) + bytes(limit)  # length-delimited field 2047, which a parser would skip
    with pytest.raises(grpc.RpcError) as refused:
        wire.call(rpc, unknown_field, process=process_of(rpc))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("rpc", list(RIGHT), ids=lambda rpc: rpc.rpartition("/")[2])
def test_bytes_that_are_no_message_are_refused(rpc: str, wire: Any, cluster: Any) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        wire.call(rpc, b"\x0a\xff\xff\xff\xff\x0fjunk", process=process_of(rpc))
    # gRPC itself reads messages before anything of ours sees them, and has no better word for what it cannot read
    assert refused.value.code() in (INVALID, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
    assert "Traceback" not in (refused.value.details() or "")


def test_after_all_of_it_every_process_lives_and_every_right_request_is_answered(
    wire: Any, cluster: Any, stack: Stack, request: pytest.FixtureRequest
) -> None:
    before = {status.name: status.pid for status in Supervision(stack).status()}
    kept = wire.call(f"{FEATURES}/GetNodeFeatures", node_features(cluster))
    assert kept.generation == cluster.generation
    for row in TABLE:
        with pytest.raises(grpc.RpcError):
            wire.call(row.rpc, changed(right_request(row.rpc, cluster), row.change), process=process_of(row.rpc))
    assert {status.name: status.pid for status in Supervision(stack).status()} == before
    assert wire.call(f"{FEATURES}/GetNodeFeatures", node_features(cluster)) == kept
    # those that change the cluster come last
    for rpc in (rpc for rpc in RIGHT if not rpc.startswith(REPLAY)):
        assert wire.call(rpc, right_request(rpc, cluster), process=process_of(rpc)) is not None
    assert wire.call(f"{REPLAY}/ReportPodEvents", pod_events(cluster)).generation == cluster.generation
    assert wire.call(f"{REPLAY}/AdvanceTick", next_tick(cluster)).generation == cluster.generation + 300
    assert wire.call(f"{REPLAY}/LoadCluster", load_cluster(cluster)).node_count == 2


def varint(number: int) -> bytes:
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])
