"""The file a signature is kept in: a DSSE envelope in a Sigstore bundle, as OpenSSF Model Signing (OMS) writes it.

DSSE signs the *pre-authentication encoding* of type and payload, so that a payload can never be taken for one of another type:
``PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body`` (secure-systems-lab/dsse, protocol.md, v1.0.0).
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from hydatis_core.errors import ArtifactRefused

from hydatis_lifecycle.signing.statement import SIGNATURE_FILE

__all__ = ["MAX_SIGNATURE_BYTES", "PAYLOAD_TYPE", "Bundle", "pre_authentication_encoding", "read_bundle", "write_bundle"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"

#: A statement of 64 files is 8 kB; a Sigstore certificate with its log entry adds 10.
MAX_SIGNATURE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Bundle:
    """A signature with what was signed; nothing of it was checked yet."""

    payload: bytes
    signature: bytes
    key_id: str
    """SHA-256 (hexadecimal) of the public key's PEM; empty: it was not signed by a key, but by a certificate."""


def pre_authentication_encoding(payload: bytes) -> bytes:
    """The bytes that a key signs for an in-toto payload (DSSE's PAE)."""
    return f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} ".encode() + payload


def write_bundle(bundle: Bundle) -> bytes:
    """A signature by a key, as the JSON of a Sigstore bundle 0.3."""
    value = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": bundle.key_id}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(bundle.payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(bundle.signature).decode(), "keyid": bundle.key_id}],
        },
    }
    return (json.dumps(value, indent=1) + "\n").encode()


def read_bundle(data: bytes) -> Bundle:
    """What a signature file holds.

    Raises:
        ArtifactRefused: too long, no bundle 0.3, another payload than in-toto, or not exactly one signature.
    """
    if len(data) > MAX_SIGNATURE_BYTES:
        raise _refused(f"it is longer than {MAX_SIGNATURE_BYTES} bytes")
    try:
        value = json.loads(data)
        media_type, envelope = value["mediaType"], value["dsseEnvelope"]
        material, payload_type = value["verificationMaterial"], envelope["payloadType"]
        signatures = [base64.b64decode(item["sig"], validate=True) for item in envelope["signatures"]]
        payload = base64.b64decode(envelope["payload"], validate=True)
        key_id = str((material.get("publicKey") or {}).get("hint") or "")
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise _refused("it is no signature bundle") from None
    if (media_type, payload_type) != (MEDIA_TYPE, PAYLOAD_TYPE):
        raise _refused(f"it is a {str(media_type)[:80]} with a payload of {str(payload_type)[:80]}")
    if len(signatures) != 1:
        raise _refused(f"it holds {len(signatures)} signatures")
    return Bundle(payload, signatures[0], key_id)


def _refused(message: str) -> ArtifactRefused:
    return ArtifactRefused(message, field=SIGNATURE_FILE, expected="one DSSE signature in a Sigstore bundle 0.3")
