"""`hydatis models register|card|sbom`: what is said of published models, to MLflow, to people and to auditors."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from hydatis_cli.commands.models import ModelName, ModelVersion, SomeModelName
from hydatis_cli.console import err, out
from hydatis_cli.options import DEFAULT_STATE, JsonOption, StateOption
from hydatis_cli.state_folder import StateFolder

if TYPE_CHECKING:
    from hydatis_lifecycle.manifest import Manifest

__all__ = ["card", "register", "sbom"]

_Out = Annotated[Path | None, typer.Option("--out", help="File to write to; default: standard output.")]


def register(name: SomeModelName = None, state: StateOption = DEFAULT_STATE, json_: JsonOption = False) -> None:
    """Register the current versions in MLflow, with run, plots, card and bill of materials; those that are there stay as they are.

    Where MLflow was down while a model was published, this is what is done again. HYDATIS_MLFLOW_URI names a server.
    """
    from hydatis_pipelines.publish_step import PublishedModel
    from hydatis_pipelines.tracking import track_run
    from hydatis_pipelines.tracking.context import card_context

    from hydatis_cli.published_models import published_versions
    from hydatis_cli.signed_models import lifecycle_home, signed_folder

    folder = StateFolder(state)
    home = lifecycle_home(folder)
    models, contexts = [], {}
    for one in published_versions(folder, name):
        if one.current and not one.refused:
            artifact = signed_folder(folder).load(one.name, one.version)
            models.append(PublishedModel(folder.models / one.name / one.version, artifact.manifest))
            contexts[one.name] = card_context(home, artifact.manifest, signer=artifact.signer)
    found = track_run(home, models, contexts=contexts)
    if json_:
        typer.echo(json.dumps([asdict(one) for one in found.values()], indent=2))
        return
    table = Table("model", "version", "in MLflow", "run", title=home.mlflow_uri)
    for there in found.values():
        table.add_row(there.name, there.version, f"models:/{there.name}/{there.number}", there.run_id)
    out.print(table)


def card(
    name: ModelName,
    version: ModelVersion = None,
    state: StateOption = DEFAULT_STATE,
    html: Annotated[bool, typer.Option("--html", help="A page in place of Markdown.")] = False,
    out_file: _Out = None,
) -> None:
    """Write the model card of a version: use, limits, data, figures with intervals, where it came from; unknown is said as unknown.

    Example: hydatis models card cpu-forecaster --html --out card.html
    """
    from hydatis_lifecycle.adapters.card_pages import card_html, card_markdown
    from hydatis_lifecycle.cards.card import card_of
    from hydatis_pipelines.tracking.context import card_context

    from hydatis_cli.published_models import chosen_version, version_of
    from hydatis_cli.signed_models import lifecycle_home

    folder = StateFolder(state)
    chosen = chosen_version(folder, name, version)
    manifest = _manifest(folder, name, chosen)
    context = card_context(lifecycle_home(folder), manifest, signer=version_of(folder, name, chosen).signer)
    made = card_of(manifest, context)
    _write((card_html if html else card_markdown)(made), out_file)


def sbom(name: ModelName, version: ModelVersion = None, state: StateOption = DEFAULT_STATE, out_file: _Out = None) -> None:
    """Write the bill of materials of a version, CycloneDX 1.6: model, files, data, and the packages of this environment.

    The one that was logged when the model was trained lies in MLflow beside its run. Example: hydatis models sbom cpu-forecaster
    """
    from hydatis_lifecycle.adapters.bill_of_materials import bill_of_materials, installed_packages
    from hydatis_pipelines.tracking.context import card_context
    from hydatis_pipelines.tracking.run import TRAINING_PACKAGES

    from hydatis_cli.published_models import chosen_version, version_of
    from hydatis_cli.signed_models import lifecycle_home

    folder = StateFolder(state)
    chosen = chosen_version(folder, name, version)
    manifest = _manifest(folder, name, chosen)
    signer = version_of(folder, name, chosen).signer
    lineage = card_context(lifecycle_home(folder), manifest).lineage
    packages = installed_packages(TRAINING_PACKAGES)
    _write(bill_of_materials(manifest, packages, lineage, time_seconds=time.time(), signer=signer), out_file)


def _manifest(folder: StateFolder, name: str, version: str) -> Manifest:
    from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder

    return ArtifactFolder(folder.models).load(name, version).manifest


def _write(text: str, file: Path | None) -> None:
    if file is None:
        typer.echo(text, nl=False)
        return
    from hydatis_pipelines.whole_files import write_whole

    write_whole(file, text.encode())
    err.print(f"Written: {file.resolve()}")
