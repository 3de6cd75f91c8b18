"""Rest for a workload that had trouble: written into the status of its recommendation, where webhook and resizer read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from hydatis_serving.kube.api import KubernetesApi, Reply
from hydatis_serving.kube.resizing import MERGE_PATCH
from hydatis_serving.kube.size_recommendations import API_VERSION, PLURAL, SizeRecommendation

from hydatis_right_sizer.trouble import TROUBLE, Trouble

__all__ = ["CONDITION", "put_to_rest", "reason_of"]

CONDITION = "Quarantined"
MOST_SHOWN = 3


def reason_of(found: Sequence[Trouble]) -> str:
    """What happened, for people: of each kind what it means, and to which pods."""
    shown = [f"{TROUBLE[one.code][0]} ({one.pod.metadata.name}: {one.detail})" for one in found[:MOST_SHOWN]]
    more = [f"and {len(found) - MOST_SHOWN} more pods"] if len(found) > MOST_SHOWN else []
    return "; ".join([*shown, *more])


def put_to_rest(
    api: KubernetesApi, advice: SizeRecommendation, found: Sequence[Trouble], now_seconds: float, rest_seconds: float
) -> Reply:
    """Writes it, unless the recommendation changed meanwhile (status 409).

    Raises:
        DependencyUnavailable: there is no API server.
    """
    condition = {
        "type": CONDITION,
        "status": "True",
        "reason": "".join(part.title() for part in found[0].code.split("-")),
        "message": reason_of(found),
        "lastTransitionTime": _time(now_seconds),
        "observedGeneration": advice.generation,
    }
    status = {"quarantinedUntil": _time(now_seconds + rest_seconds), "conditions": [condition]}
    body = {"metadata": {"uid": advice.uid, "resourceVersion": advice.resource_version}, "status": status}
    path = f"/apis/{API_VERSION}/namespaces/{advice.namespace}/{PLURAL}/{advice.name}/status"
    return api.send("PATCH", path, json.dumps(body).encode(), MERGE_PATCH)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
