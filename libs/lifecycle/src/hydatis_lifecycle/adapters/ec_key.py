"""Signatures by an EC key (P-256, ECDSA with SHA-256) that lies on this machine.

The private key is made where it is first needed, readable by its owner alone, and never leaves its file: not in a log, not in an
error, not in a command line. Its public half is written to ``trusted/`` beside it, which is what verifiers are given; every
``.pem`` in such a folder is trusted, so a key is changed by having both there for a while.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, InvalidValue

from hydatis_lifecycle.signing.bundle import Bundle, pre_authentication_encoding, read_bundle, write_bundle
from hydatis_lifecycle.signing.contract import Signed
from hydatis_lifecycle.signing.statement import SIGNATURE_FILE

__all__ = ["EcSigner", "EcVerifier", "trusted_keys_beside"]

_ALGORITHM = ec.ECDSA(hashes.SHA256())


def trusted_keys_beside(key_file: Path) -> Path:
    """The folder where a signing key's public half is written."""
    return key_file.parent / "trusted"


@dataclass(frozen=True, slots=True)
class EcSigner:
    """Signs with one private key.

    Args:
        identity: the key's id: SHA-256 (hexadecimal) of its public half as PEM (OMS' ``hint``).
    """

    identity: str
    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def from_file(cls, path: Path, create: bool = True) -> EcSigner:
        """The signer of a key file; with its public half in ``trusted_keys_beside``, written if it is not there.

        Args:
            path: PEM without a passphrase.
            create: whether a key is made where there is none. Who comes second takes the key of who came first.

        Raises:
            InvalidValue: the file is no P-256 key, or others may read it.
            DependencyUnavailable: there is none and none may be made, or the folder cannot be written.
        """
        try:
            if create and not path.exists():
                _make_key(path)
            _refuse_readable_by_others(path)
            key = _private_key(path)
            signer = cls(_key_id(key.public_key()), key)
            if create:
                _write_public(trusted_keys_beside(path) / f"{signer.identity[:16]}.pem", key.public_key())
        except OSError as cause:
            shown = f"the signing key cannot be used: {cause.strerror}"
            raise DependencyUnavailable(shown, field=str(path), expected="a key file, or a folder to make one in") from None
        return signer

    def sign(self, statement: bytes) -> bytes:
        """The signature file for a statement."""
        signature = self._key.sign(pre_authentication_encoding(statement), _ALGORITHM)
        return write_bundle(Bundle(statement, signature, self.identity))


@dataclass(frozen=True, slots=True)
class EcVerifier:
    """Believes the public keys of a file or folder.

    They are read at every check (a millisecond, and versions are loaded seldom): so a key that is added or taken away counts from
    the next version on, without a restart.

    Args:
        path: a PEM file, or a folder whose ``.pem`` files are all trusted.
    """

    path: Path

    def verify(self, signature: bytes) -> Signed:
        """Checks a signature file against the trusted keys.

        Raises:
            ArtifactRefused: it is broken, by a key that is not trusted, or not by that key; or the keys cannot be read.
        """
        bundle = read_bundle(signature)
        keys = self.keys()
        key = keys.get(bundle.key_id)
        if key is None:
            who = f"key {bundle.key_id[:16]}" if bundle.key_id else "a certificate, not a key"
            trusted = ", ".join(identity[:16] for identity in keys) or "none"
            shown = f"it is signed by {who}, which is not trusted"
            raise ArtifactRefused(shown, field=SIGNATURE_FILE, expected=f"one of the keys {trusted}")
        try:
            key.verify(bundle.signature, pre_authentication_encoding(bundle.payload), _ALGORITHM)
        except InvalidSignature:
            shown = f"the signature is not by key {bundle.key_id[:16]} over what stands in it"
            raise ArtifactRefused(shown, field=SIGNATURE_FILE, expected="a signature that holds") from None
        return Signed(bundle.payload, bundle.key_id)

    def keys(self) -> dict[str, ec.EllipticCurvePublicKey]:
        """The trusted keys by their ids.

        Raises:
            ArtifactRefused: the folder cannot be read, or a file in it is no public P-256 key.
        """
        try:
            files = sorted(self.path.glob("*.pem")) if self.path.is_dir() else [self.path]
            keys = [_public_key(file, file.read_bytes()) for file in files]
        except OSError as cause:
            shown = f"the trusted keys cannot be read: {cause.strerror}"
            raise ArtifactRefused(shown, field=str(self.path), expected="a PEM file, or a folder of them") from None
        return {_key_id(key): key for key in keys}


def _make_key(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    _write_once(path, key.private_bytes(encoding, form, serialization.NoEncryption()), 0o600, folder_mode=0o700)


def _write_public(path: Path, key: ec.EllipticCurvePublicKey) -> None:
    if not path.exists():
        # The folder is mounted into services that run as other users.
        _write_once(path, _public_pem(key), 0o644, folder_mode=0o755)


def _write_once(path: Path, data: bytes, mode: int, folder_mode: int) -> None:
    """Writes a file whole, unless another process did so first."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=folder_mode)
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)


def _refuse_readable_by_others(path: Path) -> None:
    # The group may: it is how Kubernetes lets an unprivileged process read a mounted Secret.
    if stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO:
        raise InvalidValue("everybody on this machine may read the signing key", field=str(path), expected=f"chmod 600 {path}")


def _private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):  # never the cause: it may quote what it read
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidValue("it is no private key", field=str(path), expected="an EC key of P-256 as PEM, without a passphrase")
    return key


def _public_key(path: Path, data: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_pem_public_key(data)
    except ValueError:
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ArtifactRefused("a trusted key is no public key", field=str(path), expected="an EC key of P-256 as PEM")
    return key


def _public_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key_id(key: ec.EllipticCurvePublicKey) -> str:
    return hashlib.sha256(_public_pem(key)).hexdigest()
