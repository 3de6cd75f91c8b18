"""Our taint on a node, and no other's: changed at the version that was read, so that nobody's change is lost."""

from __future__ import annotations

import json
from typing import Any

from hydatis_core.errors import HydatisError
from hydatis_serving.kube.api import KubernetesApi, Reply

from hydatis_right_sizer.objects import NodeObject

__all__ = ["EFFECTS", "HOT", "effect_on", "put_effect"]

#: Key of the taint.
HOT = "hydatis.io/hot"
_VALUE = "forecast"
#: Relief mode of the policy -> effect.
EFFECTS = {"prefer": "PreferNoSchedule", "forbid": "NoSchedule"}
_MERGE_PATCH = "application/merge-patch+json"
_NOT_THERE, _CONFLICT = 404, 409
#: Times that a node may change between reading and writing.
_TRIES_COUNT = 4


def effect_on(node: NodeObject) -> str:
    """Effect of our taint on a node; empty: it has none."""
    return next((taint.effect for taint in node.spec.taints or () if taint.key == HOT), "")


def put_effect(api: KubernetesApi, name: str, effect: str) -> str:
    """Gives a node our taint with an effect, or takes it away where that is empty.

    Returns:
        Why it was not done; empty: the node is as wanted, or is not there any more.
    """
    try:
        for _ in range(_TRIES_COUNT):
            reply = _tried(api, f"/api/v1/nodes/{name}", effect)
            if reply.status != _CONFLICT:
                break
    except (HydatisError, ValueError, KeyError) as failure:
        return str(failure) or type(failure).__name__
    return "" if reply.ok or reply.status == _NOT_THERE else reply.why


def _tried(api: KubernetesApi, path: str, effect: str) -> Reply:
    reply = api.send("GET", path, b"")
    if not reply.ok:
        return reply
    node = json.loads(reply.body)
    before: list[dict[str, Any]] = node["spec"].get("taints") or []
    after = [taint for taint in before if taint.get("key") != HOT]
    after += [{"key": HOT, "value": _VALUE, "effect": effect}] if effect else []
    if after == before:
        return reply
    seen = {field: node["metadata"][field] for field in ("resourceVersion", "uid")}
    patch = json.dumps({"metadata": seen, "spec": {"taints": after or None}})
    return api.send("PATCH", path, patch.encode(), _MERGE_PATCH)
