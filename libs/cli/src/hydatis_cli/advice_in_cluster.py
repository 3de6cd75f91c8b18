"""Advice into a cluster, as SizeRecommendation objects by server-side apply.

Server-side apply changes what we say and leaves what others say: somebody's ``mode: Report`` and the right-sizer's status stay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from hydatis_core.errors import DependencyUnavailable
from hydatis_serving.kube.api import KubernetesApi, Reply
from hydatis_serving.kube.size_recommendations import object_path
from hydatis_sizing.recommendation import Recommendation

from hydatis_cli.advice_files import size_object, workloads

__all__ = ["FIELD_MANAGER", "apply_advice"]

FIELD_MANAGER = "hydatis-recommend"
_APPLY = "application/apply-patch+yaml"
_AT_ONCE = 4
_CRD = "the type SizeRecommendation: kubectl apply --server-side -f deploy/helm/hydatis/crds/"
_EXPECTED = {403: "a user who may patch sizerecommendations.hydatis.io", 404: f"that namespace, and {_CRD}"}


def apply_advice(api: KubernetesApi, advice: Sequence[Recommendation], mode: str, progress: Callable[[int, int, str], None]) -> int:
    """Creates or updates an object per workload.

    Args:
        api: the cluster.
        advice: what is advised.
        mode: of the objects; empty: what it was, and Apply of new ones.
        progress: told of workloads.

    Returns:
        How many.

    Raises:
        DependencyUnavailable: some were refused; all others are there.
    """
    every = workloads(advice)

    def put(of_workload: Sequence[Recommendation]) -> Reply:
        name = of_workload[0].container
        body = json.dumps(size_object(of_workload, mode)).encode()
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
        return api.send("PATCH", object_path(name.namespace, name.workload), body, _APPLY, query)

    refused: list[tuple[str, Reply]] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done, (one, reply) in enumerate(zip(every, pool.map(put, every), strict=True), start=1):
            shown = f"{one[0].container.namespace} {one[0].container.workload}"
            if not reply.ok:
                refused.append((shown, reply))
            progress(done, len(every), shown)
    if refused:
        shown, reply = refused[0]
        told = f"{len(refused)} of {len(every)} workloads were refused, first {shown}: {reply.why}"
        raise DependencyUnavailable(told, field="kubernetes", expected=_EXPECTED.get(reply.status, ""))
    return len(every)
