"""Who of the replicas leads: a Lease of ``coordination.k8s.io``, held by renewing it.

No clock of another machine is believed. Who does not hold the lease measures by its own clock for how long the record has not
changed; who holds it counts from before it asked for its last renewal, and gives up a third of the lease's time before others may
take over. So clocks that are apart, jump or stand still do not make two leaders. A leader that is stopped in the middle of a call
and wakes much later may still send that one call: what leaders change, they change at the version that they have seen.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

import msgspec
from hydatis_core.errors import DependencyUnavailable, HydatisError
from hydatis_serving.kube.api import Reply
from hydatis_serving.logs import get_logger

__all__ = ["Candidate", "LeaseLeadership"]

_log = get_logger(__name__)

LEASE_SECONDS = 15.0
#: Of the lease's time, for which a leader believes that it is one; the rest is for what is on its way when it stops.
BELIEVED_RATIO = 2 / 3
#: Of the lease's time, the pause between two attempts.
RENEW_RATIO = 2 / 15
CALL_SECONDS = 3.0


class Sends(Protocol):
    """The part of ``KubernetesApi`` that is used."""

    def send(
        self, method: str, path: str, body: bytes, content_type: str = ..., query: None = None, read_seconds: float = ...
    ) -> Reply:
        """One call."""
        ...


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    renew_time: str | None = None
    acquire_time: str | None = None
    lease_transitions: int | None = None


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Lease(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    spec: _Spec = _Spec()


_LEASE = msgspec.json.Decoder(_Lease)


class Candidate:
    """One who would lead.

    Args:
        api: the API server.
        namespace, name: of the Lease.
        identity: for people; what is made unique of it goes into the record.
        lease_seconds: how long others wait for a leader that is silent.
        clock: monotonic seconds.
        wall_clock: for the record, which people read and nobody compares.
    """

    def __init__(
        self,
        api: Sends,
        namespace: str,
        name: str,
        identity: str,
        lease_seconds: float = LEASE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api = api
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._path = f"{self._collection}/{name}"
        self._name = name
        self.identity = f"{identity}_{uuid.uuid4().hex[:8]}"
        self._lease_seconds = lease_seconds
        self.renew_seconds = lease_seconds * RENEW_RATIO
        self._clock = clock
        self._wall_clock = wall_clock
        self._seen = _Spec()
        self._seen_at = clock()
        self._leads_until = float("-inf")

    @property
    def left_seconds(self) -> float:
        """For how long it leads without another word; <= 0: it does not."""
        return self._leads_until - self._clock()

    def attempt(self) -> None:
        """Renews the lease, or takes it where nobody holds it any more.

        Raises:
            DependencyUnavailable: the API server does not answer, or not so.
        """
        began = self._clock()
        reply = self._api.send("GET", self._path, b"", read_seconds=CALL_SECONDS)
        if reply.status == 404:
            self._write("POST", self._collection, "", _Spec(), began)
            return
        if not reply.ok:
            raise DependencyUnavailable(f"the lease cannot be read: {reply.why}", field="lease")
        lease = _read(reply.body)
        if lease.spec != self._seen:
            self._seen, self._seen_at = lease.spec, began
        holder = lease.spec.holder_identity or ""
        waits_seconds = max(self._lease_seconds, lease.spec.lease_duration_seconds or 0.0)
        if holder in ("", self.identity) or began - self._seen_at >= waits_seconds:
            self._write("PUT", self._path, lease.metadata.resource_version, lease.spec, began)
        else:
            self._leads_until = float("-inf")

    def release(self) -> None:
        """Lets others lead at once.

        Raises:
            DependencyUnavailable: the API server does not answer, or not so.
        """
        if self.left_seconds <= 0:
            return
        self._leads_until = float("-inf")
        lease = _read(self._api.send("GET", self._path, b"", read_seconds=CALL_SECONDS).body)
        if lease.spec.holder_identity == self.identity:
            spec = {"holderIdentity": "", "leaseDurationSeconds": 1, "leaseTransitions": lease.spec.lease_transitions or 0}
            self._api.send("PUT", self._path, self._body(lease.metadata.resource_version, spec), read_seconds=CALL_SECONDS)

    def _write(self, method: str, path: str, version: str, before: _Spec, began: float) -> None:
        now = self._wall_clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        renewed = before.holder_identity == self.identity
        transitions = before.lease_transitions or 0
        spec = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(round(self._lease_seconds), 1),
            "acquireTime": (before.acquire_time or now) if renewed else now,
            "renewTime": now,
            "leaseTransitions": transitions if renewed or not before.acquire_time else transitions + 1,
        }
        reply = self._api.send(method, path, self._body(version, spec), read_seconds=CALL_SECONDS)
        if reply.ok:
            self._seen, self._seen_at = _read(reply.body).spec, began
            self._leads_until = began + self._lease_seconds * BELIEVED_RATIO
        elif reply.status == 409:  # somebody else was quicker
            self._leads_until = float("-inf")
        else:
            raise DependencyUnavailable(f"the lease cannot be written: {reply.why}", field="lease")

    def _body(self, version: str, spec: dict[str, object]) -> bytes:
        metadata = {"name": self._name} | ({"resourceVersion": version} if version else {})
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        return json.dumps(lease).encode()


class LeaseLeadership:
    """Stands for leadership until stopped, from an event loop.

    Args:
        candidate: who.
    """

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate
        self._leads = asyncio.Event()
        self._lost = asyncio.Event()
        self._lost.set()
        self._standing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to stand for it."""
        self._standing = asyncio.create_task(self._stand(), name="lease")

    async def stop(self) -> None:
        """Gives it up, so that another replica leads at once."""
        task, self._standing = self._standing, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._tell(leads=False)
        with suppress(HydatisError):
            await asyncio.to_thread(self._candidate.release)

    async def won(self) -> None:
        """Returns once this replica leads."""
        await self._leads.wait()

    async def lost(self) -> None:
        """Returns once it does no more."""
        await self._lost.wait()

    async def _stand(self) -> None:
        failing = False
        while True:
            attempt = asyncio.create_task(asyncio.to_thread(self._candidate.attempt))
            while not attempt.done():  # a server that is silent must not keep anybody leading
                left_seconds = self._candidate.left_seconds
                await asyncio.wait({attempt}, timeout=left_seconds if left_seconds > 0 else None)
                self._tell(leads=self._candidate.left_seconds > 0)
            failure = attempt.exception()
            if failure is not None and not failing:
                _log.warning("the lease cannot be renewed", identity=self._candidate.identity, reason=str(failure)[:300])
            failing = failure is not None
            left_seconds = self._candidate.left_seconds
            renew_seconds = self._candidate.renew_seconds
            await asyncio.sleep(min(renew_seconds, left_seconds) if left_seconds > 0 else renew_seconds)
            self._tell(leads=self._candidate.left_seconds > 0)

    def _tell(self, *, leads: bool) -> None:
        if leads == self._leads.is_set():
            return
        _log.info("leads" if leads else "leads no more", identity=self._candidate.identity)
        (self._leads.set if leads else self._leads.clear)()
        (self._lost.clear if leads else self._lost.set)()


def _read(body: bytes) -> _Lease:
    try:
        return _LEASE.decode(body)
    except msgspec.MsgspecError as wrong:
        raise DependencyUnavailable(f"the API server's answer is no Lease: {wrong}", field="lease") from None
