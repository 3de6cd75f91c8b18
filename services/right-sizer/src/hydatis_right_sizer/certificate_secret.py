"""The Secret with the webhook's certificate, and how one certificate follows another without a moment between them.

    tls.crt, tls.key     what replicas serve with
    ca.crt               every authority that may have signed what a replica serves now: what the API server is told
    next.crt, next.key   made, and served once the API server has been told of its authority for a while

Every replica watches it and writes the first three into a folder of its own, where ``TransportSecurity`` finds them.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from hydatis_serving.kube.watch import Resource
from hydatis_serving.logs import get_logger
from hydatis_serving.tls_files import TlsFiles
from msgspec import Raw

from hydatis_right_sizer.own_certificate import good_authorities, is_due, is_good, make_certificate

__all__ = ["NEXT_SINCE", "CertificateSecret", "SecretText", "next_content"]

_log = get_logger(__name__)
#: Annotation: when the API server was to be told of the next certificate's authority.
NEXT_SINCE = "hydatis.io/next-since"
CERTIFICATE, KEY, AUTHORITIES = "tls.crt", "tls.key", "ca.crt"
NEXT_CERTIFICATE, NEXT_KEY = "next.crt", "next.key"
Content = Mapping[str, bytes]


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class SecretText(msgspec.Struct, frozen=True):
    """A Secret as the API server has it."""

    metadata: _Metadata = _Metadata()
    data: dict[str, str] | None = None

    @property
    def content(self) -> dict[str, bytes]:
        """What is in it; what is no base64 is not."""
        found: dict[str, bytes] = {}
        for name, text in (self.data or {}).items():
            try:
                found[name] = base64.b64decode(text, validate=True)
            except binascii.Error:
                continue
        return found

    @property
    def next_since(self) -> datetime | None:
        """``NEXT_SINCE``."""
        try:
            return datetime.fromisoformat((self.metadata.annotations or {}).get(NEXT_SINCE, ""))
        except ValueError:
            return None


_SECRET = msgspec.json.Decoder(SecretText)


def next_content(
    secret: SecretText, names: Sequence[str], good_for: timedelta, settle: timedelta, now: datetime
) -> dict[str, bytes] | None:
    """What the Secret should say now; None: what it says.

    Args:
        secret: as it is.
        names: DNS names that its certificate must be good for.
        good_for: of a new certificate.
        settle: how long the API server is given to hear of a new authority.
        now: with a time zone.
    """
    content = secret.content
    own = content.get(CERTIFICATE, b"")
    if not is_good(own, names, now) or KEY not in content or AUTHORITIES not in content:
        made = make_certificate(names, good_for, now)
        return {CERTIFICATE: made.certificate, KEY: made.key, AUTHORITIES: made.authority}
    following = content.get(NEXT_CERTIFICATE, b"")
    if NEXT_KEY in content and is_good(following, names, now) and not is_due(following, now):
        since = secret.next_since
        if since is not None and now - since < settle:
            return None
        return {CERTIFICATE: following, KEY: content[NEXT_KEY], AUTHORITIES: content[AUTHORITIES]}
    if not is_due(own, now):
        return None
    made = make_certificate(names, good_for, now)
    both = made.authority + good_authorities(content[AUTHORITIES], now)
    kept = {CERTIFICATE: own, KEY: content[KEY]}
    return kept | {AUTHORITIES: both, NEXT_CERTIFICATE: made.certificate, NEXT_KEY: made.key}


class CertificateSecret:
    """What a replica knows of it; the sink of a ``Watcher`` of one Secret.

    Args:
        namespace, name: of the Secret.
        folder: where its files are written; made if need be, readable by this process alone.
    """

    def __init__(self, namespace: str, name: str, folder: Path) -> None:
        self.resource = Resource("secret", f"/api/v1/namespaces/{namespace}/secrets", f"metadata.name={name}")
        self.path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        self._folder = folder
        self.files = TlsFiles.of_folder(folder)
        self.secret: SecretText | None = None
        """As it is; None: there is none, or it was not read yet."""

    @property
    def is_served(self) -> bool:
        """Whether the files are there."""
        return all(file.exists() for file in (self.files.certificate, self.files.key, self.files.authorities))

    def listing(self) -> None:
        """A list begins."""

    def page(self, objects: Sequence[Raw]) -> None:
        """The Secret, if there is one."""
        for text in objects:
            self._take(text)

    def listed(self) -> None:
        """The list is whole."""

    def changed(self, changes: Sequence[tuple[str, Raw]]) -> None:
        """It was changed; one that was deleted is served on with until there is another."""
        for kind, text in changes:
            if kind == "DELETED":
                self.secret = None
            else:
                self._take(text)

    def _take(self, text: Raw) -> None:
        try:
            self.secret = _SECRET.decode(text)
        except msgspec.MsgspecError:
            _log.warning("the webhook's Secret cannot be read")
            return
        content = self.secret.content
        if not {CERTIFICATE, KEY, AUTHORITIES} <= content.keys():
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The certificate last: whoever reads in between finds a key that is not its own, and looks again.
        for name in (AUTHORITIES, KEY, CERTIFICATE):
            _replace(self._folder / name, content[name])


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    new.replace(path)
