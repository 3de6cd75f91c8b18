"""The admission of a pod: question in, decision, answer out, and what is counted of it.

Whatever goes wrong here, the pod is allowed as its owner wrote it. It is better to waste a request than to be in the way.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from hydatis_core.errors import HydatisError
from hydatis_serving.kube.pods import workload_of
from hydatis_serving.logs import get_logger

from hydatis_right_sizer.admission_review import AdmittedPod, Question, allowed, read_question
from hydatis_right_sizer.audit import Audit, ObjectReference
from hydatis_right_sizer.cluster_state import ClusterState
from hydatis_right_sizer.decision import Decision, decide
from hydatis_right_sizer.json_patch import shown_requests, sizing_patch
from hydatis_right_sizer.policy_keeper import PolicyKeeper
from hydatis_right_sizer.right_sizer_metrics import RightSizerMetrics

__all__ = ["Admission"]

_log = get_logger(__name__)
MIB = 2.0**20


class Admission:
    """Answers reviews.

    Args:
        cluster: what is known.
        policy: in force.
        audit: where sized pods are recorded.
        metrics: where everything is counted.
        clock: Unix seconds.
        after_answer: calls something once the answer is out: the API server waits for no log line.
    """

    def __init__(
        self,
        cluster: ClusterState,
        policy: PolicyKeeper,
        audit: Audit,
        metrics: RightSizerMetrics,
        clock: Callable[[], float] = time.time,
        after_answer: Callable[[Callable[[], None]], object] = lambda call: call(),
    ) -> None:
        self._cluster = cluster
        self._policy = policy
        self._audit = audit
        self._metrics = metrics
        self._clock = clock
        self._after_answer = after_answer

    def answer(self, body: bytes) -> bytes | None:
        """The answer to a review; None: it is no review, and there is nobody to answer."""
        began = time.perf_counter()
        try:
            question = read_question(body)
        except HydatisError as wrong:
            self._failed("not-a-review", str(wrong))
            return None
        try:
            return self._answered(question)
        except HydatisError as wrong:
            self._failed("unreadable", str(wrong))
        except Exception:  # a fault of ours must not cost anybody a pod
            _log.exception("an admission failed")
            self._metrics.admission_failures.labels("internal").inc()
        finally:
            self._metrics.admission_seconds.observe(time.perf_counter() - began)
        return allowed(question.uid)

    def _answered(self, question: Question) -> bytes:
        if question.operation != "CREATE" or question.sub_resource:
            return allowed(question.uid)
        pod = question.pod()
        decision = decide(pod, pod.selector, self._policy.policy, self._cluster, self._clock())
        if question.dry_run:  # nothing will come of it: it is answered, and leaves no trace
            return self._said(question, pod, decision)
        self._after_answer(lambda: self._count(decision))
        if decision.outcome != "left":
            self._after_answer(lambda: self._record(pod, decision))
        return self._said(question, pod, decision)

    def _said(self, question: Question, pod: AdmittedPod, decision: Decision) -> bytes:
        if decision.outcome == "left":
            return allowed(question.uid, notes={"right-size": f"left: {decision.reason}"})
        patch = sizing_patch(pod, decision.before, decision.after, decision.excess)
        if decision.outcome == "reported":
            would = "; ".join(f"{change['path']} {change['value']}" for change in patch if change["op"] == "replace")
            return allowed(question.uid, notes={"right-size": f"would set: {would}"})
        return allowed(question.uid, patch, {"right-size": "sized"})

    def _count(self, decision: Decision) -> None:
        self._metrics.admissions.labels(decision.outcome, decision.reason or "none").inc()
        for cause, count in decision.clamped.items():
            self._metrics.clamped.labels(cause).inc(count)
        for cause, count in decision.refused.items():
            self._metrics.refused.labels(cause).inc(count)
        if decision.outcome == "sized":
            self._metrics.reclaimed.labels("cpu").inc(decision.excess.cpu_milli / 1000)
            self._metrics.reclaimed.labels("memory").inc(decision.excess.memory_mib * MIB)

    def _record(self, pod: AdmittedPod, decision: Decision) -> None:
        metadata = pod.metadata
        name = metadata.name or f"{metadata.generate_name}*"
        self._audit.record(
            "PodSized" if decision.outcome == "sized" else "PodWouldBeSized",
            ObjectReference("Pod", name, metadata.namespace, metadata.uid),
            f"recommendation for {workload_of(pod)}",
            shown_requests(decision.before),
            shown_requests(decision.after),
            event=False,  # the pod is not there yet; its annotation says the same
        )

    def _failed(self, cause: str, reason: str) -> None:
        self._metrics.admission_failures.labels(cause).inc()
        _log.warning("an admission was answered without a look", cause=cause, reason=reason)
