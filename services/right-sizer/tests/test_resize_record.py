"""What stands on a pod is enough to go on: for whoever leads next, and for the node's cap."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hydatis_right_sizer.resize_record import RESIZE_ANNOTATION, ResizeRecord, in_place_excess, is_announced, record_of
from hydatis_serving.kube.resizing import ORIGINAL_ANNOTATION
from hydatis_serving.kube.running_pods import RunningPod, read_running_pod
from hydatis_sizing.node_cap import Reclaimed

NOW = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
ORIGINAL = json.dumps({"app": {"cpu": "1", "memory": "2Gi"}})


def pod(cpu: str, memory: str, extended: dict[str, str] | None = None, **annotations: str) -> RunningPod:
    container = {"name": "app", "resources": {"requests": {"cpu": cpu, "memory": memory} | (extended or {})}}
    statuses: list[dict[str, Any]] = [{"name": "app", "restartCount": 3}]
    there = {
        "metadata": {"name": "web", "namespace": "shop", "uid": "1", "annotations": annotations},
        "spec": {"nodeName": "n", "containers": [container]},
        "status": {"phase": "Running", "containerStatuses": statuses},
    }
    return read_running_pod(json.dumps(there).encode())


def resized(at: float, **more: str) -> dict[str, str]:
    record = ResizeRecord.of(pod("1", "2Gi"), {"app": {"cpu": "200m"}}, {"cpu": "800m"}, at)
    return {ORIGINAL_ANNOTATION: ORIGINAL, RESIZE_ANNOTATION: record.written()} | more


def test_a_record_is_read_as_it_was_written() -> None:
    record = record_of(pod("1", "2Gi", **resized(NOW)))
    assert record is not None
    assert (record.at_seconds, record.restarts, record.taken_amounts.cpu_cores, record.reason) == (NOW, {"app": 3}, 0.8, "")


@pytest.mark.parametrize("text", ["", "{}", "nonsense", '{"at": 1}'])
def test_what_is_no_record_is_none(text: str) -> None:
    assert record_of(pod("1", "2Gi", **{RESIZE_ANNOTATION: text})) is None


def test_what_is_about_to_be_given_up_counts_as_given_up_until_it_is_said_that_it_is_not() -> None:
    before, after = pod("1", "2Gi", **resized(NOW)), pod("200m", "2Gi", **resized(NOW))
    record = record_of(before)
    assert record is not None
    assert (in_place_excess(before), is_announced(before, record)) == (Reclaimed(800, 0), True)
    assert (in_place_excess(after), is_announced(after, record)) == (Reclaimed(800, 0), False)
    called_off = resized(NOW) | {RESIZE_ANNOTATION: msgspec.structs.replace(record, reason="called off").written()}
    assert in_place_excess(pod("1", "2Gi", **called_off)) == Reclaimed()


def test_what_the_pod_asks_for_as_extended_resources_is_not_counted_twice() -> None:
    extended = {"hydatis.io/reclaimed-cpu": "500", "hydatis.io/reclaimed-memory": "4096"}
    assert in_place_excess(pod("200m", "1Gi", extended, **{ORIGINAL_ANNOTATION: ORIGINAL})) == Reclaimed(300, 0)


@pytest.mark.parametrize("original", [None, "nonsense", '{"app": {"cpu": "much"}}', '{"other": {"cpu": "4"}}'])
def test_a_pod_without_an_original_gives_up_nothing(original: str | None) -> None:
    kept = {} if original is None else {ORIGINAL_ANNOTATION: original}
    assert in_place_excess(pod("200m", "1Gi", **kept)) == Reclaimed()
