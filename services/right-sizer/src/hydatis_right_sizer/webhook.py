"""The webhook as a whole: its certificate, wherever that comes from, and the server that listens once there is one."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hydatis_core.errors import InvalidValue
from hydatis_serving.kube.watch import Watcher
from hydatis_serving.logs import get_logger
from hydatis_serving.tls_files import TlsFiles, tls_files_of_settings
from hydatis_serving.transport_security import TransportSecurity
from prometheus_client import CollectorRegistry

from hydatis_right_sizer.certificate_secret import CertificateSecret
from hydatis_right_sizer.settings import RightSizerSettings
from hydatis_right_sizer.webhook_door import WebhookDoor

__all__ = ["Webhook", "webhook_names"]

_log = get_logger(__name__)
LOOK_SECONDS = 0.2


def webhook_names(settings: RightSizerSettings) -> tuple[str, ...]:
    """DNS names by which the API server calls it, the one it uses first."""
    service = f"{settings.webhook_service}.{settings.namespace}"
    return (f"{service}.svc", f"{service}.svc.cluster.local", service, settings.webhook_service)


class Webhook:
    """Listens as soon as there is a certificate, and takes each new one while it runs.

    Args:
        settings: where, and by which files.
        answer: answers a whole body; None: it cannot be answered.
        watched: makes the watcher of the Secret.
        registry: where the certificate's expiry is shown.
    """

    def __init__(
        self,
        settings: RightSizerSettings,
        answer: Callable[[bytes], bytes | None],
        watched: Callable[[CertificateSecret], Watcher],
        registry: CollectorRegistry,
    ) -> None:
        self._settings = settings
        self._answer = answer
        self._registry = registry
        given = tls_files_of_settings(settings)
        self._own_folder = None if settings.webhook_folder else tempfile.TemporaryDirectory(prefix="hydatis-right-sizer-")
        folder = Path(settings.webhook_folder or (self._own_folder.name if self._own_folder else ""))
        self.secret = CertificateSecret(settings.namespace, settings.webhook_secret, folder)
        self._watcher = None if given is not None else watched(self.secret)
        self.files: TlsFiles = given or self.secret.files
        self._security: TransportSecurity | None = None
        self._door: WebhookDoor | None = None
        self._opening: asyncio.Task[None] | None = None

    @property
    def has_own_certificate(self) -> bool:
        """Whether it makes its certificate for itself."""
        return self._watcher is not None

    @property
    def port(self) -> int:
        """Port that it listens on; 0: it does not yet."""
        return self._door.port if self._door is not None else 0

    @property
    def refused_connections_count(self) -> int:
        """Connections that were ended since they were too many, or too slow."""
        return self._door.refused_connections_count if self._door is not None else 0

    async def start(self) -> None:
        """Listens at once where the settings name a certificate, else as soon as the Secret has one.

        Raises:
            DependencyUnavailable: the port is taken.
            InvalidValue: the files of the settings are no good.
        """
        if self._watcher is None:
            await self._open()
            return
        self._watcher.start()
        self._opening = asyncio.create_task(self._open_when_served(), name="webhook")

    async def stop(self) -> None:
        """Requests in flight finish first."""
        task, self._opening = self._opening, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._door is not None:
            await self._door.stop()
        if self._security is not None:
            await self._security.stop()
        if self._watcher is not None:
            self._watcher.stop()
        if self._own_folder is not None:
            self._own_folder.cleanup()

    async def _open_when_served(self) -> None:
        while self._door is None:
            if self.secret.is_served:
                try:
                    await self._open()
                except InvalidValue as wrong:  # a reading between two writes, or somebody's own idea of a certificate
                    _log.warning("the webhook's certificate is no good", reason=str(wrong))
            await asyncio.sleep(LOOK_SECONDS)

    async def _open(self) -> None:
        settings = self._settings
        if self._security is None:
            self._security = TransportSecurity(self.files, callers_show_certificates=False, registry=self._registry)
        self._security.start()
        door = WebhookDoor(
            settings.host,
            settings.http_port,
            self._answer,
            ssl_context=self._security.server_context(),
            max_body_bytes=settings.max_body_bytes,
            max_connections_count=settings.max_connections_count,
            arrival_seconds=settings.arrival_seconds,
            stop_grace_seconds=settings.stop_grace_seconds,
        )
        await door.start()
        self._door = door
        _log.info("the webhook listens", port=door.port)
