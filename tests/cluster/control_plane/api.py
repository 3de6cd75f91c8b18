"""The API server as a test talks to it: objects are the JSON of their manifests, paths are the API's own.

The ``kubernetes`` package reads the kubeconfig (any kind of login that kubectl knows); its models are left out, because thousands
of objects are made and a manifest is already what they would be turned into.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import kubernetes.client
import kubernetes.config

__all__ = ["Api", "JsonObject"]

JsonObject = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
#: Calls made at a time where many are made.
PARALLEL = 8


class Api:
    """A client of one user.

    Args:
        kubeconfig: file with the server's address and who the user is.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(str(kubeconfig), client_configuration=configuration)
        token = configuration.get_api_key_with_prefix("authorization")
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
        self._http = httpx.Client(
            base_url=configuration.host,
            verify=context,
            headers={"authorization": token} if token else {},
            timeout=30.0,
            trust_env=False,
        )

    def get(self, path: str, **query: str) -> JsonObject:
        """An object, or a list of them."""
        return self._checked(self._http.get(path, params=query))

    def items(self, path: str, **query: str) -> list[JsonObject]:
        """The objects of a list."""
        return list(self.get(path, **query)["items"])

    def create(self, path: str, manifest: JsonObject, **query: str) -> JsonObject:
        """Creates an object in the collection ``path``."""
        return self._checked(self._http.post(path, json=manifest, params=query))

    def create_all(self, path: str, manifests: Iterable[JsonObject]) -> list[JsonObject]:
        """Creates many, several at a time."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            return list(pool.map(lambda manifest: self.create(path, manifest), manifests))

    def patch(self, path: str, change: JsonObject, kind: str = MERGE_PATCH) -> JsonObject:
        """Changes an object; ``kind`` is the patch's content type."""
        return self._checked(self._http.patch(path, content=json.dumps(change), headers={"content-type": kind}))

    def delete(self, path: str, *, grace_seconds: int | None = None) -> None:
        """Deletes an object or, if the path is a collection's, all in it; nothing there is fine."""
        query = {} if grace_seconds is None else {"gracePeriodSeconds": str(grace_seconds)}
        answer = self._http.delete(path, params=query)
        if answer.status_code != httpx.codes.NOT_FOUND:
            self._checked(answer)

    def status_of(self, method: str, path: str, manifest: JsonObject | None = None) -> int:
        """HTTP status of a call that may be refused."""
        return self._http.request(method, path, json=manifest).status_code

    def watch(self, path: str, resource_version: str, **query: str) -> Iterator[tuple[str, JsonObject]]:
        """(type, object) as they happen, until the server ends the watch."""
        options = query | {"watch": "1", "resourceVersion": resource_version, "allowWatchBookmarks": "true"}
        with self._http.stream("GET", path, params=options, timeout=httpx.Timeout(30.0, read=None)) as answer:
            for line in answer.iter_lines():
                event = json.loads(line)
                yield event["type"], event["object"]

    def close(self) -> None:
        """Closes the connections; a watch that is open ends."""
        self._http.close()

    @staticmethod
    def _checked(answer: httpx.Response) -> JsonObject:
        assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}"
        content: JsonObject = answer.json()
        return content
