"""Bad input: a clear error that names the field, and nothing stored."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
from hydatis.features.v1 import features_pb2, features_pb2_grpc
from hydatis_core import errors
from hydatis_features.usage import METRICS
from hydatis_serving.error_table import from_rpc_error
from hydatis_serving.wire import to_float32_bytes

USAGE = np.ones((3, 6), dtype=np.float32)


def tick(**changes) -> features_pb2.AdvanceTickRequest:
    fields = {
        "tick_time_seconds": 120,
        "sample_time_seconds": 120.0,
        "node_usage": to_float32_bytes(USAGE),
        "usage_metrics": METRICS,
        "pod_uids": ["a"],
        "pod_usage": to_float32_bytes(np.ones((1, 2), dtype=np.float32)),
    }
    return features_pb2.AdvanceTickRequest(**(fields | changes))


def with_value(value: float) -> bytes:
    usage = USAGE.copy()
    usage[1, 0] = value
    return to_float32_bytes(usage)


async def refused(service, request: object, timeout_seconds: float | None = 5.0) -> errors.HydatisError:
    stub = features_pb2_grpc.ReplaySourceServiceStub(service.replay.channel)
    method = {
        features_pb2.AdvanceTickRequest: stub.AdvanceTick,
        features_pb2.LoadClusterRequest: stub.LoadCluster,
        features_pb2.ReportPodEventsRequest: stub.ReportPodEvents,
    }[type(request)]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await method(request, timeout=timeout_seconds)
    return from_rpc_error(caught.value)


#: What is wrong, the error, and the field it blames.
WRONG_TICKS = [
    (tick(node_usage=with_value(np.inf)), errors.InvalidValue, "node_usage"),
    (tick(node_usage=with_value(-1.0)), errors.InvalidValue, "node_usage"),
    (tick(node_usage=to_float32_bytes(USAGE[:2])), errors.WrongShape, "node_usage"),
    (tick(node_usage=to_float32_bytes(USAGE) + b"\0"), errors.WrongShape, "node_usage"),
    (tick(node_usage=b""), errors.WrongShape, "node_usage"),
    (tick(usage_metrics=[]), errors.InvalidValue, "usage_metrics"),
    (tick(usage_metrics=[*METRICS[:5], "cpu_used_furlongs"]), errors.UnknownColumn, "usage_metrics"),
    (tick(usage_metrics=[*METRICS[:5], METRICS[0]]), errors.Duplicate, "usage_metrics"),
    (tick(pod_usage=b"\0" * 4), errors.WrongShape, "pod_usage"),
    (tick(pod_usage=to_float32_bytes(np.float32([[-1, 1]]))), errors.InvalidValue, "pod_usage"),
    (tick(pod_usage=to_float32_bytes(np.float32([[np.inf, 1]]))), errors.InvalidValue, "pod_usage"),
    (tick(pod_uids=["a", "a"], pod_usage=b"\0" * 16), errors.Duplicate, "pod_uids"),
    (tick(pod_uids=[""]), errors.InvalidValue, "pod_uids"),
    (tick(tick_time_seconds=0), errors.InvalidValue, "tick_time_seconds"),
    (tick(tick_time_seconds=-60), errors.InvalidValue, "tick_time_seconds"),
    (tick(tick_time_seconds=130), errors.InvalidValue, "tick_time_seconds"),
    (tick(tick_time_seconds=60, sample_time_seconds=1.0), errors.InvalidValue, "tick_time_seconds"),
    (tick(sample_time_seconds=120.5), errors.InvalidValue, "sample_time_seconds"),
    (tick(sample_time_seconds=float("nan")), errors.InvalidValue, "sample_time_seconds"),
]


async def test_a_wrong_tick_is_refused_with_its_field_and_nothing_is_stored(service):
    await service.load()
    await service.tick(1)
    for request, error, field in WRONG_TICKS:
        caught = await refused(service, request)
        assert (type(caught), caught.field) == (error, field), request
        assert (await service.features.node_features(timeout_seconds=5.0)).generation == 60
    used = np.ones((1, 2), dtype=np.float32)
    assert await service.replay.advance_tick(120, 120.0, USAGE, ["a"], used, timeout_seconds=5.0) == 120


async def test_what_was_not_scraped_stays_unknown(service):
    await service.load()
    usage = np.full((3, 2), np.nan, dtype=np.float32)
    usage[0] = [8.0, 2.0]
    names = ("disk_read_bytes_per_second", "cpu_used_cores")
    none = np.empty((0, 2), dtype=np.float32)
    await service.replay.advance_tick(60, 60.0, usage, [], none, usage_metrics=names, timeout_seconds=5.0)
    table = await service.features.node_features(timeout_seconds=5.0)
    np.testing.assert_array_equal(table.column("cpu_used_ratio"), np.float32([0.25, np.nan, np.nan]))
    assert np.isnan(table.column("memory_used_ratio")).all()


def event(**changes) -> dict:
    fields = {
        "kind": "POD_EVENT_KIND_BOUND",
        "pod": {"uid": "x", "requests": {"cpu_cores": 1.0}},
        "node_name": "node-0",
        "event_time_seconds": 61.0,
    }
    return fields | changes


WRONG_EVENTS = [
    (event(node_name="nowhere"), errors.UnknownNode),
    (event(node_name=""), errors.InvalidValue),
    (event(kind="POD_EVENT_KIND_UNSPECIFIED"), errors.InvalidValue),
    (event(pod={"uid": ""}), errors.InvalidValue),
    (event(pod={"uid": "x", "requests": {"cpu_cores": float("nan")}}), errors.InvalidValue),
    (event(pod={"uid": "x", "requests": {"cpu_cores": float("inf")}}), errors.InvalidValue),
    (event(pod={"uid": "x", "requests": {"memory_bytes": -1}}), errors.InvalidValue),
    (event(event_time_seconds=float("nan")), errors.InvalidValue),
    (event(event_time_seconds=-1.0), errors.InvalidValue),
    (event(event_time_seconds=10.0), errors.InvalidValue),
]


async def test_a_report_with_a_wrong_event_is_refused_whole(service):
    await service.load()
    good = event(pod={"uid": "good"}, event_time_seconds=60.5)
    for wrong, error in WRONG_EVENTS:
        caught = await refused(service, features_pb2.ReportPodEventsRequest(events=[good, wrong]))
        assert type(caught) is error, wrong
    await service.tick(2)
    table = await service.features.node_features(timeout_seconds=5.0)
    np.testing.assert_array_equal(table.column("pod_count"), [0, 0, 0])


NODE = {"name": "n", "allocatable": {"cpu_cores": 1.0, "memory_bytes": 1}}


WRONG_CLUSTERS = [
    ({"nodes": []}, errors.InvalidValue),
    ({"nodes": [NODE, NODE]}, errors.Duplicate),
    ({"nodes": [{"name": "n"}]}, errors.InvalidValue),
    ({"nodes": [{"name": "n", "allocatable": {"cpu_cores": float("inf"), "memory_bytes": 1}}]}, errors.InvalidValue),
    ({"tick_seconds": 0.0}, errors.InvalidValue),
    ({"tick_seconds": float("nan")}, errors.InvalidValue),
    ({"tick_seconds": 1e9}, errors.InvalidValue),
    ({"scrape_delay_seconds": -1.0}, errors.InvalidValue),
    ({"scrape_delay_seconds": float("inf")}, errors.InvalidValue),
]


async def test_a_wrong_cluster_is_refused_and_the_old_one_stays(service):
    await service.load()
    await service.tick(1)
    for wrong, error in WRONG_CLUSTERS:
        fields = {"nodes": [NODE], "tick_seconds": 60.0, "scrape_delay_seconds": 0.0} | wrong
        assert type(await refused(service, features_pb2.LoadClusterRequest(**fields))) is error, wrong
    assert len((await service.features.node_features(timeout_seconds=5.0)).node_names) == 3


async def test_before_a_cluster_is_loaded_there_is_nothing_to_tick(service):
    assert type(await refused(service, tick())) is errors.GenerationUnavailable
    assert type(await refused(service, features_pb2.ReportPodEventsRequest())) is errors.GenerationUnavailable


async def test_a_call_without_a_deadline_is_refused(service):
    assert type(await refused(service, tick(), timeout_seconds=None)) is errors.NoDeadline


async def test_an_oversized_message_is_refused_and_the_service_lives(run_service):
    service = await run_service(max_message_bytes=2**16)
    await service.load()
    caught = await refused(service, tick(pod_uids=["x" * 2**17]))
    assert isinstance(caught, errors.HydatisError)
    assert await service.tick(1) == 60


async def test_a_subscriber_without_a_name_is_refused(service):
    stub = features_pb2_grpc.FeatureServiceStub(service.features.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.WatchTable(features_pb2.WatchTableRequest(), timeout=5.0).read()
    assert from_rpc_error(caught.value).field == "subscriber"
