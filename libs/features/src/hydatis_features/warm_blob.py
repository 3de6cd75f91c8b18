"""The engine's memory as one set of named arrays: what makes a restarted process warm.

Arrays and one JSON text (as bytes in an array) only: nothing in it can run code when it is read, and ``numpy.load`` reads it with
``allow_pickle=False``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from hydatis_core.errors import ArtifactRefused, CallerError
from numpy.typing import NDArray

from hydatis_features.cluster_snapshot import state_from_json, state_to_json
from hydatis_features.cluster_state import ClusterState
from hydatis_features.profiles import ProfileBook
from hydatis_features.usage import METRICS
from hydatis_features.windows import NodeWindows

__all__ = ["FORMAT", "WarmBlob", "pack", "refusing", "unpack"]

#: Rises when arrays are added, dropped or change their meaning.
FORMAT = 3
Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class WarmBlob:
    """What was in a blob."""

    metadata: dict[str, Any]
    own: Arrays
    windows: NodeWindows
    state: ClusterState
    profiles: ProfileBook


def pack(metadata: dict[str, Any], own: Arrays, windows: NodeWindows, state: ClusterState, profiles: ProfileBook) -> Arrays:
    """Named arrays that hold all of it. Copies: what happens later does not show in them.

    Args:
        metadata: JSON-able facts of the engine, with ``tick_seconds`` among them.
        own: arrays of the engine itself.
        windows: its windows.
        state: its cluster state.
        profiles: its profiles.
    """
    document = {
        "format": FORMAT,
        "metrics": METRICS,
        "engine": metadata,
        "state": state_to_json(state),
        "profiles": profiles.names(),
    }
    text = json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
    packed: Arrays = {"metadata": np.frombuffer(text, dtype=np.uint8).copy()}
    for part, arrays in (("engine", own), ("windows", windows.arrays()), ("profiles", profiles.arrays())):
        packed |= {f"{part}.{name}": array for name, array in arrays.items()}
    return packed


def unpack(arrays: Mapping[str, NDArray[np.generic]]) -> WarmBlob:
    """What ``pack`` was given.

    Raises:
        ArtifactRefused: something is missing, does not belong together, or is of another format.
    """
    with refusing():
        document = json.loads(np.asarray(arrays["metadata"], dtype=np.uint8).tobytes())
        if document["format"] != FORMAT or tuple(document["metrics"]) != METRICS:
            shown = f"format {document['format']} of metrics {document['metrics']}"
            raise ArtifactRefused(shown, field="metadata", expected=f"format {FORMAT} of metrics {list(METRICS)}")
        parts: dict[str, Arrays] = {"engine": {}, "windows": {}, "profiles": {}}
        for name, array in arrays.items():
            part, _, rest = name.partition(".")
            if part in parts:
                parts[part][rest] = array
        profiles = ProfileBook()
        profiles.restore(document["profiles"], parts["profiles"])
        return WarmBlob(
            metadata=document["engine"],
            own=parts["engine"],
            windows=NodeWindows.from_arrays(document["engine"]["tick_seconds"], parts["windows"]),
            state=state_from_json(document["state"]),
            profiles=profiles,
        )


@contextmanager
def refusing() -> Iterator[None]:
    """Turns whatever a wrong blob can cause into one error that says so."""
    try:
        yield
    except (CallerError, KeyError, IndexError, TypeError, ValueError, AttributeError, UnicodeDecodeError) as cause:
        raise ArtifactRefused(f"the warm blob cannot be read: {cause!r}", expected="what FeatureEngine.snapshot gave") from cause
