"""What is signed: the names and digests of every file of an artifact, as an in-toto statement of OpenSSF Model Signing (OMS) 1.0.

OMS is written here and not taken from its library, because a verifier stands in front of every parser of a model server: what it
does has to be small enough to be read. Whether it is the same form is held by tests against that library in both directions.

The manifest is one of the files, so name, version, columns and figures are under the signature as well; the subject's name is for
people, and nobody decides by it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from hydatis_core.errors import ArtifactRefused

from hydatis_lifecycle.manifest import MANIFEST_FILE, MAX_FILE_COUNT, Manifest
from hydatis_lifecycle.manifest_json import manifest_to_json

__all__ = ["SIGNATURE_FILE", "artifact_digest", "read_statement", "root_digest", "signed_digests", "statement_of"]

#: Where a signature stands, beside the manifest and not listed in it: OMS' usual name.
SIGNATURE_FILE = "model.sig"

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"

_SHA256 = re.compile(r"[0-9a-f]{64}")


def signed_digests(manifest: Manifest) -> dict[str, str]:
    """SHA-256 (hexadecimal) of everything that is signed, by file name: the manifest, and the files that it lists."""
    digests = {name: digest["sha256"] for name, digest in manifest.files.items()}
    return digests | {MANIFEST_FILE: hashlib.sha256(manifest_to_json(manifest)).hexdigest()}


def root_digest(digests: Mapping[str, str]) -> str:
    """``sha256:<64 hexadecimal digits>``: SHA-256 of the digests' bytes, one after the other in the order of the names (OMS)."""
    whole = hashlib.sha256()
    for name in sorted(digests):
        whole.update(bytes.fromhex(digests[name]))
    return f"sha256:{whole.hexdigest()}"


def artifact_digest(manifest: Manifest) -> str:
    """``sha256:...`` of its manifest's bytes, which name every other file by digest: what lineage and registries know it by."""
    return f"sha256:{signed_digests(manifest)[MANIFEST_FILE]}"


def statement_of(manifest: Manifest) -> bytes:
    """The statement about an artifact, as JSON: what is signed."""
    digests = signed_digests(manifest)
    value = {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": f"{manifest.name}/{manifest.version}", "digest": {"sha256": root_digest(digests).removeprefix("sha256:")}}
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [SIGNATURE_FILE],
            },
            "resources": [{"name": name, "algorithm": "sha256", "digest": digests[name]} for name in sorted(digests)],
        },
    }
    return json.dumps(value, separators=(",", ":")).encode()


def read_statement(payload: bytes) -> dict[str, str]:
    """SHA-256 (hexadecimal) by file name, as a statement says them.

    Args:
        payload: bytes whose signature was checked.

    Raises:
        ArtifactRefused: it is no statement of OMS 1.0 about whole files by SHA-256, or contradicts itself.
    """
    try:
        value = json.loads(payload)
        predicate = value["predicate"]
        kinds = value["_type"], value["predicateType"], predicate["serialization"]["method"]
        (subject,) = value["subject"]
        root = subject["digest"]["sha256"]
        entries = [_resource(item) for item in predicate["resources"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _refused("what is signed is no statement of OpenSSF Model Signing") from None
    if kinds != (STATEMENT_TYPE, PREDICATE_TYPE, "files"):
        raise _refused(f"what is signed is a statement of another kind: {', '.join(map(str, kinds))[:160]}")
    _require_sane(entries)
    digests = dict(entries)
    if root_digest(digests) != f"sha256:{root}":
        raise _refused("the statement's root digest is not that of its own files")
    return digests


def _resource(item: Any) -> tuple[str, str]:
    if item["algorithm"] != "sha256" or not _SHA256.fullmatch(item["digest"]) or not isinstance(item["name"], str):
        raise _refused("the statement names a file without its SHA-256")
    return item["name"], item["digest"]


def _require_sane(entries: Iterable[tuple[str, str]]) -> None:
    names = [name for name, _ in entries]
    if not 0 < len(names) <= MAX_FILE_COUNT + 1:
        raise _refused(f"the statement lists {len(names)} files")
    if len(set(names)) != len(names):
        raise _refused("the statement lists a file twice")


def _refused(message: str) -> ArtifactRefused:
    return ArtifactRefused(message, field=SIGNATURE_FILE, expected="files with their SHA-256, as `hydatis models sign` writes them")
