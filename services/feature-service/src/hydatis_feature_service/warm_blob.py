"""The warm blob: all that feature-service knows, as one piece of bytes.

A restart must not cost a day of windows, so the state is kept aside whole: arrays as npz without pickle, and a JSON head that says
what it is. What is loaded may be damaged or of another version, and is then refused with the reason: better a cold start than
a wrong one.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from hydatis_core.errors import ArtifactRefused
from hydatis_features.schema import SCHEMA
from numpy.typing import NDArray

__all__ = ["Arrays", "WarmState", "pack", "unpack"]

Arrays = Mapping[str, NDArray[np.generic]]

_FORMAT = "hydatis-warm-1"
_HEAD = "head.json"
_SCHEMA_DIGEST = hashlib.sha256("\0".join(SCHEMA.hashes).encode()).hexdigest()
#: What a blob may unfold to; more is a mistake or an attack.
_MAX_BYTES = 4 * 2**30


@dataclass(frozen=True, slots=True)
class WarmState:
    """What is kept over a restart."""

    generation: int
    """The newest tick; 0: none yet."""
    scrape_digest: str
    """Digest of that tick's samples."""
    engine: Arrays
    """``FeatureEngine.snapshot``."""
    table: tuple[bytes, ...]
    """The newest table as the steps of its stream."""


def pack(state: WarmState) -> bytes:
    """The state as bytes. Takes time in proportion to the nodes: call it in a thread."""
    head = {"format": _FORMAT, "schema": _SCHEMA_DIGEST, "generation": state.generation, "scrape_digest": state.scrape_digest}
    buffer = io.BytesIO()
    # Level 1: windows are noise to a compressor, and what it gains beyond the first level is not worth a core.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(_HEAD, json.dumps(head, sort_keys=True))
        for name, array in state.engine.items():
            _write(archive, f"engine/{name}.npy", array)
        for position, step in enumerate(state.table):
            _write(archive, f"table/{position}.npy", np.frombuffer(step, dtype=np.uint8))
    return buffer.getvalue()


def unpack(data: bytes) -> WarmState:
    """The state that bytes hold.

    Raises:
        ArtifactRefused: they are damaged, of another format, or of a schema of other features.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_BYTES:
                raise ArtifactRefused("the blob unfolds to too much", field="warm_store", expected=f"at most {_MAX_BYTES} bytes")
            head = json.loads(archive.read(_HEAD))
            _check_head(head)
            engine = {name[7:-4]: _read(archive, name) for name in archive.namelist() if name.startswith("engine/")}
            count = sum(name.startswith("table/") for name in archive.namelist())
            table = tuple(_read(archive, f"table/{position}.npy").tobytes() for position in range(count))
            return WarmState(int(head["generation"]), str(head["scrape_digest"]), engine, table)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError, TypeError) as damage:
        raise ArtifactRefused(f"the blob is damaged: {damage}", field="warm_store") from None


def _check_head(head: dict[str, Any]) -> None:
    for name, wanted in (("format", _FORMAT), ("schema", _SCHEMA_DIGEST)):
        if head.get(name) != wanted:
            raise ArtifactRefused(f"the blob has {name} {str(head.get(name))[:70]!r}", field="warm_store", expected=wanted)


def _write(archive: zipfile.ZipFile, name: str, array: NDArray[np.generic]) -> None:
    with archive.open(name, "w", force_zip64=True) as file:
        np.lib.format.write_array(file, np.ascontiguousarray(array) if array.ndim else array, allow_pickle=False)


def _read(archive: zipfile.ZipFile, name: str) -> NDArray[np.generic]:
    with archive.open(name) as file:
        array: NDArray[np.generic] = np.lib.format.read_array(file, allow_pickle=False)
    return array
