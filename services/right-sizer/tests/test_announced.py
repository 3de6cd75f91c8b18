"""An announced resize is asked for once its node made room, and called off where nobody wants it or no room comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hydatis_right_sizer.announced import announced
from hydatis_right_sizer.resize_plan import Wanted
from hydatis_right_sizer.resize_record import INTENT_SECONDS, RESIZE_ANNOTATION, ResizeRecord
from hydatis_serving.kube.resizing import ORIGINAL_ANNOTATION
from hydatis_serving.kube.running_pods import RunningPod, read_running_pod
from hydatis_sizing.node_cap import NodeCap, Reclaimed
from hydatis_sizing.recommendation import Amounts

NOW, GIB = 1_790_000_000.0, 2.0**30
HALF = {"app": Amounts(0.5, 2 * GIB)}
#: A node of 2,000 milli-cores to reclaim, 500 of them announced.
CAP = NodeCap(Reclaimed(2000, 0), in_place=Reclaimed(500, 0))
SAYS = Reclaimed(1500, 0)


def pod(seconds_ago: float = 5.0, asked: str = "1", announced_cpu: str = "500m", reason: str = "", **status: Any) -> RunningPod:
    there: dict[str, Any] = {
        "metadata": {"name": "a", "namespace": "shop", "uid": "a", "generation": 1},
        "spec": {"nodeName": "n", "containers": [{"name": "app", "resources": {"requests": {"cpu": asked, "memory": "2Gi"}}}]},
        "status": {"phase": "Running", "qosClass": "Burstable", "observedGeneration": 1} | status,
    }
    record = ResizeRecord.of(read_running_pod(json.dumps(there).encode()), {"app": {"cpu": announced_cpu}}, {}, NOW - seconds_ago)
    written = json.loads(record.written()) | {"reason": reason}
    original = json.dumps({"app": {"cpu": "1", "memory": "2Gi"}})
    there["metadata"]["annotations"] = {RESIZE_ANNOTATION: json.dumps(written), ORIGINAL_ANNOTATION: original}
    return read_running_pod(json.dumps(there).encode())


def judged(
    one: RunningPod, wanted: dict[str, Amounts] | None = HALF, cap: NodeCap | None = CAP, says: Reclaimed | None = SAYS
) -> Any:
    is_wanted = {"a": Wanted(one, wanted)} if wanted is not None else {}
    found = announced([one], is_wanted, {"n": cap} if cap else {}, {"n": says}, NOW)
    return (found[0].may_go, found[0].why_not) if found else None


def test_it_goes_when_its_node_says_so_much_less() -> None:
    assert judged(pod()) == (True, "")


@pytest.mark.parametrize(
    "waits",
    [
        {"says": Reclaimed(2000, 0)},
        {"says": None},
        {"cap": None},
        {"cap": NodeCap(Reclaimed(2000, 0), held=Reclaimed(1600, 0), in_place=Reclaimed(500, 0)), "says": Reclaimed(1500, 0)},
    ],
)
def test_it_waits_until_then_and_is_called_off_after_a_while(waits: dict[str, Any]) -> None:
    assert judged(pod(), **waits) == (False, "")
    assert judged(pod(INTENT_SECONDS + 1), **waits) == (False, "its node did not make room in time")


def test_kube_scheduler_is_given_time_to_hear_of_it() -> None:
    assert judged(pod(1.0)) == (False, "")


@pytest.mark.parametrize("wanted", [None, {}, {"app": Amounts(0.3, 2 * GIB)}, {"app": Amounts(1.0, 2 * GIB)}])
def test_what_is_wanted_no_more_is_called_off(wanted: dict[str, Amounts] | None) -> None:
    assert judged(pod(), wanted) == (False, "it is wanted no more")


def test_another_resize_of_the_pod_comes_first() -> None:
    pending = [{"type": "PodResizePending", "status": "True", "reason": "Deferred"}]
    assert judged(pod(conditions=pending)) == (False, "another resize of it is under way")


def test_what_gives_back_needs_no_room() -> None:
    growing = pod(asked="500m", announced_cpu="1")
    assert judged(growing, {"app": Amounts(1.0, 2 * GIB)}, cap=None, says=None) == (True, "")


@pytest.mark.parametrize("one", [pod(asked="500m"), pod(reason="called off"), pod(phase="Pending"), pod(announced_cpu="much")])
def test_these_are_not_announced(one: RunningPod) -> None:
    assert judged(one) is None
