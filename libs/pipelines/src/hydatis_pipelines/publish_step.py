"""publish: gives a trained model its version and puts it where servers look.

The version is decided by comparing with the newest published one (``hydatis_lifecycle.artifacts.change_between``). When two
publish at once, one of them finds its version taken and takes the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hydatis_core.errors import ArtifactRefused
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.artifacts import Manifest, change_between
from hydatis_lifecycle.signing.contract import Signer
from hydatis_lifecycle.versions import next_version

from hydatis_pipelines.trained_model import TrainedModel

__all__ = ["PublishedModel", "publish"]

#: So many others may publish the same model at the same moment.
MAX_TRIES = 8


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A model that servers can load."""

    path: Path
    """Folder of the version."""
    manifest: Manifest


def publish(model: TrainedModel, models_dir: Path, signer: Signer | None = None, *, make_current: bool = True) -> PublishedModel:
    """Publishes a model, signed, and makes it current.

    Args:
        model: as a training step left it.
        models_dir: where servers look.
        signer: signs it; None: it has no signature, and servers that trust keys refuse it.
        make_current: False: servers are not told of it yet.

    Raises:
        ArtifactRefused: the model could not be loaded again as it is, or others were faster every time.
        DependencyUnavailable: the signer could not sign; nothing is published.
    """
    folder = ArtifactFolder(models_dir)
    for _ in range(MAX_TRIES):
        versions = folder.versions(model.name)
        change = change_between(_newest(folder, model.name), model.kind, model.columns, model.outputs)
        manifest = model.manifest(next_version(versions, change))
        try:
            return PublishedModel(folder.publish(manifest, model.files, signer, make_current=make_current), manifest)
        except ArtifactRefused:
            if manifest.version not in folder.versions(model.name):
                raise
    raise ArtifactRefused(f"others published {model.name} {MAX_TRIES} times meanwhile", field="version")


def _newest(folder: ArtifactFolder, name: str) -> Manifest | None:
    """The newest manifest that can be read; a spoiled version is no reason not to publish a better one."""
    for version in reversed(folder.versions(name)):
        try:
            return folder.load(name, version).manifest
        except ArtifactRefused:
            continue
    return None
