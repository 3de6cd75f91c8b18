"""Who signs and who verifies, as this room sees them: bytes to bytes. Keys and networks are adapters' business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Signed", "Signer", "Verifier"]


@dataclass(frozen=True, slots=True)
class Signed:
    """A payload whose signature holds."""

    payload: bytes
    signer: str
    """Who signed: the key's id (64 hexadecimal digits), or an identity with its issuer."""


class Signer(Protocol):
    """Signs statements."""

    @property
    def identity(self) -> str:
        """Who signs, as ``Signed.signer`` says it."""

    def sign(self, statement: bytes) -> bytes:
        """The signature file for a statement: a Sigstore bundle.

        Raises:
            DependencyUnavailable: what it needs to sign is not there.
        """


class Verifier(Protocol):
    """Says whose signature it is, or refuses."""

    def verify(self, signature: bytes) -> Signed:
        """Checks a signature file.

        Raises:
            ArtifactRefused: it is broken, or of nobody who is trusted.
        """
