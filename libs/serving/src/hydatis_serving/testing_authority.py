"""An authority that gives certificates to tests, into folders as Kubernetes mounts a Secret of type kubernetes.io/tls.

TLS is only tested by certificates that a real library made and a real handshake reads. For tests only: an import rule keeps this
module out of all product code.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hydatis_serving.tls_files import TlsFiles

__all__ = ["TestAuthority"]

HOUR = timedelta(hours=1)


class TestAuthority:
    """A certificate authority of its own."""

    __test__ = False  # pytest takes whatever begins with Test

    def __init__(self, name: str = "hydatis-test") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        authority = self._builder(self._name, self._key, HOUR * 48)
        authority = authority.add_extension(x509.BasicConstraints(True, None), True)
        self.certificate = _pem(authority.sign(self._key, hashes.SHA256()))
        """PEM."""

    def issue(
        self, folder: Path, *hosts: str, good_for: timedelta = HOUR * 24, name: str = "service", authorities: bytes = b""
    ) -> TlsFiles:
        """Writes a new certificate, its key and the authority; what was there is replaced.

        Args:
            folder: made if need be.
            hosts: names and addresses that it is good for; none: 127.0.0.1 and localhost.
            good_for: from an hour ago until so long from now; negative: it is over.
            name: its common name.
            authorities: PEM to believe instead of this authority.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        leaf = self._builder(_name(name), key, good_for).add_extension(x509.ExtendedKeyUsage(usages), False)
        leaf = leaf.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts or ("127.0.0.1", "localhost")]), False)
        files = TlsFiles.of_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        _replace(files.key, key.private_bytes(serialization.Encoding.PEM, *private))
        _replace(files.certificate, _pem(leaf.sign(self._key, hashes.SHA256())))
        _replace(files.authorities, authorities or self.certificate)
        return files

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, good_for: timedelta) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - HOUR + min(good_for, timedelta()),
            not_valid_after=now + good_for,
        )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)
