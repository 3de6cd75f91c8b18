"""A model as a training step leaves it: all of a manifest but the version, which is decided when it is published.

Training and publishing are apart, because between them a model is judged. So a trained model is a folder of its own, and
publishing is the only step that writes where servers look.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydatis_core.errors import ArtifactRefused
from hydatis_lifecycle.artifacts import Manifest, digest_files, verify

from hydatis_pipelines.whole_files import new_folder

__all__ = ["TrainedModel", "known_figures", "read_trained", "write_trained"]

MODEL_FILE = "model.json"
_FIELDS = ("name", "kind", "columns", "outputs", "dataset_version", "training_run", "metrics", "parameters")


@dataclass(frozen=True)
class TrainedModel:
    """A model that is not published."""

    name: str
    kind: str
    """One of ``hydatis_lifecycle.artifacts.KINDS``."""
    columns: tuple[tuple[str, str], ...]
    """(name, definition hash) of its inputs in order."""
    outputs: tuple[str, ...]
    files: Mapping[str, bytes]
    dataset_version: str
    """Digest of what it was trained on."""
    training_run: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Finite; what could not be measured is left out."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """JSON values."""

    def manifest(self, version: str) -> Manifest:
        """Its manifest under a version.

        Raises:
            ArtifactRefused: a field has not the form it must have.
        """
        return Manifest(
            self.name,
            version,
            self.kind,
            self.columns,
            self.outputs,
            self.dataset_version,
            self.training_run,
            self.metrics,
            self.parameters,
            digest_files(self.files),
        )


def known_figures(figures: Mapping[str, float]) -> dict[str, float]:
    """Those that are numbers: a manifest holds no NaN."""
    return {name: float(value) for name, value in figures.items() if math.isfinite(value)}


def write_trained(path: Path, model: TrainedModel) -> None:
    """Writes a trained model as a new folder.

    Raises:
        InvalidValue: there is something of that name.
        ArtifactRefused: the model could not be published as it is.
    """
    manifest = model.manifest("1.0.0")
    value = {name: getattr(model, name) for name in _FIELDS} | {"files": dict(manifest.files)}
    with new_folder(path) as folder:
        (folder / MODEL_FILE).write_text(json.dumps(value, indent=1, allow_nan=False) + "\n")
        for name, data in model.files.items():
            (folder / name).write_bytes(data)


def read_trained(path: Path) -> TrainedModel:
    """The trained model of a folder.

    Raises:
        ArtifactRefused: it is not one, or its files are not those it was written with.
    """
    try:
        value = json.loads((path / MODEL_FILE).read_text())
        digests = value["files"]
        model = TrainedModel(
            **{name: value[name] for name in _FIELDS if name not in ("columns", "outputs")},
            columns=tuple((str(name), str(definition)) for name, definition in value["columns"]),
            outputs=tuple(value["outputs"]),
            files={name: (path / Path(name).name).read_bytes() for name in digests},
        )
        manifest = model.manifest("1.0.0")
    except (OSError, ValueError, KeyError, TypeError) as cause:
        shown = f"{path} is not a trained model: {str(cause)[:200]}"
        raise ArtifactRefused(shown, field="model", expected="a folder that a training step wrote") from None
    if dict(manifest.files) != digests:
        raise ArtifactRefused(f"the files of {path} changed", field="model", expected="the files the training step wrote")
    verify(manifest, model.files)
    return model
