"""A manifest as JSON, and back, strictly.

A manifest is the one file that is parsed before its digest is known, so its reader accepts exactly one shape: every key, no other
key, no key twice, no NaN, a bounded size. What a lenient reader would overlook is where a forged manifest hides.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

from hydatis_core.errors import ArtifactRefused

from hydatis_lifecycle.manifest import MANIFEST_FILE, MAX_MANIFEST_BYTES, FileDigest, Manifest

__all__ = ["FORMAT", "manifest_from_json", "manifest_to_json"]

#: Rises when the shape of the manifest changes; a reader refuses what it does not know.
FORMAT = 1

_T = TypeVar("_T")
_KEYS = (
    "format",
    "name",
    "version",
    "kind",
    "columns",
    "outputs",
    "dataset_version",
    "training_run",
    "metrics",
    "parameters",
    "files",
)


def manifest_to_json(manifest: Manifest) -> bytes:
    """The manifest as UTF-8 JSON with sorted keys: the same manifest gives the same bytes.

    Raises:
        ArtifactRefused: ``parameters`` holds what JSON cannot say.
    """
    value = {
        "format": FORMAT,
        "name": manifest.name,
        "version": manifest.version,
        "kind": manifest.kind,
        "columns": [list(column) for column in manifest.columns],
        "outputs": list(manifest.outputs),
        "dataset_version": manifest.dataset_version,
        "training_run": manifest.training_run,
        "metrics": dict(manifest.metrics),
        "parameters": dict(manifest.parameters),
        "files": {name: dict(digest) for name, digest in manifest.files.items()},
    }
    try:
        return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as cause:
        raise ArtifactRefused(f"a value cannot be written as JSON: {cause}", field="parameters", expected="JSON values") from None


def manifest_from_json(data: bytes) -> Manifest:
    """The manifest that these bytes say.

    Raises:
        ArtifactRefused: too long, no JSON, a key missing, unknown or twice, or a value of another form.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise ArtifactRefused(f"{len(data)} bytes", field=MANIFEST_FILE, expected=f"at most {MAX_MANIFEST_BYTES} bytes")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as cause:
        raise ArtifactRefused(f"it is not JSON: {str(cause)[:120]}", field=MANIFEST_FILE, expected="a whole JSON object") from None
    _expect(isinstance(value, dict), MANIFEST_FILE, "it is not an object", "a JSON object")
    missing, unknown = set(_KEYS) - value.keys(), value.keys() - set(_KEYS)
    _expect(not missing, min(missing, default=""), "the key is missing", f"the keys {', '.join(_KEYS)}")
    _expect(not unknown, min(unknown, default="")[:60], "the key is unknown", f"the keys {', '.join(_KEYS)}")
    known = type(value["format"]) is int and value["format"] == FORMAT
    _expect(known, "format", f"{str(value['format'])[:40]} is not known", str(FORMAT))
    return Manifest(
        name=_typed(value, "name", str),
        version=_typed(value, "version", str),
        kind=_typed(value, "kind", str),
        columns=tuple(_column(item) for item in _typed(value, "columns", list)),
        outputs=tuple(_typed(value, "outputs", list)),
        dataset_version=_typed(value, "dataset_version", str),
        training_run=_typed(value, "training_run", str),
        metrics=_typed(value, "metrics", dict),
        parameters=_typed(value, "parameters", dict),
        files={name: _file(name, item) for name, item in _typed(value, "files", dict).items()},
    )


def _typed(value: dict[str, Any], key: str, kind: type[_T]) -> _T:
    item = value[key]
    if not isinstance(item, kind):
        raise ArtifactRefused(f"it is a {type(item).__name__}", field=key, expected=f"a {kind.__name__}")
    return item


def _column(item: object) -> tuple[str, str]:
    if not isinstance(item, list) or len(item) != 2:
        raise ArtifactRefused(f"{repr(item)[:60]} is not a column", field="columns", expected="[name, definition hash]")
    return item[0], item[1]


def _file(name: str, item: object) -> FileDigest:
    if not isinstance(item, dict) or set(item) != {"sha256", "bytes"}:
        raise ArtifactRefused(f"the entry of {name[:60]!r} has another form", field="files", expected="the keys sha256 and bytes")
    return FileDigest(sha256=item["sha256"], bytes=item["bytes"])


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _expect(ok: bool, field: str, message: str, expected: str) -> None:
    if not ok:
        raise ArtifactRefused(message, field=field, expected=expected)
