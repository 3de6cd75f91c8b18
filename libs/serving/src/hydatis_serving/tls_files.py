"""The files of TLS: read whole, checked, or refused with a sentence that names the setting.

A process that starts with half of what TLS needs would serve in the clear, or fail at the first call of somebody else; so all that
can be known from the files alone is checked when they are read, at the start and after every change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hydatis_core.errors import InvalidValue

from hydatis_serving.settings import ServiceSettings

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["TlsFiles", "TlsMaterial", "TlsTexts", "checked_material", "read_tls_texts", "tls_files_of_settings"]

TlsTexts = tuple[bytes, bytes, bytes]
"""What stands in the three files: certificate, key, authorities."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where certificate, key and authorities are."""

    certificate: Path
    key: Path
    authorities: Path

    @classmethod
    def of_folder(cls, folder: Path) -> TlsFiles:
        """The files of a folder as a Kubernetes Secret of type kubernetes.io/tls is mounted: tls.crt, tls.key and ca.crt."""
        return cls(folder / "tls.crt", folder / "tls.key", folder / "ca.crt")


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What was in the files; all of it PEM."""

    certificate: bytes
    key: bytes
    authorities: bytes
    expires_seconds: float
    """Unix seconds at which the certificate is good no more."""


def tls_files_of_settings(settings: ServiceSettings) -> TlsFiles | None:
    """The files that a service is told; None: none at all.

    Raises:
        InvalidValue: some are told and some are not.
    """
    told = {name: getattr(settings, name) for name in ("tls_certificate_file", "tls_key_file", "tls_ca_file")}
    missing = [name for name, path in told.items() if not path]
    if len(missing) == len(told):
        return None
    if missing:
        given = next(name for name, path in told.items() if path)
        raise InvalidValue(f"empty, while {given} is set", field=missing[0], expected="all three files of TLS, or none")
    return TlsFiles(*(Path(path) for path in told.values()))


def read_tls_texts(files: TlsFiles) -> TlsTexts:
    """What stands in the files, unchecked.

    Raises:
        InvalidValue: a file is missing or cannot be read.
    """
    return (
        _text(files.certificate, "tls_certificate_file"),
        _text(files.key, "tls_key_file"),
        _text(files.authorities, "tls_ca_file"),
    )


def checked_material(files: TlsFiles, texts: TlsTexts, now_seconds: float) -> TlsMaterial:
    """What the files hold, checked; with a large RSA key that takes tens of milliseconds.

    Args:
        files: where they are, for messages.
        texts: what stands in them.
        now_seconds: Unix seconds.

    Raises:
        InvalidValue: a file is not PEM; the key is another certificate's; the certificate's time has not come or is over. Nothing
            of a key's content is in the message.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    certificate, key, authorities = texts
    own = _certificates(certificate, files.certificate, "tls_certificate_file")[0]
    _certificates(authorities, files.authorities, "tls_ca_file")
    try:
        private = load_pem_private_key(key, password=None)
    except Exception:  # its message may hold what it read
        raise InvalidValue(
            f"{files.key} holds no key that can be read", field="tls_key_file", expected="a PEM private key without a passphrase"
        ) from None
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*form) != own.public_key().public_bytes(*form):
        raise InvalidValue(
            f"{files.key} is not the key of {files.certificate}", field="tls_key_file", expected="the certificate's own key"
        )
    begins, expires = own.not_valid_before_utc, own.not_valid_after_utc
    if not begins.timestamp() <= now_seconds < expires.timestamp():
        raise InvalidValue(
            f"{files.certificate} is good from {begins:%Y-%m-%d %H:%M} to {expires:%Y-%m-%d %H:%M} UTC",
            field="tls_certificate_file",
            expected=f"a certificate that is good now, {datetime.fromtimestamp(now_seconds, UTC):%Y-%m-%d %H:%M} UTC",
        )
    return TlsMaterial(certificate, key, authorities, expires.timestamp())


def _text(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as wrong:
        raise InvalidValue(f"{path} cannot be read: {wrong.strerror}", field=field, expected="a PEM file") from None


def _certificates(text: bytes, path: Path, field: str) -> list[Certificate]:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(text)
    except ValueError:
        raise InvalidValue(f"{path} holds no certificate that can be read", field=field, expected="PEM certificates") from None
