"""Model artifacts: whether the files are those that the manifest speaks of.

A loader that hands bytes to a parser before it knows where they came from has already lost: so everything here works on bytes and
values only, and :func:`verify` passes before any parser of trees or arrays runs. Every refusal is an ``ArtifactRefused`` that names
the file, because the one who reads it has to decide whether to publish again or to look for an intruder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hydatis_core.errors import ArtifactRefused

from hydatis_lifecycle.manifest import FILE_FORMATS, KINDS, FileDigest, Manifest, change_between, file_suffix
from hydatis_lifecycle.manifest_json import manifest_from_json, manifest_to_json

__all__ = [
    "KINDS",
    "Artifact",
    "FileDigest",
    "Manifest",
    "change_between",
    "digest_files",
    "manifest_from_json",
    "manifest_to_json",
    "verify",
]


@dataclass(frozen=True)
class Artifact:
    """A verified manifest with the bytes of its files."""

    manifest: Manifest
    files: Mapping[str, bytes]
    """Bytes by file name; digests match."""
    signer: str = ""
    """Whose good signature it bears; empty: none was asked for."""


def digest_files(files: Mapping[str, bytes]) -> dict[str, FileDigest]:
    """Digest and size of every file, as a manifest lists them."""
    return {name: FileDigest(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data)) for name, data in sorted(files.items())}


def verify(manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Holds the files against the manifest, before any parser sees them.

    Args:
        manifest: what they should be.
        files: bytes by file name, without the manifest itself.

    Raises:
        ArtifactRefused: a file is missing, not listed, truncated, tampered with, or does not begin as its suffix says.
    """
    _require_same_names(manifest.files.keys(), files.keys())
    for name, digest in manifest.files.items():
        data = files[name]
        if len(data) != digest["bytes"]:
            word = "truncated" if len(data) < digest["bytes"] else "longer than listed"
            raise ArtifactRefused(f"the file is {word}: {len(data)} bytes", field=name, expected=f"{digest['bytes']} bytes")
        found = hashlib.sha256(data).hexdigest()
        if found != digest["sha256"]:
            raise ArtifactRefused(f"the digest is {found}", field=name, expected=digest["sha256"])
        if not data.startswith(FILE_FORMATS[file_suffix(name)]):
            raise ArtifactRefused("the file does not begin as its format does", field=name, expected=f"a {file_suffix(name)} file")


def _require_same_names(listed: Iterable[str], found: Iterable[str]) -> None:
    missing, extra = set(listed) - set(found), set(found) - set(listed)
    if missing:
        raise ArtifactRefused("the file is missing", field=min(missing))
    if extra:
        raise ArtifactRefused("the file is not in the manifest", field=min(extra), expected="only files the manifest lists")
