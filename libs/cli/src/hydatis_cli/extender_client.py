"""Speaks to the scheduler extender as kube-scheduler does: two POSTs a pod over one kept-alive connection.

The bodies are those of kube-scheduler with ``nodeCacheCapable: true``, so a replay proves the same path that a cluster uses.
"""

from __future__ import annotations

import http.client
import json
import socket
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from hydatis_core.errors import DependencyUnavailable
from hydatis_core.pods import Pod

from hydatis_cli.own_certificate import context_for

__all__ = ["ExtenderClient", "pod_json"]


def pod_json(pod: Pod) -> dict[str, Any]:
    """A pod as the API server would show it, as far as an extender reads it."""
    requests = {"cpu": f"{round(pod.requests.cpu_cores * 1000)}m", "memory": str(int(pod.requests.memory_bytes))}
    asked = pod.requests
    if asked.gpu_count and asked.gpu_milli_per_device in (0, 1000):
        requests["nvidia.com/gpu"] = str(asked.gpu_count)
    elif asked.gpu_count:
        requests["alibabacloud.com/gpu-count"] = str(asked.gpu_count)
        requests["alibabacloud.com/gpu-milli"] = str(asked.gpu_milli_per_device)
    limits: dict[str, str] = {}
    if pod.limits.cpu_cores:
        limits["cpu"] = f"{round(pod.limits.cpu_cores * 1000)}m"
    if pod.limits.memory_bytes:
        limits["memory"] = str(int(pod.limits.memory_bytes))
    metadata: dict[str, Any] = {"name": pod.name or pod.uid, "namespace": pod.namespace, "uid": pod.uid}
    if pod.workload:
        metadata["labels"] = {"hydatis.io/workload": pod.workload}
    return {
        "metadata": metadata,
        "spec": {
            "schedulerName": "default-scheduler",
            "priority": pod.priority,
            "containers": [{"name": "main", "resources": {"requests": requests, "limits": limits}}],
        },
        "status": {"phase": "Pending"},
    }


class ExtenderClient:
    """One kept-alive connection to an extender.

    Args:
        url: base URL, such as ``http://127.0.0.1:7080``; of an https one this process shows its own certificate.
        timeout_seconds: kube-scheduler's ``httpTimeout``: a later answer is none.
        token: bearer token for the admin calls of an extender in a cluster; empty: none.
    """

    def __init__(self, url: str, timeout_seconds: float = 1.0, token: str = "") -> None:  # nosec B107  # empty: none
        parts = urllib.parse.urlsplit(url)
        self._prefix = parts.path.rstrip("/")
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or (443 if parts.scheme == "https" else 80)
        self._context = context_for(url)
        self._timeout_seconds = timeout_seconds
        self._admin_headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection: http.client.HTTPConnection | None = None

    def post(self, verb: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of one POST.

        Raises:
            DependencyUnavailable: no answer within the timeout, or no connection.
        """
        return self._request("POST", f"{self._prefix}/{verb}", body, self._timeout_seconds)

    def get_json(self, path: str, timeout_seconds: float) -> Any:
        """The JSON at a path.

        Raises:
            DependencyUnavailable: no answer, or one that is not 200.
        """
        status, body = self._request("GET", self._prefix + path, None, timeout_seconds)
        if status != 200:
            raise DependencyUnavailable(
                f"{path.partition('?')[0]} answered {status}: {body[:200].decode(errors='replace')}", field="extender"
            )
        return json.loads(body)

    def filter(self, pod: Mapping[str, Any], node_names: Sequence[str]) -> dict[str, Any]:
        """The extender's filter result, as the scheduler would read it."""
        return dict(self._verb("filter", pod, node_names))

    def prioritize(self, pod: Mapping[str, Any], node_names: Sequence[str]) -> dict[str, int]:
        """Scores 0..10 by node."""
        return {entry["Host"]: int(entry["Score"]) for entry in self._verb("prioritize", pod, node_names)}

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _verb(self, verb: str, pod: Mapping[str, Any], node_names: Sequence[str]) -> Any:
        body = json.dumps({"Pod": pod, "Nodes": None, "NodeNames": list(node_names)}, separators=(",", ":")).encode()
        status, answer = self.post(verb, body)
        if status != 200:
            raise DependencyUnavailable(f"/{verb} answered {status}: {answer[:200].decode(errors='replace')}", field="extender")
        return json.loads(answer)

    def _request(self, method: str, path: str, body: bytes | None, timeout_seconds: float) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} if body is not None else self._admin_headers
        for attempt in (1, 2):
            reused = self._connection is not None
            try:
                connection = self._connected(timeout_seconds)
                connection.request(method, path, body=body, headers=headers)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.close()
                # A kept-alive connection may have been closed meanwhile: Go's client tries again on a new one, and so do we.
                if reused and attempt == 1 and not isinstance(error, TimeoutError):
                    continue
                raise DependencyUnavailable(f"{method} {path.partition('?')[0]}: {error!r}", field="extender") from error
        raise AssertionError("unreachable")

    def _connected(self, timeout_seconds: float) -> http.client.HTTPConnection:
        if self._connection is None or self._connection.sock is None:  # no socket: the last answer ended the connection
            where = self._host, self._port
            if self._context is None:
                self._connection = http.client.HTTPConnection(*where, timeout=timeout_seconds)
            else:
                self._connection = http.client.HTTPSConnection(*where, timeout=timeout_seconds, context=self._context)
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.sock.settimeout(timeout_seconds)
        return self._connection
