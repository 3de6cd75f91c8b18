"""The champions: the versions that servers are told to serve, which candidates have to beat."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hydatis_core.errors import ArtifactRefused
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.artifacts import Artifact
from hydatis_lifecycle.manifest import MANIFEST_FILE

__all__ = ["MODEL_NAMES", "champion_of", "champions_digest"]

#: Model names by the argument that a candidate comes in.
MODEL_NAMES: dict[str, str] = {
    "cpu_model": "cpu-forecaster",
    "memory_model": "memory-forecaster",
    "anomaly_model": "anomaly-detector",
    "policy_model": "placement-policy",
}


def champion_of(models_dir: Path, name: str) -> Artifact | None:
    """The current version of a model; None: there is none, or none that verifies (nothing is lost by replacing it)."""
    try:
        return ArtifactFolder(models_dir).load(name)
    except ArtifactRefused:
        return None


def champions_digest(models_dir: Path) -> str:
    """``sha256:...`` over the manifests of all champions: what a judgement depends on of a models folder."""
    sha = hashlib.sha256()
    folder = ArtifactFolder(models_dir)
    for name in MODEL_NAMES.values():
        try:
            version = folder.current(name) or ""
            manifest = (models_dir / name / version / MANIFEST_FILE).read_bytes() if version else b""
        except (OSError, ArtifactRefused):
            version, manifest = "", b""
        sha.update(f"{name}\0{version}\0{hashlib.sha256(manifest).hexdigest()}\n".encode())
    return f"sha256:{sha.hexdigest()}"
