"""What is in force is written into the status and read again."""

from __future__ import annotations

import json
import math

from hydatis_serving.kube.levels_in_force import InForce, Level, written_in_force
from hydatis_serving.kube.size_recommendations import read_object
from hydatis_sizing.recommendation import Amounts

SPEC = {
    "targetRef": {"kind": "Deployment", "name": "web"},
    "madeAt": "2026-11-23T00:00:00Z",
    "historyDays": 21,
    "podsCount": 3,
    "containers": [{"name": "app", "requests": {"cpu": "120m"}}],
}


def test_what_is_written_is_read() -> None:
    levels = {
        "app": Level(Amounts(0.5, 2.0**30), Amounts(1.0, 2.0**30)),
        "log": Level(Amounts(0.1, math.nan), Amounts(0.1, math.nan)),
    }
    status = {"inForce": written_in_force(InForce(1_764_000_000.0, levels))}
    text = json.dumps({"metadata": {"name": "deployment-web", "namespace": "shop"}, "spec": SPEC, "status": status}).encode()
    found = read_object(text).in_force
    assert found is not None
    assert found.since_seconds == 1_764_000_000.0
    assert found.requests("app") == Amounts(0.5, 2.0**30)
    assert found.by_container["app"].base == Amounts(1.0, 2.0**30)
    assert (found.requests("log").cpu_cores, math.isnan(found.requests("log").memory_bytes)) == (0.1, True)
    assert math.isnan(found.requests("another").cpu_cores)


def test_by_default_nothing_is_in_force() -> None:
    text = json.dumps({"metadata": {"name": "deployment-web", "namespace": "shop"}, "spec": SPEC}).encode()
    assert read_object(text).in_force is None
