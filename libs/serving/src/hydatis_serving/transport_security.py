"""TLS of a process: one set of files for all that it serves and dials, taken anew whenever they change.

Certificates live for weeks and processes for months, and a restart costs a rung. So the files are looked at every second; good ones
hold from the next handshake on, broken ones are said once and the last good ones stay. Without files everything here is plain.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable

import grpc
from hydatis_core.errors import InvalidValue
from prometheus_client import CollectorRegistry, Gauge

from hydatis_serving.logs import get_logger
from hydatis_serving.settings import ServiceSettings
from hydatis_serving.tls_files import TlsFiles, TlsMaterial, TlsTexts, checked_material, read_tls_texts, tls_files_of_settings

__all__ = ["LOOK_SECONDS", "PLAIN", "TransportSecurity", "service_security"]

#: How often the files are looked at.
LOOK_SECONDS = 1.0

_log = get_logger(__name__)


class TransportSecurity:
    """Credentials of what a process serves and of what it dials.

    Args:
        files: certificate, key and authorities; None: nothing is encrypted.
        callers_show_certificates: whether callers must show a certificate of the authorities (mutual TLS).
        registry: where expiry and health of the files are shown; None: nowhere.
        wall_clock: Unix seconds.

    Raises:
        InvalidValue: the files are no good.
    """

    def __init__(
        self,
        files: TlsFiles | None,
        *,
        callers_show_certificates: bool = True,
        registry: CollectorRegistry | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._files = files
        self._wall_clock = wall_clock
        self._watching: asyncio.Task[None] | None = None
        self._problem = ""
        self.enabled = files is not None
        """Whether connections are encrypted."""
        self.mutual = self.enabled and callers_show_certificates
        """Whether callers must show a certificate."""
        self.on_change: set[Callable[[], None]] = set()
        """Called in the event loop after new files were taken."""
        if files is None:
            return
        self._expires, self._good = (Gauge(name, text, registry=registry) for name, text in _GAUGES)
        self._seen: TlsTexts | None = read_tls_texts(files)
        self._take(checked_material(files, self._seen, wall_clock()), _inner_context(files, self.mutual))

    def start(self) -> None:
        """Begins to look at the files; needs a running loop."""
        if self.enabled and self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="tls-files")

    async def stop(self) -> None:
        """Looks at them no more."""
        task, self._watching = self._watching, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def look(self) -> None:
        """Takes the files if they changed and are good."""
        assert self._files is not None
        try:
            texts = read_tls_texts(self._files)
        except InvalidValue as wrong:
            self._seen = None
            self._refuse(str(wrong))
            return
        if texts == self._seen:
            return
        self._seen = texts
        try:
            material = checked_material(self._files, texts, self._wall_clock())
            if material != self._material:
                self._take(material, _inner_context(self._files, self.mutual))
                _log.info("new TLS files in use", expires_seconds=material.expires_seconds)
                for changed in tuple(self.on_change):
                    changed()
        except InvalidValue as wrong:
            self._refuse(str(wrong))
        else:
            self._problem = ""
            self._good.set(1)

    def server_credentials(self) -> grpc.ServerCredentials | None:
        """For the port of a gRPC server; None: it listens without TLS."""
        if not self.enabled:
            return None
        served = self._material

        def changed() -> grpc.ServerCertificateConfiguration | None:
            # Called at every handshake, by threads of gRPC's own; None: as before.
            nonlocal served
            if (newest := self._material) is served:
                return None
            served = newest
            return _server_configuration(newest)

        return grpc.dynamic_ssl_server_credentials(
            _server_configuration(served),
            changed,  # type: ignore[arg-type]  # the stubs forget that it may return None
            require_client_authentication=self.mutual,
        )

    def server_context(self, *, certificate_optional: bool = False) -> ssl.SSLContext | None:
        """For an HTTP server; None: it listens without TLS.

        Args:
            certificate_optional: a caller without a certificate is let in even where TLS is mutual, and the server looks at
                ``peercert`` itself: kubelet's probes cannot show one.
        """
        if not self.enabled:
            return None
        outer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        outer.verify_mode = self._context.verify_mode
        if self.mutual and certificate_optional:
            outer.verify_mode = ssl.CERT_OPTIONAL

        def newest(connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _outer: ssl.SSLContext) -> None:
            # Certificate and authorities come from here. (Authorities can be added to a context and never taken away.)
            connection.context = self._context

        outer.sni_callback = newest
        outer.num_tickets = 0  # a session taken up again would not show its certificate again
        return outer

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """For a channel that is opened now."""
        held = self._material
        return grpc.ssl_channel_credentials(held.authorities, held.key, held.certificate)

    def client_context(self) -> ssl.SSLContext:
        """For an HTTPS client that connects now."""
        assert self._files is not None
        context = ssl.create_default_context(cafile=str(self._files.authorities))
        context.load_cert_chain(self._files.certificate, self._files.key)
        return context

    def _take(self, material: TlsMaterial, context: ssl.SSLContext) -> None:
        self._material = material
        self._context = context
        self._expires.set(material.expires_seconds)
        self._good.set(1)

    def _refuse(self, problem: str) -> None:
        self._good.set(0)
        if problem != self._problem:
            self._problem = problem
            _log.error("TLS files refused, the last good ones go on", reason=problem)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()


#: Nothing is encrypted.
PLAIN = TransportSecurity(None)

_GAUGES = (
    ("hydatis_tls_certificate_expires_seconds", "When the certificate in use is good no more, Unix seconds."),
    ("hydatis_tls_files_good", "1: the TLS files on disk are in use. 0: they are refused and the last good ones go on."),
)


def service_security(settings: ServiceSettings, registry: CollectorRegistry) -> TransportSecurity:
    """What a service's settings say; one that listens to other machines in the clear is warned of.

    Raises:
        InvalidValue: some files are told and others not, or they are no good.
    """
    files = tls_files_of_settings(settings)
    if files is None and not settings.tls_by_mesh and not settings.on_loopback:
        _log.warning(
            "listening to other machines without TLS: set tls_certificate_file, tls_key_file and tls_ca_file, or tls_by_mesh",
            host=settings.host,
        )
    mutual = settings.tls_client_certificates == "required"
    return TransportSecurity(files, callers_show_certificates=mutual, registry=registry)


def _server_configuration(material: TlsMaterial) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(material.key, material.certificate)], material.authorities)


def _inner_context(files: TlsFiles, mutual: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.certificate, files.key)
        context.load_verify_locations(files.authorities)
    except (ssl.SSLError, OSError) as wrong:  # what our own reading let pass, or files that changed since
        shown = f"{files.certificate} cannot be used: {wrong.strerror or wrong}"
        raise InvalidValue(shown, field="tls_certificate_file", expected="PEM files that belong together") from None
    context.verify_mode = ssl.CERT_REQUIRED if mutual else ssl.CERT_NONE
    context.num_tickets = 0
    return context
