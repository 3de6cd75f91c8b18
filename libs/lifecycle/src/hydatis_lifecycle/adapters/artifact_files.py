"""Reads the files of one version: signature, manifest, data, in this order, each trusted only after the one before.

The order is the whole point: the signature says the manifest's digest, the manifest says sizes and digests of the rest. So nothing
is parsed that was not signed (the signature's own envelope excepted), no more is read than was promised, and every byte is hashed
once.
"""

from __future__ import annotations

import os

from hydatis_core.errors import ArtifactRefused

from hydatis_lifecycle.adapters.safe_files import read_file
from hydatis_lifecycle.artifacts import Artifact, manifest_from_json, verify
from hydatis_lifecycle.manifest import MANIFEST_FILE, MAX_FILE_COUNT, MAX_MANIFEST_BYTES
from hydatis_lifecycle.signing.bundle import MAX_SIGNATURE_BYTES
from hydatis_lifecycle.signing.check import SignatureCheck, SignedFiles
from hydatis_lifecycle.signing.statement import SIGNATURE_FILE

__all__ = ["read_artifact"]


def read_artifact(folder: int, name: str, version: str, signatures: SignatureCheck | None) -> Artifact:
    """The artifact of an opened folder.

    Args:
        folder: descriptor of the version's folder.
        name: model it must be of.
        version: version it must be.
        signatures: whose signature it must bear; None: digests alone are checked.

    Raises:
        ArtifactRefused: anything of it is not as it must be.
    """
    signed = _signed(folder, signatures)
    data = _present(folder, MANIFEST_FILE, MAX_MANIFEST_BYTES)
    if signed is not None:
        signed.require_manifest(data)
    manifest = manifest_from_json(data)
    for field, said, wanted in (("name", manifest.name, name), ("version", manifest.version, version)):
        if said != wanted:
            raise ArtifactRefused(f"the manifest says {said}", field=field, expected=wanted)
    if signed is not None:
        signed.require_files(manifest)
    present = os.listdir(folder)
    if len(present) > MAX_FILE_COUNT + 2:
        raise ArtifactRefused(f"{len(present)} files", field="files", expected=f"at most {MAX_FILE_COUNT + 2}")
    extra = sorted(set(present) - manifest.files.keys() - {MANIFEST_FILE, SIGNATURE_FILE})
    if extra:
        raise ArtifactRefused("the file is not in the manifest", field=extra[0], expected="only files the manifest lists")
    # The entry's own size bounds what is read, so that a swapped-in giant never reaches memory.
    files = {file: _present(folder, file, digest["bytes"]) for file, digest in manifest.files.items()}
    verify(manifest, files)
    return Artifact(manifest, files, signed.signer if signed is not None else "")


def _signed(folder: int, signatures: SignatureCheck | None) -> SignedFiles | None:
    if signatures is None:
        return None
    try:
        signature = read_file(folder, SIGNATURE_FILE, MAX_SIGNATURE_BYTES)
    except FileNotFoundError:
        return signatures.signed_files(None)
    return signatures.signed_files(signature)


def _present(folder: int, name: str, limit_bytes: int) -> bytes:
    try:
        return read_file(folder, name, limit_bytes)
    except FileNotFoundError:
        raise ArtifactRefused("the file is missing", field=name, expected="every file the manifest lists") from None
