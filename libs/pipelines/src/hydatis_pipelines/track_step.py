"""track: what serves is tracked and registered in MLflow, with its card, its bill of materials and its signature.

The current versions are looked at and not only those of this run: what could not be tracked because MLflow was down is tracked by
the next run. A receipt for each artifact and server says what is there, so a run that changed nothing does not wait for MLflow.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydatis_lifecycle.lineage.record import EntityKind

from hydatis_pipelines.champions import MODEL_NAMES, champion_of
from hydatis_pipelines.progress import Progress
from hydatis_pipelines.run_folder import RunFolder, home_of, models_of
from hydatis_pipelines.whole_files import write_whole

if TYPE_CHECKING:
    from hydatis_lifecycle.cards.card import CardContext

    from hydatis_pipelines.lifecycle_home import LifecycleHome
    from hydatis_pipelines.publish_step import PublishedModel

__all__ = ["track"]


def track(*, registered: Path, report: Path | None, state: Path, run: str, out: Path, progress: Progress) -> dict[str, Any]:
    """Registers current versions in MLflow that are not there yet."""
    from hydatis_lifecycle.signing.statement import artifact_digest

    from hydatis_pipelines.publish_step import PublishedModel

    home, models = home_of(state), models_of(state)
    champions = filter(None, (champion_of(models, name) for name in MODEL_NAMES.values()))
    current = [PublishedModel(models / one.manifest.name / one.manifest.version, one.manifest) for one in champions]
    receipts = {
        model.manifest.name: home.root
        / "tracked"
        / f"{hashlib.sha256(f'{home.mlflow_uri} {artifact_digest(model.manifest)}'.encode()).hexdigest()}.json"
        for model in current
    }
    if report is not None:
        _keep_quality(home, RunFolder(state, run), json.loads(report.read_text()))
    missing = [model for model in current if not receipts[model.manifest.name].exists()]
    if missing:
        from hydatis_pipelines.tracking import track_run

        signers = {one["name"]: one["signer"] for one in json.loads(registered.read_text())["registered"]}
        contexts = {model.manifest.name: _context(model, report, RunFolder(state, run), signers) for model in missing}
        for name, version in track_run(home, missing, contexts=contexts).items():
            write_whole(receipts[name], json.dumps({"name": name, "registered": str(version)}).encode())
    progress(1, 1, f"{len(missing)} of {len(current)} newly tracked")
    said = {"tracked": [f"{model.manifest.name} {model.manifest.version}" for model in missing]}
    write_whole(out, (json.dumps(said, indent=1) + "\n").encode())
    return {"out": str(out), **said}


def _keep_quality(home: LifecycleHome, folder: RunFolder, report: dict[str, Any]) -> None:
    """Keeps the report beside the version of the dataset that it is of."""
    from hydatis_pipelines.lifecycle_catalogue import open_catalogue
    from hydatis_pipelines.step_journal import read_journal

    read = {one.digest: one for entry in read_journal(folder.journal) for one in entry.outputs if one.kind is EntityKind.DATASET}
    if (dataset := read.get(report["digest"])) is not None:
        open_catalogue(home).keep_quality(dataset.name, dataset.version, report)


def _context(model: PublishedModel, report: Path | None, folder: RunFolder, signers: dict[str, str]) -> CardContext:
    """What is known of a model beside its manifest, by the journal of the run and the quality report."""
    from hydatis_lifecycle.cards.card import CardContext
    from hydatis_lifecycle.quality.report import QualityReport

    from hydatis_pipelines.step_journal import read_journal

    scores = {} if report is None else QualityReport.from_json(json.loads(report.read_text())).scores
    lineage = [record for entry in read_journal(folder.journal) if (record := entry.record(folder.run)) is not None]
    return CardContext(
        signer=signers.get(model.manifest.name, ""),
        lineage=lineage,
        quality={name: (score.ratio, score.checked_count) for name, score in scores.items()},
    )
