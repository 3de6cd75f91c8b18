"""The manifest of a model: what it is, what it reads, what it answers and what its files are.

A manifest that exists is a manifest that holds: every field is checked when the value is made, so nobody downstream checks again,
and none can be written that a reader would refuse. Every refusal names the field, because the one who reads it has to mend it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from hydatis_core.errors import ArtifactRefused

from hydatis_lifecycle.versions import Change, is_version

__all__ = [
    "FILE_FORMATS",
    "KINDS",
    "MANIFEST_FILE",
    "MAX_FILE_BYTES",
    "MAX_FILE_COUNT",
    "MAX_MANIFEST_BYTES",
    "FileDigest",
    "Manifest",
    "change_between",
    "file_suffix",
    "is_model_name",
]

#: Kinds of models there are loaders for.
KINDS = ("xgboost_quantile", "isolation_forest", "q_function")

MANIFEST_FILE = "manifest.json"
MAX_MANIFEST_BYTES = 1 << 20
MAX_FILE_COUNT = 64
MAX_FILE_BYTES = 256 << 20
MAX_COLUMN_COUNT = 4096

#: How files of each suffix begin. None of these formats needs pickle.
FILE_FORMATS: dict[str, tuple[bytes, ...]] = {
    ".ubj": (b"{",),
    ".npz": (b"PK\x03\x04",),
    ".json": (b"{", b"["),
}

_MODEL_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\.[a-z]{1,8}")
_COLUMN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_COLUMN_HASH = re.compile(r"[0-9a-f]{8,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class FileDigest(TypedDict):
    """What a manifest says of one file."""

    sha256: str
    """64 hexadecimal digits."""
    bytes: int
    """Size, 1 to ``MAX_FILE_BYTES``."""


@dataclass(frozen=True)
class Manifest:
    """What a model is, what it reads, what it answers and what its files are.

    Raises:
        ArtifactRefused: a field is missing its form; the message names it.
    """

    name: str
    """Model name: lower-case letters, digits and dashes."""
    version: str
    """Semantic version, three numbers."""
    kind: str
    """One of ``KINDS``: which loader reads the files."""
    columns: tuple[tuple[str, str], ...]
    """Input columns in the model's order: (name, definition hash)."""
    outputs: tuple[str, ...]
    """Names of what it answers for each row, in order."""
    dataset_version: str
    """Digest or version of what it was trained on."""
    training_run: str
    """Identity of the run that trained it."""
    metrics: Mapping[str, float]
    """What was measured of it, finite; unknown ones are left out."""
    parameters: Mapping[str, Any]
    """Settings of the training, JSON values."""
    files: Mapping[str, FileDigest]
    """Digest and size of every data file by its name."""

    def __post_init__(self) -> None:
        _require(is_model_name(self.name), "name", f"{_shown(self.name)} is not a model name", "lower-case letters, digits, dashes")
        version_ok = isinstance(self.version, str) and is_version(self.version)
        _require(version_ok, "version", f"{_shown(self.version)} is not a version", "three numbers")
        _require(self.kind in KINDS, "kind", f"{_shown(self.kind)} is not a known kind", f"one of {', '.join(KINDS)}")
        self._check_columns()
        self._check_outputs()
        for field in ("dataset_version", "training_run"):
            value = getattr(self, field)
            _require(isinstance(value, str) and 0 < len(value) <= 256, field, f"{_shown(value)} is not an identity", "1-256 signs")
        for metric, value in self.metrics.items():
            finite = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            _require(finite, "metrics", f"metric {_shown(metric)} is {_shown(value)}", "a finite number")
        self._check_files()

    def _check_columns(self) -> None:
        columns = self.columns
        _require(0 < len(columns) <= MAX_COLUMN_COUNT, "columns", f"{len(columns)} input columns", f"1 to {MAX_COLUMN_COUNT}")
        for name, definition_hash in columns:
            _require(_is(_COLUMN_NAME, name), "columns", f"{_shown(name)} is not a column name", "letters, digits, . _ -")
            hash_ok = _is(_COLUMN_HASH, definition_hash)
            _require(hash_ok, "columns", f"{_shown(definition_hash)} is not a definition hash", "8-64 hexadecimal digits")
        _require(len({name for name, _ in columns}) == len(columns), "columns", "a column stands twice", "names without repeats")

    def _check_outputs(self) -> None:
        outputs = self.outputs
        _require(0 < len(outputs) <= MAX_COLUMN_COUNT, "outputs", f"{len(outputs)} outputs", f"1 to {MAX_COLUMN_COUNT}")
        for name in outputs:
            _require(_is(_COLUMN_NAME, name), "outputs", f"{_shown(name)} is not an output name", "letters, digits, . _ -")
        _require(len(set(outputs)) == len(outputs), "outputs", "an output stands twice", "names without repeats")

    def _check_files(self) -> None:
        _require(0 < len(self.files) <= MAX_FILE_COUNT, "files", f"{len(self.files)} files", f"1 to {MAX_FILE_COUNT}")
        for name, digest in self.files.items():
            known = _is(_FILE_NAME, name) and name != MANIFEST_FILE and file_suffix(name) in FILE_FORMATS
            _require(known, "files", f"{_shown(name)} is not a data file", f"a plain name ending in {', '.join(FILE_FORMATS)}")
            _require(_is(_SHA256, digest["sha256"]), "files", f"the digest of {name} is not one", "64 hexadecimal digits")
            size = digest["bytes"]
            size_ok = type(size) is int and 0 < size <= MAX_FILE_BYTES
            _require(size_ok, "files", f"the size of {name} is {_shown(size)}", f"1 to {MAX_FILE_BYTES} bytes")


def is_model_name(text: str) -> bool:
    """Whether a text can name a model: lower-case letters, digits and dashes, from a letter, at most 63. Safe as a folder name."""
    return _is(_MODEL_NAME, text)


def change_between(before: Manifest | None, kind: str, columns: Iterable[tuple[str, str]], outputs: Iterable[str]) -> Change:
    """How much a new model of this kind, with these columns and outputs, differs from the one before (None: there is none)."""
    if before is None or before.kind != kind or before.outputs != tuple(outputs):
        return Change.MAJOR
    return Change.PATCH if before.columns == tuple(columns) else Change.MINOR


def _require(ok: bool, field: str, message: str, expected: str) -> None:
    if not ok:
        raise ArtifactRefused(message, field=field, expected=expected)


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def file_suffix(name: str) -> str:
    """The end of a file name from its last dot on, which says its format."""
    return name[name.rfind(".") :]


def _shown(value: object) -> str:
    return repr(value)[:60]
