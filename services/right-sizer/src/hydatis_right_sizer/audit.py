"""The record of what the right-sizer did: one structured log line each, and a Kubernetes event on the object.

Logs are shipped and kept, events are what `kubectl describe` shows. The log line comes first and always; an event is an extra that
may be dropped when there are too many, or the API server does not take it.
"""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from hydatis_core.errors import HydatisError
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.logs import get_logger

from hydatis_right_sizer.right_sizer_metrics import RightSizerMetrics

__all__ = ["Audit", "ObjectReference"]

_log = get_logger("hydatis.audit")
MOST_WAITING_COUNT = 1000


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """Of what."""

    kind: str
    name: str
    namespace: str = ""
    uid: str = ""
    api_version: str = "v1"


class Audit:
    """Records actions; any thread may.

    Args:
        api: where events are made.
        identity: who we are among the replicas.
        metrics: where actions are counted.
        clock: the time, with a time zone.
    """

    def __init__(
        self,
        api: KubernetesApi,
        identity: str,
        metrics: RightSizerMetrics,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api = api
        self._identity = identity
        self._metrics = metrics
        self._clock = clock
        self._waiting: queue.Queue[tuple[str, bytes] | None] = queue.Queue(MOST_WAITING_COUNT)
        self._thread = threading.Thread(target=self._send, name="events", daemon=True)

    def start(self) -> None:
        """Begins to make events."""
        self._thread.start()

    def stop(self) -> None:
        """Makes no more; those that wait are dropped."""
        while True:
            try:
                self._waiting.get_nowait()
            except queue.Empty:
                break
        self._waiting.put(None)

    def record(
        self,
        action: str,
        subject: ObjectReference,
        reason: str,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        *,
        warning: bool = False,
        event: bool = True,
    ) -> None:
        """Records one action.

        Args:
            action: what was done, in CamelCase: "NodeTainted".
            subject: to what.
            reason: why, for people.
            before, after: what changed.
            warning: whether somebody should look at it.
            event: False: the log line alone, where events would be as many as pods.
        """
        self._metrics.audited.labels(action).inc()
        about = {"kind": subject.kind, "namespace": subject.namespace, "name": subject.name, "uid": subject.uid}
        _log.info("audit", action=action, subject=about, reason=reason, before=dict(before or {}), after=dict(after or {}))
        if not event:
            return
        namespace = subject.namespace or "default"
        try:
            self._waiting.put_nowait((f"/api/v1/namespaces/{namespace}/events", self._event(action, subject, reason, warning)))
        except queue.Full:
            self._metrics.events_dropped.inc()

    def _event(self, action: str, subject: ObjectReference, reason: str, warning: bool) -> bytes:
        now = self._clock()
        return msgspec.json.encode(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"{subject.name}.{uuid.uuid4().hex[:16]}", "namespace": subject.namespace or "default"},
                "involvedObject": {
                    "kind": subject.kind,
                    "name": subject.name,
                    "namespace": subject.namespace,
                    "uid": subject.uid,
                    "apiVersion": subject.api_version,
                },
                "type": "Warning" if warning else "Normal",
                "reason": action,
                "action": action,
                "message": reason[:1000],
                "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "firstTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "lastTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "count": 1,
                "source": {"component": "hydatis-right-sizer"},
                "reportingComponent": "hydatis.io/right-sizer",
                "reportingInstance": self._identity,
            }
        )

    def _send(self) -> None:
        while (one := self._waiting.get()) is not None:
            path, body = one
            try:
                reply = self._api.send("POST", path, body)
            except HydatisError as failure:
                self._metrics.events_dropped.inc()
                _log.debug("an event was not made", reason=str(failure))
                continue
            if not reply.ok:
                self._metrics.events_dropped.inc()
                _log.debug("an event was not made", reason=reply.why)
