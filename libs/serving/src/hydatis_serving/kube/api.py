"""The API server by the `kubernetes` client: its configuration, TLS and tokens; answers stay bytes.

The client's models would make an object of every field of every pod. So only its connection is used, and what comes is decoded by
whoever asked for it. The package is imported when it is first needed: it weighs as much as the rest of this process.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from hydatis_core.errors import DependencyUnavailable, GenerationUnavailable, HydatisError, InvalidValue

__all__ = ["KubernetesApi", "Reply"]

CONNECT_SECONDS = 5.0
SEND_READ_SECONDS = 10.0
_STATUS_GONE, _STATUS_UNAUTHORIZED, _STATUS_FORBIDDEN = 410, 401, 403
_REASONS = {
    _STATUS_UNAUTHORIZED: "the API server does not know who asks",
    _STATUS_FORBIDDEN: "the service account may not list and watch this",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API server said of a change."""

    status: int
    """200 or 201: done; 404: not there; 409: changed meanwhile, or there already; 422: refused; 429: not now."""
    body: bytes
    """The object, or a Status that says why not."""

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.status in (200, 201, 202)

    @property
    def why(self) -> str:
        """Why not, in short."""
        try:
            said = str(json.loads(self.body).get("message", ""))
        except (ValueError, AttributeError):
            said = self.body[:200].decode(errors="replace")
        return f"status {self.status}: {said[:300]}"


class KubernetesApi:
    """Reads from one API server and changes what is in it. Threads may share it.

    Args:
        kubeconfig: a file. Empty: the service account inside a cluster, else KUBECONFIG or ~/.kube/config.
        context: of the file; empty: its current one.
    """

    def __init__(self, kubeconfig: str = "", context: str = "") -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._client: Any = None
        self._lock = threading.Lock()
        self._open: set[urllib3.BaseHTTPResponse] = set()
        self._closed = False

    @contextmanager
    def get(self, path: str, query: Mapping[str, str], read_seconds: float) -> Iterator[urllib3.BaseHTTPResponse]:
        """An answer with status 200, its body unread.

        Args:
            path: of the resource, "/api/v1/nodes".
            query: its parameters.
            read_seconds: how long the server may be silent.

        Raises:
            GenerationUnavailable: status 410: the version or page asked for is not kept any more.
            DependencyUnavailable: there is no server, another status, or the body ended before its time.
            InvalidValue: there is no usable configuration.
        """
        client = self._connected()
        headers: dict[str, str] = {"Accept": "application/json"}
        response: urllib3.BaseHTTPResponse | None = None
        try:
            client.update_params_for_auth(headers, [], ["BearerToken"])  # a token that is renewed is read again here
            response = client.rest_client.pool_manager.request(
                "GET",
                client.configuration.host + path,
                fields=dict(query),
                headers=headers,
                preload_content=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
                retries=False,
            )
            self._track(response)
            self._check(response, path)
            yield response
        except (urllib3.exceptions.HTTPError, OSError) as failure:
            if isinstance(failure, urllib3.exceptions.SSLError):
                self._forget_client()
            raise DependencyUnavailable(f"{path}: {type(failure).__name__}: {failure}"[:300], field="kubernetes") from None
        finally:
            if response is not None:
                with self._lock:
                    self._open.discard(response)
                response.close()

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
        read_seconds: float = SEND_READ_SECONDS,
    ) -> Reply:
        """Changes something. What the server says of it, a refusal included, is the caller's to judge.

        Args:
            method: "POST", "PUT", "PATCH" or "DELETE".
            path: of the object, or of the resource it is made in.
            body: JSON; empty: none.
            content_type: of the body; a PATCH says of which kind it is.
            query: parameters.
            read_seconds: how long the server may be silent.

        Raises:
            DependencyUnavailable: there is no server, or it broke off.
            InvalidValue: there is no usable configuration.
        """
        client = self._connected()
        headers: dict[str, str] = {"Accept": "application/json", "Content-Type": content_type}
        target = client.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        try:
            client.update_params_for_auth(headers, [], ["BearerToken"])
            response = client.rest_client.pool_manager.request(
                method,
                target,
                body=body or None,
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
                retries=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as failure:
            self._forget_client()
            raise DependencyUnavailable(f"{path}: {type(failure).__name__}: {failure}"[:300], field="kubernetes") from None
        if response.status == _STATUS_UNAUTHORIZED:
            self._forget_client()
        return Reply(response.status, response.data)

    def close(self) -> None:
        """Ends all reads, those that wait included; later ones fail at once."""
        with self._lock:
            self._closed = True
            reading = list(self._open)
        for response in reading:
            try:
                response.shutdown()
            except (OSError, ValueError, RuntimeError):  # it ended by itself meanwhile
                continue

    def _track(self, response: urllib3.BaseHTTPResponse) -> None:
        with self._lock:
            if self._closed:
                raise DependencyUnavailable("the source was stopped", field="kubernetes")
            self._open.add(response)

    def _check(self, response: urllib3.BaseHTTPResponse, path: str) -> None:
        if response.status == 200:
            return
        said = response.read(2000, decode_content=True).decode(errors="replace")
        if response.status == _STATUS_GONE:
            raise GenerationUnavailable(f"{path}: {said[:200]}", field="kubernetes")
        if response.status == _STATUS_UNAUTHORIZED:
            self._forget_client()  # keys and tokens are read from their files again
        why = _REASONS.get(response.status, said[:200])
        raise DependencyUnavailable(f"{path}: status {response.status}: {why}", field="kubernetes")

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = _client(self._kubeconfig, self._context)
            return self._client

    def _forget_client(self) -> None:
        with self._lock:
            self._client = None


def _client(kubeconfig: str, context: str) -> Any:
    import kubernetes.client
    import kubernetes.config

    configuration = kubernetes.client.Configuration()
    configuration.retries = False
    inside = not kubeconfig and not os.environ.get("KUBECONFIG") and os.environ.get("KUBERNETES_SERVICE_HOST")
    try:
        if inside:
            kubernetes.config.load_incluster_config(client_configuration=configuration)
        else:
            kubernetes.config.load_kube_config(
                config_file=kubeconfig or None, context=context or None, client_configuration=configuration
            )
    except HydatisError:
        raise
    except Exception as wrong:  # the client raises whatever its parsers raise
        raise InvalidValue(f"no usable configuration: {wrong}"[:300], field="kubeconfig", expected="a kubeconfig file") from None
    return kubernetes.client.ApiClient(configuration)
