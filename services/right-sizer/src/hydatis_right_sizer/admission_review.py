"""AdmissionReview of ``admission.k8s.io/v1``: the API server's question about one pod, and the answer, which always allows it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
from hydatis_core.errors import InvalidValue
from hydatis_serving.kube.running_pods import RunningMetadata, RunningPod, RunningSpec

__all__ = ["AdmittedPod", "Question", "allowed", "read_question"]


class AdmittedSpec(RunningSpec, frozen=True, gc=False, rename="camel"):
    """``spec`` of a pod that has no node yet."""

    node_selector: dict[str, str] | None = None


class AdmittedMetadata(RunningMetadata, frozen=True, gc=False, rename="camel"):
    """``metadata`` of a pod that may have no name yet."""

    generate_name: str = ""


class AdmittedPod(RunningPod, frozen=True, gc=False):
    """A pod that is about to be made."""

    metadata: AdmittedMetadata
    spec: AdmittedSpec = AdmittedSpec()

    @property
    def selector(self) -> Mapping[str, str]:
        """Labels that its node needs."""
        return self.spec.node_selector or {}


class Question(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """``request``."""

    uid: str
    namespace: str = ""
    operation: str = ""
    dry_run: bool | None = None
    sub_resource: str = ""
    object: msgspec.Raw = msgspec.Raw(b"null")

    def pod(self) -> AdmittedPod:
        """The pod that it is about, in its namespace.

        Raises:
            InvalidValue: it is about no pod.
        """
        try:
            pod = _POD.decode(self.object)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
            raise InvalidValue(f"it is no pod: {wrong}", field="request.object", expected="a Pod as JSON") from None
        metadata = msgspec.structs.replace(pod.metadata, namespace=self.namespace or pod.metadata.namespace)
        return msgspec.structs.replace(pod, metadata=metadata)


class _Review(msgspec.Struct, frozen=True, gc=False):
    request: Question


_POD = msgspec.json.Decoder(AdmittedPod)
_REVIEW = msgspec.json.Decoder(_Review)


def read_question(body: bytes) -> Question:
    """The question of a review.

    Raises:
        InvalidValue: it is no review.
    """
    try:
        return _REVIEW.decode(body).request
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raise InvalidValue(f"it is no AdmissionReview: {wrong}", field="body", expected="admission.k8s.io/v1") from None


def allowed(uid: str, patch: list[dict[str, Any]] | None = None, notes: Mapping[str, str] | None = None) -> bytes:
    """The answer.

    Args:
        uid: of the question.
        patch: changes of the pod; empty: none.
        notes: for the API server's own audit log.
    """
    response: dict[str, Any] = {"uid": uid, "allowed": True}
    if patch:
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(msgspec.json.encode(patch)).decode()}
    if notes:
        response["auditAnnotations"] = dict(notes)
    return msgspec.json.encode({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
