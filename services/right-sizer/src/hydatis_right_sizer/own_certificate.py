"""A certificate of its own for the webhook: an authority that signs once, whose key is thrown away as soon as it has.

Only the API server must believe it, and is told the authority's certificate. A key that is kept nowhere cannot be stolen; the next
certificate has an authority of its own, and both are believed while one follows the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["OwnCertificate", "good_authorities", "is_due", "is_good", "make_certificate"]

#: Clocks that are behind by less than this believe a certificate that was just made.
BEFOREHAND = timedelta(hours=1)
#: Of its time, after which the next one is made.
DUE_RATIO = 2 / 3


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """All of it PEM."""

    certificate: bytes
    key: bytes
    authority: bytes

    def __repr__(self) -> str:
        return "OwnCertificate(...)"  # a key is shown nowhere


def make_certificate(names: Sequence[str], good_for: timedelta, now: datetime) -> OwnCertificate:
    """A certificate for a server.

    Args:
        names: DNS names that it is good for, the first its common name.
        good_for: from now.
        now: with a time zone.
    """
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name(f"{names[0]} authority {now:%Y-%m-%d}")
    ends = now + good_for
    authority = (
        _builder(issuer, issuer, authority_key, now, ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    own = (
        _builder(_name(names[0]), issuer, key, now, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return OwnCertificate(_pem(own), private, _pem(authority))


def is_good(certificate: bytes, names: Sequence[str], now: datetime) -> bool:
    """Whether a certificate can be read, its time has come and is not over, and it is good for all these names."""
    found = _read(certificate)
    if not found or not found[0].not_valid_before_utc <= now < found[0].not_valid_after_utc:
        return False
    try:
        alternative = found[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    return set(names) <= set(alternative.get_values_for_type(x509.DNSName))


def is_due(certificate: bytes, now: datetime) -> bool:
    """Whether the next one should be made."""
    found = _read(certificate)
    if not found:
        return True
    begin, end = found[0].not_valid_before_utc + BEFOREHAND, found[0].not_valid_after_utc
    return now >= begin + (end - begin) * DUE_RATIO


def good_authorities(bundle: bytes, now: datetime) -> bytes:
    """Those of a bundle whose time is not over."""
    return b"".join(_pem(one) for one in _read(bundle) if now < one.not_valid_after_utc)


def _read(text: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError:
        return []


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - BEFOREHAND,
        not_valid_after=ends,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
