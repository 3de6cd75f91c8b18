"""The keys of a cluster: an authority, the API server's certificate, and a client certificate for each party.

A party's name and groups are its certificate's CN and Os, so RBAC sees the same users as in a cluster made by kubeadm.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Authority", "KeyPair", "private_key"]

#: How long everything is good: longer than any test run.
VALID_DAYS = 7


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path


def private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """A new key, written as PEM for its owner alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(pem)
    return key


class Authority:
    """A certificate authority of its own.

    Args:
        folder: where keys and certificates are written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = folder / "ca.crt"
        self._key = private_key(folder / "ca.key")
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cluster")])
        builder = self._builder(self._name, self._key.public_key()).add_extension(x509.BasicConstraints(True, None), True)
        self.certificate.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def client(self, file_name: str, user: str, *groups: str) -> KeyPair:
        """A certificate by which the API server knows a user."""
        names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, user)])
        return self._issue(file_name, subject, ExtendedKeyUsageOID.CLIENT_AUTH, [])

    def server(self, file_name: str, *hosts: str) -> KeyPair:
        """A certificate for host names and IP addresses."""
        names: list[x509.GeneralName] = []
        for host in hosts:
            try:
                names.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                names.append(x509.DNSName(host))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        return self._issue(file_name, subject, ExtendedKeyUsageOID.SERVER_AUTH, names)

    def _issue(self, file_name: str, subject: x509.Name, usage: x509.ObjectIdentifier, hosts: list[x509.GeneralName]) -> KeyPair:
        files = KeyPair(self.folder / f"{file_name}.crt", self.folder / f"{file_name}.key")
        builder = self._builder(subject, private_key(files.key).public_key()).add_extension(x509.ExtendedKeyUsage([usage]), False)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(hosts), False)
        files.certificate.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return files

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        return builder.not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
