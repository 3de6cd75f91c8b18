"""Objects written to etcd past the API server, which serves them as its own: fifty thousand in seconds, not in ten minutes.

The API server reads what it finds as JSON as well as in its own encoding. Each object is a copy of one that it has made itself, so
it is as large and as whole as any.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable, Mapping

import httpx

from control_plane.api import JsonObject

__all__ = ["compact", "copies", "write"]

_AT_ONCE = 100


def copies(original: JsonObject, names: Iterable[str], **changes: JsonObject) -> list[JsonObject]:
    """An object as often as there are names, each with an identity of its own; ``changes`` are of its spec, by name."""
    made = []
    for name in names:
        one = json.loads(json.dumps(original))
        one["metadata"] |= {"name": name, "uid": str(uuid.uuid4())}
        one["metadata"].pop("resourceVersion", None)
        one["spec"] |= changes.get(name, {})
        made.append(one)
    return made


def write(etcd_url: str, objects: Mapping[str, JsonObject]) -> None:
    """Writes objects by their keys, "/registry/pods/NAMESPACE/NAME"."""
    entries = [
        {"requestPut": {"key": _encoded(key), "value": _encoded(json.dumps(one, separators=(",", ":")))}}
        for key, one in objects.items()
    ]
    with httpx.Client(timeout=60.0, trust_env=False) as client:
        for first in range(0, len(entries), _AT_ONCE):
            answer = client.post(f"{etcd_url}/v3/kv/txn", json={"success": entries[first : first + _AT_ONCE]})
            assert answer.json().get("succeeded"), answer.text[:500]


def compact(etcd_url: str) -> None:
    """Forgets every version but the newest, as an API server has etcd do every five minutes."""
    with httpx.Client(timeout=60.0, trust_env=False) as client:
        told = client.post(f"{etcd_url}/v3/kv/put", json={"key": _encoded("/test/compaction"), "value": _encoded("now")})
        newest = told.json()["header"]["revision"]
        assert client.post(f"{etcd_url}/v3/kv/compaction", json={"revision": newest}).is_success


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
