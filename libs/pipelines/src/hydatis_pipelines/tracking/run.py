"""Tracks published models: one MLflow run each, and a registered version whose source is the signed artifact.

Called once, at the end of a training, in one process: MLflow takes seconds to import, and SQLite likes one writer. A model that is
registered already, by the digest of its artifact, is left as it is; so after a failure the same call is made again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.adapters.stage_book import StageBook
from hydatis_lifecycle.artifacts import Artifact
from hydatis_lifecycle.cards.card import CardContext, card_of
from hydatis_lifecycle.cards.components import Package
from hydatis_lifecycle.lineage.record import EntityKind
from hydatis_lifecycle.signing.check import SignatureCheck
from hydatis_lifecycle.signing.statement import artifact_digest

from hydatis_pipelines.lifecycle_home import LifecycleHome
from hydatis_pipelines.publish_step import PublishedModel
from hydatis_pipelines.tracking import plots
from hydatis_pipelines.tracking.families import Family, family_of

if TYPE_CHECKING:
    from hydatis_lifecycle.adapters.mlflow_registry import MlflowRegistry, RegisteredModelVersion

__all__ = ["TRAINING_PACKAGES", "track_run"]

#: Whose packages, with all that they need, the bill of materials of a model lists.
TRAINING_PACKAGES = "hydatis-pipelines[lifecycle]"

#: Metrics that begin so are the business's; all others are the model's.
_BUSINESS = "business_"

#: MLflow's limits: characters of a parameter's value, and of a dataset's digest (all of ours is in a tag).
_VALUE_LENGTH, _DIGEST_LENGTH = 6000, 36


def track_run(
    home: LifecycleHome,
    published: Sequence[PublishedModel],
    *,
    contexts: Mapping[str, CardContext] | None = None,
    business: Mapping[str, float] | None = None,
) -> dict[str, RegisteredModelVersion]:
    """Tracks and registers published models.

    Args:
        home: says where MLflow is.
        published: the models, each in the folder that it was published to.
        contexts: what is known of a model beside its manifest, by its name, for its card: lineage, quality.
        business: what all of them together are worth; goes to every run as ``business/...``.

    Returns:
        The registered versions by model.

    Raises:
        DependencyUnavailable: MLflow does not answer. What was published stays; the same call registers what is missing.
        ArtifactRefused: a published model is not what its manifest says, or bears a signature of nobody who is trusted here.
    """
    from hydatis_lifecycle.adapters.mlflow_registry import MlflowRegistry

    registry = MlflowRegistry(home.mlflow_uri, home.mlflow_artifacts)
    signatures = _signatures(home)
    found: dict[str, RegisteredModelVersion] = {}
    for model in published:
        manifest = model.manifest
        artifact = ArtifactFolder(model.path.parent.parent, signatures).load(manifest.name, manifest.version)
        known = registry.find(manifest.name, artifact_digest(manifest))
        context = (contexts or {}).get(manifest.name, CardContext())
        context = replace(context, signer=context.signer or artifact.signer)
        found[manifest.name] = known or _track(registry, model.path, artifact, context, business or {})
    book = StageBook(home.stages)
    for name, version in found.items():
        if registry.mirror(name, book.stages(name)):  # it may have been promoted before it was registered
            found[name] = registry.find(name, version.digest) or version
    return found


def _signatures(home: LifecycleHome) -> SignatureCheck | None:
    """Whom this home believes; what bears no signature at all is registered as such."""
    from hydatis_lifecycle.adapters.ec_key import trusted_keys_beside
    from hydatis_lifecycle.adapters.signers import check_of
    from hydatis_lifecycle.adapters.sigstore_signer import SigstoreIdentity

    trusted = trusted_keys_beside(home.signing_key)
    return check_of(trusted if trusted.is_dir() else None, SigstoreIdentity.of(home.environment), "accept")


def _track(
    registry: MlflowRegistry, path: Path, artifact: Artifact, context: CardContext, business: Mapping[str, float]
) -> RegisteredModelVersion:
    manifest, family, digest = artifact.manifest, family_of(artifact), artifact_digest(artifact.manifest)
    tags = {"hydatis.training_run": manifest.training_run, "hydatis.kind": manifest.kind, "hydatis.signer": context.signer}
    with registry.answering():
        client = registry.client
        experiment = registry.experiment(family.experiment)
        run = client.create_run(experiment, run_name=f"{manifest.name} {manifest.version}", tags={"hydatis.digest": digest, **tags})
        run_id = run.info.run_id
        status = "FAILED"
        try:
            _log_values(registry, run_id, artifact, business)
            _log_dataset(registry, run_id, artifact, context)
            with tempfile.TemporaryDirectory(prefix="hydatis-track-") as folder:
                _write_files(Path(folder), path, artifact, family, context, run_id)
                client.log_artifacts(run_id, folder)
            status = "FINISHED"
        finally:
            client.set_terminated(run_id, status)
    return registry.register(manifest.name, manifest.version, digest, run_id, f"{run.info.artifact_uri}/model", tags)


def _log_values(registry: MlflowRegistry, run_id: str, artifact: Artifact, business: Mapping[str, float]) -> None:
    from mlflow.entities import Metric, Param

    manifest, now = artifact.manifest, int(time() * 1000)
    figures = {
        f"business/{name.removeprefix(_BUSINESS)}" if name.startswith(_BUSINESS) else f"model/{name}": value
        for name, value in manifest.metrics.items()
    } | {f"business/{name}": value for name, value in business.items()}
    metrics = [Metric(name, value, now, 0) for name, value in figures.items()]
    curve = manifest.parameters.get("learning_curve")
    for point in curve if isinstance(curve, list) else ():
        for name in ("reward_mean", "loss_mean", "exploration"):
            if point.get(name) is not None:
                metrics.append(Metric(f"training/{name}", float(point[name]), now, int(point["episode"])))
    params = [
        Param(name, str(value)[:_VALUE_LENGTH]) for name, value in manifest.parameters.items() if name != "learning_curve"
    ] + [Param("version", manifest.version), Param("dataset_version", manifest.dataset_version)]
    for begin in range(0, max(len(metrics), len(params)), 100):  # a server takes no more at once
        registry.client.log_batch(run_id, metrics[begin : begin + 100], params[begin : begin + 100])


def _log_dataset(registry: MlflowRegistry, run_id: str, artifact: Artifact, context: CardContext) -> None:
    """What it was trained on, and where lineage knows of raw data, those too."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    raw = {e.digest: e for record in context.lineage for e in record.inputs if e.kind is EntityKind.DATASET}
    named = [("training", "node-table", artifact.manifest.dataset_version)]
    named += [("raw", f"{entity.name} {entity.version}".strip(), digest) for digest, entity in raw.items()]
    inputs = []
    for role, name, digest in named:
        short = digest.removeprefix("sha256:")[:_DIGEST_LENGTH]
        dataset = Dataset(name, short, "hydatis", json.dumps({"digest": digest}))
        inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", role), InputTag("hydatis.digest", digest)]))
    registry.client.log_inputs(run_id, inputs)


def _write_files(folder: Path, published: Path, artifact: Artifact, family: Family, context: CardContext, run_id: str) -> None:
    """Everything that a run shows, below one folder; ``model/artifact`` is the published folder, byte for byte."""
    from hydatis_lifecycle.adapters.bill_of_materials import bill_of_materials
    from hydatis_lifecycle.adapters.card_pages import card_html, card_markdown

    from hydatis_pipelines.tracking.signature import write_mlmodel

    manifest = artifact.manifest
    shutil.copytree(published, folder / "model" / "artifact")
    write_mlmodel(folder / "model" / "MLmodel", manifest, run_id)
    shares = family.importance(artifact)
    figures = [plots.importance(shares, family.importance_of), *(figure(artifact) for figure in family.figures)]
    (folder / "importance.json").write_text(json.dumps({"is": family.importance_of, "shares": shares}, indent=1) + "\n")
    (folder / "plots.html").write_text(plots.page(f"{manifest.name} {manifest.version}", figures))
    card = card_of(manifest, context)
    (folder / "card.md").write_text(card_markdown(card))
    (folder / "card.html").write_text(card_html(card))
    packages = _training_packages()
    bill = bill_of_materials(manifest, packages, context.lineage, time_seconds=time(), signer=context.signer)
    (folder / "sbom.cdx.json").write_text(bill)


@cache
def _training_packages() -> tuple[Package, ...]:
    """The same for every model of a process; reading a hundred packages' requirements takes half a second."""
    from hydatis_lifecycle.adapters.bill_of_materials import installed_packages

    return installed_packages(TRAINING_PACKAGES)
