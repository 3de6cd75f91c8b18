"""take-champion: the current version of a model in the place of a candidate, where its family is not trained again.

So a retraining of one family hands on the same set of four models as a training of all, and what is judged is what will serve
together. A champion that comes back is known by its files and is not registered again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder

from hydatis_pipelines.progress import Progress
from hydatis_pipelines.trained_model import TrainedModel, write_trained

__all__ = ["take_champion"]


def take_champion(*, name: str, models_dir: Path, out: Path, progress: Progress) -> dict[str, Any]:
    """Copies the current version of a model, verified."""
    artifact = ArtifactFolder(models_dir).load(name)
    manifest = artifact.manifest
    model = TrainedModel(
        manifest.name,
        manifest.kind,
        manifest.columns,
        manifest.outputs,
        artifact.files,
        manifest.dataset_version,
        manifest.training_run,
        manifest.metrics,
        manifest.parameters,
    )
    write_trained(out, model)
    progress(1, 1, f"{name} {manifest.version}")
    return {"out": str(out), "name": name, "version": manifest.version}
