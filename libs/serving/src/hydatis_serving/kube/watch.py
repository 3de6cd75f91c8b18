"""List, then watch: all objects of one resource, and from then on every change, through whatever breaks meanwhile.

The API server keeps changes for minutes only. A watch goes on from the newest version that was seen (bookmarks keep it new where
nothing changes); where that is not kept any more, all is listed again and what is not in the list is gone. Changes may be told
twice over a break, never skipped: the sink must not mind repeats.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec
from hydatis_core.errors import DependencyUnavailable, GenerationUnavailable, HydatisError, InvalidValue
from msgspec import Raw

from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.watch_metrics import KubernetesMetrics
from hydatis_serving.logs import get_logger

__all__ = ["Resource", "Watcher", "WatcherSink", "pause_seconds"]

_log = get_logger(__name__)
T = TypeVar("T")

PAGE_COUNT = 500
LIST_READ_SECONDS = 60.0
#: A watch is asked to end by itself after this long, and up to twice as long: all watchers of a cluster would else end at once.
WATCH_SECONDS = 240.0
#: Bookmarks come every minute: a server that is silent for longer is gone without having said so.
IDLE_SECONDS = 90.0
#: A watch that ended sooner than this was of no use: the next one waits.
USEFUL_SECONDS = 1.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 30.0
_STATUS_GONE = 410


@dataclass(frozen=True, slots=True)
class Resource:
    """What is watched."""

    name: str
    """In logs and metrics: "nodes"."""
    path: str
    field_selector: str = ""
    """Which objects; one that is selected no more is told as deleted."""


class WatcherSink(Protocol):
    """What takes objects, from the watcher's thread; a call returns when they are taken."""

    def listing(self) -> None:
        """A list begins; one that had begun before, has broken off."""
        ...

    def page(self, objects: Sequence[Raw]) -> None:
        """Some objects of the list."""
        ...

    def listed(self) -> None:
        """The list is whole: what was not in its pages is gone."""
        ...

    def changed(self, changes: Sequence[tuple[str, Raw]]) -> None:
        """Changes in order: "ADDED", "MODIFIED" or "DELETED", and the object as it is, or last was."""
        ...


class _ListMetadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, frozen=True, gc=False):
    metadata: _ListMetadata
    items: list[Raw] | None = None


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str
    object: Raw


class _VersionMetadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    resource_version: str = ""


class _Versioned(msgspec.Struct, frozen=True, gc=False):
    metadata: _VersionMetadata = _VersionMetadata()
    code: int = 0
    message: str = ""


_LIST = msgspec.json.Decoder(_List)
_EVENT = msgspec.json.Decoder(_Event)
_VERSIONED = msgspec.json.Decoder(_Versioned)


def pause_seconds(failures: int, jitter: float) -> float:
    """How long to wait after so many failures in a row: doubling to half a minute, less a random half.

    Args:
        failures: > 0.
        jitter: 0 <= jitter < 1, random.
    """
    longest = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 20), _LONGEST_PAUSE_SECONDS)
    return longest * (1.0 - jitter / 2)


class Watcher:
    """Lists and watches one resource in a thread of its own.

    Args:
        api: the API server.
        resource: what is watched.
        sink: what takes the objects.
        metrics: where it is counted.
        idle_seconds: how long a watch may be silent.
        clock: Unix seconds, for the metrics.
    """

    def __init__(
        self,
        api: KubernetesApi,
        resource: Resource,
        sink: WatcherSink,
        metrics: KubernetesMetrics,
        idle_seconds: float = IDLE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._resource = resource
        self._sink = sink
        self._metrics = metrics
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._version = ""
        self._stopping = threading.Event()
        # A thread that hangs in a read must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=f"watch-{resource.name}", daemon=True)

    def start(self) -> None:
        """Begins; the sink is called until ``stop``."""
        self._thread.start()

    def stop(self) -> None:
        """Begins nothing any more. A read in progress ends when the API is closed."""
        self._stopping.set()

    def join(self, timeout_seconds: float) -> None:
        """Waits for its end."""
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                if not self._version:
                    self._list()
                    failures = 0
                    began = time.monotonic()
                self._watch()
                cause = "short" if time.monotonic() - began < USEFUL_SECONDS else ""
            except GenerationUnavailable as gone:
                _log.info("listing again", resource=self._resource.name, reason=str(gone))
                self._version = ""
                cause = "gone"
            except HydatisError as failure:
                cause = "unavailable" if isinstance(failure, DependencyUnavailable) else "unreadable"
                if cause == "unreadable":
                    self._version = ""  # watched again from here it would be read again
                self._say(failure, failures)
            except Exception as unforeseen:
                _log.exception("a watch broke off", resource=self._resource.name)
                self._version = ""  # what the sink had taken of it is not known
                cause = type(unforeseen).__name__
            if self._stopping.is_set():
                return
            useful = time.monotonic() - began >= USEFUL_SECONDS
            failures = 0 if not cause else 1 if useful else failures + 1
            if cause:
                self._metrics.failed(self._resource.name, cause)
                self._stopping.wait(pause_seconds(failures, random.random()))

    def _say(self, failure: HydatisError, failures: int) -> None:
        if failures == 1 and not self._stopping.is_set():  # once per outage; a single break is no news
            _log.warning("the API server is not heard", resource=self._resource.name, reason=str(failure))

    def _list(self) -> None:
        began = time.monotonic()
        count, token = 0, ""
        self._sink.listing()
        while True:
            query = {"limit": str(PAGE_COUNT)} | ({"continue": token} if token else {}) | self._selector()
            with self._api.get(self._resource.path, query, LIST_READ_SECONDS) as response:
                page = _decoded(_LIST, response.read())
            self._metrics.heard(self._resource.name, self._clock())
            if self._stopping.is_set():
                return
            self._sink.page(page.items or ())
            count += len(page.items or ())
            token = page.metadata.continue_
            if not token:
                break
        self._sink.listed()
        self._version = page.metadata.resource_version
        self._metrics.listed(self._resource.name, count, time.monotonic() - began)

    def _watch(self) -> None:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(int(WATCH_SECONDS * (1 + random.random()))),
        } | self._selector()
        with self._api.get(self._resource.path, query, self._idle_seconds) as response:
            for lines in whole_lines(response.stream(2**16)):
                if self._stopping.is_set():
                    return
                self._take([_decoded(_EVENT, line) for line in lines])

    def _take(self, events: Sequence[_Event]) -> None:
        began = time.monotonic()
        changes: list[tuple[str, Raw]] = []
        version, broken = self._version, None
        for event in events:
            self._metrics.event(self._resource.name, event.type)
            head = _decoded(_VERSIONED, event.object)
            if event.type == "ERROR":
                broken = head
                break
            version = head.metadata.resource_version or version
            if event.type in ("ADDED", "MODIFIED", "DELETED"):
                changes.append((event.type, event.object))
        self._metrics.heard(self._resource.name, self._clock())
        if changes:
            self._sink.changed(changes)
            self._metrics.took(self._resource.name, time.monotonic() - began)
        self._version = version
        if broken is not None:
            if broken.code == _STATUS_GONE:
                raise GenerationUnavailable(broken.message[:200], field="resourceVersion")
            raise DependencyUnavailable(f"the watch ended with {broken.code}: {broken.message[:200]}", field="kubernetes")

    def _selector(self) -> dict[str, str]:
        return {"fieldSelector": self._resource.field_selector} if self._resource.field_selector else {}


def whole_lines(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lines of a stream, as many at a time as have come whole; a last line that never ended is left out."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        whole = [line for line in lines if line]
        if whole:
            yield whole


def _decoded(decoder: msgspec.json.Decoder[T], text: bytes | Raw) -> T:
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise InvalidValue(f"the API server's answer is not what was asked for: {wrong}", field="kubernetes") from None
