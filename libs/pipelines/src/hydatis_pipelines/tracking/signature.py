"""The signature of a model in MLflow's sense: names and types of what goes in and comes out, with no code that could be run.

MLflow reads it from a file ``MLmodel`` beside the artifact. Ours names a flavour of our own and no Python function: MLflow can show
the model and hand its files out, and neither load nor unpickle anything.
"""

from __future__ import annotations

from pathlib import Path

from hydatis_lifecycle.manifest import Manifest
from hydatis_lifecycle.signing.statement import artifact_digest

__all__ = ["FLAVOUR", "write_mlmodel"]

FLAVOUR = "hydatis"


def write_mlmodel(path: Path, manifest: Manifest, run_id: str) -> None:
    """Writes the file ``MLmodel`` of a manifest."""
    import numpy as np
    from mlflow.models import Model, infer_signature

    one = {side: {name: np.zeros(1, np.float32) for name in names} for side, names in _names(manifest).items()}
    signature = infer_signature(one["in"], one["out"])
    flavour = {"kind": manifest.kind, "version": manifest.version, "digest": artifact_digest(manifest), "data": "artifact"}
    Model(artifact_path="model", run_id=run_id, signature=signature, flavors={FLAVOUR: flavour}).save(str(path))


def _names(manifest: Manifest) -> dict[str, tuple[str, ...]]:
    return {"in": tuple(name for name, _ in manifest.columns), "out": manifest.outputs}
