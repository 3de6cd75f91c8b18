"""Whose a pod was that is gone: kube-state-metrics remembers it, or its name tells.

The workload of a pod that runs is what the API server says, by ``hydatis_serving.kube.pods``. The rule is the same for one that is
gone: only the owner comes from elsewhere. Controllers name pods after themselves and a suffix in letters that spell no words:

    Deployment   web-7f9cd8b5c4-x2x5z     ReplicaSet's hash, five letters
    CronJob      report-29384756-k7jbq    the minute it was due, five letters
    StatefulSet  db-0                     a number
    DaemonSet    agent-fk29x              five letters; so are Jobs and ReplicaSets: whichever of that name is there now
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set

from hydatis_serving.kube.pod_json import OwnerReference, PodJson, PodMetadata
from hydatis_serving.kube.pods import workload_of

__all__ = ["PodKey", "past_workload"]

#: Namespace and name.
PodKey = tuple[str, str]
#: ``SafeEncodeString`` of Kubernetes.
_LETTERS = "[bcdfghjklmnpqrstvwxz2456789]"
_SET = re.compile(rf"(?P<name>.+)-(?P<hash>{_LETTERS}{{5,10}})")
_OF_SET = re.compile(rf"(?P<set>.+-{_LETTERS}{{5,10}})-{_LETTERS}{{5}}")
_OF_JOB = re.compile(rf"(?P<job>.+-[0-9]{{8}})-{_LETTERS}{{5}}")
_NUMBERED = re.compile(r"(?P<name>.+)-[0-9]+")
_LETTERED = re.compile(rf"(?P<name>.+)-{_LETTERS}{{5}}")
_LETTERED_KINDS = ("DaemonSet", "Job", "ReplicaSet")


def past_workload(pod: PodKey, owners: Mapping[PodKey, str], set_owners: Mapping[PodKey, str], known: Set[tuple[str, str]]) -> str:
    """Kind and name of the workload of a pod that is gone; empty: nobody says it.

    Args:
        pod: the pod.
        owners: kind and name of the owner by pod, as far as kube-state-metrics told it.
        set_owners: the same by ReplicaSet.
        known: (namespace, workload) of what runs now.
    """
    namespace, name = pod
    told = owners.get(pod) or _guessed(pod, known)
    kind, _, owner = told.partition("/")
    if kind == "ReplicaSet" and set_owners.get((namespace, owner), "").startswith("Deployment/"):
        return set_owners[namespace, owner]
    found = _SET.fullmatch(owner)
    labels = {"pod-template-hash": found["hash"]} if kind == "ReplicaSet" and found else None
    reference = OwnerReference(kind, owner, controller=True)
    return workload_of(PodJson(PodMetadata(name, namespace, labels=labels, owner_references=[reference])))


def _guessed(pod: PodKey, known: Set[tuple[str, str]]) -> str:
    namespace, name = pod
    lettered = _LETTERED.fullmatch(name)
    for kind in _LETTERED_KINDS if lettered else ():
        if lettered and (namespace, f"{kind}/{lettered['name']}") in known:
            return f"{kind}/{lettered['name']}"
    if found := _OF_SET.fullmatch(name):
        return f"ReplicaSet/{found['set']}"
    if found := _OF_JOB.fullmatch(name):
        return f"Job/{found['job']}"
    if found := _NUMBERED.fullmatch(name):
        return f"StatefulSet/{found['name']}"
    return ""
