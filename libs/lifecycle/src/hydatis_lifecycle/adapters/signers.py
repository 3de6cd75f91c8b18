"""Which signer and which check a configuration means: the one place where keys and Sigstore are chosen between."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hydatis_lifecycle.adapters.ec_key import EcSigner, EcVerifier
from hydatis_lifecycle.adapters.sigstore_signer import SigstoreIdentity, SigstoreSigner, SigstoreVerifier
from hydatis_lifecycle.signing.bundle import read_bundle
from hydatis_lifecycle.signing.check import SignatureCheck, Unsigned
from hydatis_lifecycle.signing.contract import Signed, Signer, Verifier

__all__ = ["check_of", "signer_of"]


def signer_of(key_file: Path, sigstore: SigstoreIdentity | None = None) -> Signer:
    """Who signs: the identity where one is configured, else the key, made where there is none.

    Raises:
        InvalidValue: the file is no key that can be used.
        DependencyUnavailable: it cannot be read or made.
    """
    return SigstoreSigner(sigstore) if sigstore is not None else EcSigner.from_file(key_file)


def check_of(
    trusted_keys: Path | None, sigstore: SigstoreIdentity | None = None, unsigned: Unsigned = "refuse"
) -> SignatureCheck | None:
    """Whom a loader believes; None: nobody is configured, and signatures are not looked at."""
    by_key = EcVerifier(trusted_keys) if trusted_keys is not None else None
    by_identity = SigstoreVerifier(sigstore) if sigstore is not None else None
    verifier: Verifier | None = _Either(by_key, by_identity) if by_key and by_identity else by_key or by_identity
    return SignatureCheck(verifier, unsigned) if verifier is not None else None


@dataclass(frozen=True, slots=True)
class _Either:
    """Believes keys and an identity: the signature says which of them it is to be held against."""

    by_key: Verifier
    by_identity: Verifier

    def verify(self, signature: bytes) -> Signed:
        return (self.by_key if read_bundle(signature).key_id else self.by_identity).verify(signature)
