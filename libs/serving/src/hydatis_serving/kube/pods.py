"""A pod of Kubernetes as a value: its sums and the workload it belongs to.

The profile that a decision looks up and the one that measurements teach must be the same, so who a pod's workload is, is said here
once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hydatis_core.errors import InvalidValue
from hydatis_core.pods import Pod

from hydatis_serving.kube.pod_json import PodJson
from hydatis_serving.kube.pod_resources import GPU_RESOURCES, GpuMeaning, pod_limits, pod_requests

__all__ = ["WORKLOAD_LABEL", "pod_of", "workload_of"]

#: A label that names the workload outright, for pods whose owner does not say it (replays, bare pods).
WORKLOAD_LABEL = "hydatis.io/workload"
#: Label with the hash that ends a ReplicaSet's name -> who made the ReplicaSet. The second is Argo's.
_TEMPLATE_HASHES = {"pod-template-hash": "Deployment", "rollouts-pod-template-hash": "Rollout"}
#: A Job of a CronJob is named after it and the minute it was due, counted from 1970 (``getJobName`` of Kubernetes' cronjob
#: controller). 23,000,000 is in 2013, before there was Kubernetes; a day written out, as 20261123, lies below for centuries.
_DUE_MINUTE = re.compile(r"(?P<cron_job>.+)-(?P<minute>[0-9]{8})")
_FIRST_MINUTE = 23_000_000


def pod_of(pod: PodJson, gpu_resources: Mapping[str, GpuMeaning] = GPU_RESOURCES) -> Pod:
    """The pod, with its requests and limits summed.

    Raises:
        InvalidValue: it has no uid, or an amount that cannot be meant.
    """
    meta, spec = pod.metadata, pod.spec
    if not meta.uid:
        raise InvalidValue("the pod has no uid", field="Pod.metadata.uid", expected="an identity unique in the cluster")
    return Pod(
        uid=meta.uid,
        name=meta.name,
        namespace=meta.namespace or "default",
        workload=workload_of(pod),
        requests=pod_requests(spec, gpu_resources),
        limits=pod_limits(spec, gpu_resources),
        priority=spec.priority or 0,
    )


def workload_of(pod: PodJson) -> str:
    """The owner that makes like pods, as "Kind/name"; empty when nobody says it.

    A ReplicaSet whose name ends in the pod's template hash belongs to a Deployment (or a Rollout) of the rest of the name, and a
    Job whose name ends in the minute it was due to a CronJob. A static pod is owned by its node and named after it: "Static/" and
    the rest of its name, so that those of all nodes are alike.
    """
    labels = pod.metadata.labels or {}
    if labels.get(WORKLOAD_LABEL):
        return labels[WORKLOAD_LABEL]
    owners = pod.metadata.owner_references or []
    owner = next((o for o in owners if o.controller), owners[0] if owners else None)
    if owner is None or not owner.name:
        return ""
    if owner.kind == "ReplicaSet":
        for label, kind in _TEMPLATE_HASHES.items():
            if (suffix := labels.get(label, "")) and owner.name.endswith(f"-{suffix}"):
                return f"{kind}/{owner.name.removesuffix(f'-{suffix}')}"
    due = _DUE_MINUTE.fullmatch(owner.name) if owner.kind == "Job" else None
    if due and int(due["minute"]) >= _FIRST_MINUTE:
        return f"CronJob/{due['cron_job']}"
    if owner.kind == "Node":
        return f"Static/{pod.metadata.name.removesuffix('-' + owner.name)}"
    return f"{owner.kind}/{owner.name}"
