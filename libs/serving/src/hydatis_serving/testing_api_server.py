"""An API server of Kubernetes to test against: pages, watches, bookmarks, and every way in which they break. For tests only.

It keeps objects as JSON, gives each change a version, and speaks HTTP on loopback. What a real one does seldom (a connection that
is dropped, a version that is not kept any more, a page whose token expired, silence) it does when told.
"""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["ApiServer", "node_json", "pod_json"]

Json = dict[str, Any]
#: Put into a watch's queue: the connection is dropped, or ends in order.
_DROP, _END = object(), object()


def node_json(name: str, cpu: str = "8", memory: str = "32Gi", **fields: Any) -> Json:
    """A Ready node; ``fields`` go into its metadata (labels) or stand as they are (spec)."""
    metadata = {"name": name, "labels": fields.pop("labels", {})}
    addresses = [{"type": "InternalIP", "address": f"ip-of-{name}"}, {"type": "Hostname", "address": name}]
    allocatable = {"cpu": cpu, "memory": memory, "pods": "110"} | fields.pop("allocatable", {})
    return {"metadata": metadata, "spec": {}, "status": {"allocatable": allocatable, "addresses": addresses}} | fields


def pod_json(
    name: str, node: str | None = None, cpu: str = "1", memory: str = "1Gi", phase: str = "Running", **metadata: Any
) -> Json:
    """A pod of one container in the namespace "default"; its uid is "uid-" and its name unless said otherwise."""
    asked = {"name": "main", "image": "app:1", "resources": {"requests": {"cpu": cpu, "memory": memory}}}
    spec: Json = {"containers": [asked]} | ({"nodeName": node} if node else {})
    return {
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"} | metadata,
        "spec": spec,
        "status": {"phase": phase},
    }


class ApiServer:
    """A running server; ``close`` ends it."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, Json]] = {
            "nodes": {},
            "pods": {},
            "cronjobs": {},
            "horizontalpodautoscalers": {},
            "apis": {},
        }
        self._history: list[tuple[int, str, str, Json, bool, bool]] = []
        self._version = 1
        self._oldest = 0
        self._lock = threading.RLock()
        self._watches: list[tuple[str, bool, queue.SimpleQueue[Any]]] = []
        self._answers: list[tuple[int, str]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        """Path and query of every request, in order."""
        self.silent = False
        """Whether watches say nothing, though things change."""
        self.before_page: Callable[[int], None] = lambda _page: None
        """Called before each page of a list with its number, from 0."""
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def kubeconfig(self, folder: Path) -> str:
        """Writes a kubeconfig that leads here; returns its path."""
        path = folder / "kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "test", "user": {"token": "t"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        path.write_text(json.dumps(config))
        return str(path)

    def put(self, resource: str, thing: Json) -> None:
        """Makes or changes an object; watchers are told."""
        with self._lock:
            before = self._objects[resource].get(_key(thing))
            self._version += 1
            thing = thing | {"metadata": thing["metadata"] | {"resourceVersion": str(self._version)}}
            self._objects[resource][_key(thing)] = thing
            kind = "ADDED" if before is None else "MODIFIED"
            self._tell(resource, kind, thing, before is not None and _selected(before), _selected(thing))

    def delete(self, resource: str, name: str) -> None:
        """Takes an object away; watchers are told."""
        with self._lock:
            thing = self._objects[resource].pop(name)
            self._version += 1
            thing = thing | {"metadata": thing["metadata"] | {"resourceVersion": str(self._version)}}
            self._tell(resource, "DELETED", thing, _selected(thing), False)

    def bookmark(self) -> None:
        """Tells all watchers the newest version."""
        with self._lock:
            mark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(self._version)}}}
            for _, _, told in self._watches:
                told.put(mark)

    def repeat(self) -> None:
        """Tells all watchers the newest change once more."""
        with self._lock:
            _, resource, kind, thing, before, after = self._history[-1]
            self._tell(resource, kind, thing, before, after, keep=False)

    def forget(self) -> None:
        """Keeps no earlier version any more: whoever asks for one is told 410."""
        with self._lock:
            self._oldest = self._version

    def drop(self) -> None:
        """Drops the connections of all watches."""
        self._put_all(_DROP)

    def end(self) -> None:
        """Ends all watches in order, as their time-out does."""
        self._put_all(_END)

    def answer(self, *answers: tuple[int, str]) -> None:
        """Has the next requests answered with these (status, text)."""
        with self._lock:
            self._answers += answers

    def raw(self, text: bytes) -> None:
        """Sends bytes to all watchers."""
        self._put_all(text)

    def watch_count(self, resource: str) -> int:
        """Watches that are open."""
        with self._lock:
            return sum(1 for name, _, _ in self._watches if name == resource)

    def close(self) -> None:
        """Ends it and all connections."""
        self.drop()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _put_all(self, what: Any) -> None:
        with self._lock:
            for _, _, told in self._watches:
                told.put(what)

    def _tell(self, resource: str, kind: str, thing: Json, before: bool, after: bool, *, keep: bool = True) -> None:
        if keep:
            self._history.append((self._version, resource, kind, thing, before, after))
        for name, selecting, told in self._watches:
            event = _event(kind, thing, before, after, selecting=selecting)
            if name == resource and event is not None and not self.silent:
                told.put(event)

    # --- answering, in the connections' threads

    def planned(self) -> tuple[int, str] | None:
        """The answer that was planned for this request."""
        with self._lock:
            return self._answers.pop(0) if self._answers else None

    def page(self, resource: str, query: dict[str, str]) -> tuple[int, Json]:
        """One page of a list."""
        start, version = (int(part) for part in query.get("continue", f"0/{self._version}").split("/"))
        limit = int(query.get("limit", "1000000"))
        self.before_page(start // limit)
        with self._lock:
            if version < self._oldest:
                return 410, {"kind": "Status", "code": 410, "message": "The provided continue parameter is too old"}
            selecting = "fieldSelector" in query
            things = [thing for thing in self._objects[resource].values() if not selecting or _selected(thing)]
        more = start + limit < len(things)
        metadata = {"resourceVersion": str(version)} | ({"continue": f"{start + limit}/{version}"} if more else {})
        return 200, {"kind": "List", "metadata": metadata, "items": things[start : start + limit]}

    def watch(self, resource: str, query: dict[str, str]) -> Iterator[bytes]:
        """Lines of a watch; ends when it is told to, and fails when the connection is to be dropped."""
        since, selecting = int(query["resourceVersion"]), "fieldSelector" in query
        told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._lock:
            if since < self._oldest:
                told.put(
                    {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": f"too old resource version: {since}"}}
                )
                told.put(_END)
            else:
                for version, name, kind, thing, before, after in self._history:
                    event = _event(kind, thing, before, after, selecting=selecting)
                    if name == resource and version > since and event is not None:
                        told.put(event)
            mine = (resource, selecting, told)
            self._watches.append(mine)
        try:
            while (said := told.get()) is not _END:
                if said is _DROP:
                    raise ConnectionAbortedError
                yield said if isinstance(said, bytes) else json.dumps(said).encode() + b"\n"
        finally:
            with self._lock:
                self._watches.remove(mine)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: ApiServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.owner.requests.append((parts.path, query))
        resource = parts.path.rpartition("/")[2]
        planned = self.owner.planned()
        if planned is not None:
            self._say(planned[0], planned[1].encode())
        elif query.get("watch") == "true":
            self._watch(resource, query)
        else:
            status, body = self.owner.page(resource, query)
            self._say(status, json.dumps(body).encode())

    def _watch(self, resource: str, query: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for line in self.owner.watch(resource, query):
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def _key(thing: Json) -> str:
    return str(thing["metadata"]["name"])


def _selected(thing: Json) -> bool:
    """Whether the selector of bound, unfinished pods takes it."""
    return bool(thing.get("spec", {}).get("nodeName")) and thing["status"].get("phase") not in ("Succeeded", "Failed")


def _event(kind: str, thing: Json, before: bool, after: bool, *, selecting: bool) -> Json | None:
    """A change as one watch sees it: what its selector takes no more is deleted for it."""
    if selecting:
        kinds = {(False, True): "ADDED", (True, True): "MODIFIED", (True, False): "DELETED", (False, False): ""}
        kind = kinds[before, after]
    return {"type": kind, "object": thing} if kind else None
