"""The rule of signatures: what must be signed, by whom, and what happens to what is not.

A check is made in two parts around the manifest, so that no byte reaches a parser before its digest was found under a good
signature: first the signature says the digests, then the manifest's bytes are held against theirs, and only then is it read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hydatis_core.errors import ArtifactRefused

from hydatis_lifecycle.manifest import MANIFEST_FILE, Manifest
from hydatis_lifecycle.signing.contract import Verifier
from hydatis_lifecycle.signing.statement import SIGNATURE_FILE, read_statement

__all__ = ["SignatureCheck", "SignedFiles", "Unsigned"]

#: What becomes of a version without a signature.
Unsigned = Literal["refuse", "accept"]


@dataclass(frozen=True, slots=True)
class SignedFiles:
    """Digests under a good signature."""

    digests: Mapping[str, str]
    """SHA-256 (hexadecimal) by file name."""
    signer: str

    def require_manifest(self, data: bytes) -> None:
        """Holds the manifest's bytes against the signature, before they are parsed.

        Raises:
            ArtifactRefused: they are others.
        """
        found = hashlib.sha256(data).hexdigest()
        if self.digests.get(MANIFEST_FILE) != found:
            expected = self.digests.get(MANIFEST_FILE, "a manifest under the signature")
            raise ArtifactRefused(
                f"the digest is {found}, which is not the one that was signed", field=MANIFEST_FILE, expected=expected
            )

    def require_files(self, manifest: Manifest) -> None:
        """Holds the digests that a manifest lists against the signed ones.

        Raises:
            ArtifactRefused: the signature is of more, fewer or other files.
        """
        listed = {name: digest["sha256"] for name, digest in manifest.files.items()}
        signed = {name: digest for name, digest in self.digests.items() if name != MANIFEST_FILE}
        if listed != signed:
            names = sorted(name for name in listed.keys() | signed.keys() if listed.get(name) != signed.get(name))
            shown = "the signature is not of the file that the manifest lists"
            raise ArtifactRefused(shown, field=names[0], expected="one signature of all files")


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """Whom a loader believes.

    Args:
        verifier: tells good signatures.
        unsigned: whether a version without a signature is refused, or taken on its digests alone. A signature that is there must be
            good in either case.
    """

    verifier: Verifier
    unsigned: Unsigned = "refuse"

    def signed_files(self, signature: bytes | None) -> SignedFiles | None:
        """The digests under a signature; None: there is none, and none is asked for.

        Raises:
            ArtifactRefused: it is missing, broken, or of nobody who is trusted.
        """
        if signature is None:
            if self.unsigned == "accept":
                return None
            raise ArtifactRefused("the version is not signed", field=SIGNATURE_FILE, expected="a signature by a trusted key")
        signed = self.verifier.verify(signature)
        return SignedFiles(read_statement(signed.payload), signed.signer)
