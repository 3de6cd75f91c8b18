"""Keeps the webhook's certificate good, and the API server told whom to believe. A role of the leader."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
from hydatis_core.errors import DependencyUnavailable
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.logs import get_logger
from hydatis_serving.tls_files import TlsFiles

from hydatis_right_sizer.certificate_secret import NEXT_SINCE, CertificateSecret, SecretText, next_content

__all__ = ["CertificateKeeper", "TrustKeeper"]

_log = get_logger(__name__)
PAUSE_SECONDS = 2.0
JSON_PATCH = "application/json-patch+json"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


class CertificateKeeper:
    """Makes and renews the certificate in the Secret.

    Args:
        api: the API server.
        secret: as this replica sees it.
        names: DNS names of the webhook.
        good_for_hours: of a new certificate.
        settle_seconds: how long the API server is given to hear of a new authority.
        clock: Unix seconds.
    """

    name = "certificate"

    def __init__(
        self,
        api: KubernetesApi,
        secret: CertificateSecret,
        names: tuple[str, ...],
        good_for_hours: float,
        settle_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._secret = secret
        self._names = names
        self._good_for = timedelta(hours=good_for_hours)
        self._settle = timedelta(seconds=settle_seconds)
        self._clock = clock

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(PAUSE_SECONDS)

    def look(self) -> None:
        """Makes a certificate where there is none, the next one in time, and lets it take over.

        Raises:
            DependencyUnavailable: the API server does not answer, or not so.
        """
        reply = self._api.send("GET", self._secret.path, b"")
        if reply.status not in (200, 404):
            raise DependencyUnavailable(f"the webhook's Secret cannot be read: {reply.why}", field="webhook_secret")
        there = reply.status == 200
        secret = msgspec.json.decode(reply.body, type=SecretText) if there else SecretText()
        now = datetime.fromtimestamp(self._clock(), UTC)
        content = next_content(secret, self._names, self._good_for, self._settle, now)
        if content is None:
            return
        collection, _, name = self._secret.path.rpartition("/")
        metadata: dict[str, object] = {"name": name, "annotations": {NEXT_SINCE: now.isoformat()}}
        if there:
            metadata["resourceVersion"] = secret.metadata.resource_version
        data = {key: base64.b64encode(value).decode() for key, value in content.items()}
        body = json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}).encode()
        wrote = self._api.send("PUT" if there else "POST", self._secret.path if there else collection, body)
        if wrote.status == 409:  # another leader was quicker
            return
        if not wrote.ok:
            raise DependencyUnavailable(f"the webhook's Secret cannot be written: {wrote.why}", field="webhook_secret")
        _log.info("the webhook's certificate", made_next="next.crt" in content, names=self._names)


class _Client(msgspec.Struct, frozen=True, rename="camel"):
    ca_bundle: str = ""


class _Webhook(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    client_config: _Client = _Client()


class _Configuration(msgspec.Struct, frozen=True):
    webhooks: list[_Webhook] = []


class TrustKeeper:
    """Tells the API server the authorities of the files that are served with.

    Args:
        api: the API server.
        configuration: name of the MutatingWebhookConfiguration.
        files: of this replica; its authorities are those of all.
    """

    name = "trust"

    def __init__(self, api: KubernetesApi, configuration: str, files: TlsFiles) -> None:
        self._api = api
        self._path = f"{CONFIGURATIONS}/{configuration}"
        self._files = files

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(PAUSE_SECONDS)

    def look(self) -> None:
        """Patches the configuration where it says something else.

        Raises:
            DependencyUnavailable: the API server does not answer, or not so.
        """
        if not self._files.authorities.exists():
            return
        wanted = base64.b64encode(self._files.authorities.read_bytes()).decode()
        reply = self._api.send("GET", self._path, b"")
        if not reply.ok:
            raise DependencyUnavailable(f"{self._path}: {reply.why}", field="webhook_configuration")
        changes: list[dict[str, str]] = []
        for index, webhook in enumerate(msgspec.json.decode(reply.body, type=_Configuration).webhooks):
            if webhook.client_config.ca_bundle != wanted:
                changes.append({"op": "test", "path": f"/webhooks/{index}/name", "value": webhook.name})
                changes.append({"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": wanted})
        if not changes:
            return
        told = self._api.send("PATCH", self._path, json.dumps(changes).encode(), JSON_PATCH)
        if not told.ok:
            raise DependencyUnavailable(f"{self._path}: {told.why}", field="webhook_configuration")
        _log.info("the API server is told whom to believe", configuration=self._path.rpartition("/")[2])
