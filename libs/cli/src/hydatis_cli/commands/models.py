"""`hydatis models`: what is published, who signed it, where it stands, and what is said of it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from typing import Annotated

import typer
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from hydatis_lifecycle.stages import Stage
from rich.table import Table

from hydatis_cli.console import EXIT_OPERATIONAL, err, out
from hydatis_cli.options import DEFAULT_STATE, JsonOption, StateOption
from hydatis_cli.state_folder import StateFolder

__all__ = ["ModelName", "ModelVersion", "SomeModelName", "list_", "models_app", "promote", "show", "sign", "verify"]

models_app = typer.Typer(help="Published models: who signed them, where they stand, what is said of them.", no_args_is_help=True)

ModelName = Annotated[str, typer.Argument(help="A model, as `hydatis models list` names it.")]
SomeModelName = Annotated[str | None, typer.Argument(help="A model; left out: all.")]
ModelVersion = Annotated[str | None, typer.Argument(help="A version; left out: the current one.")]


@models_app.command("list")
def list_(name: SomeModelName = None, state: StateOption = DEFAULT_STATE, json_: JsonOption = False) -> None:
    """List every published version: stage, signature, and whether it is the one that is served.

    Examples: hydatis models list; hydatis models list cpu-forecaster --json
    """
    from hydatis_cli.published_models import published_versions

    found = list(published_versions(StateFolder(state), name))
    if json_:
        typer.echo(json.dumps([one.to_json() for one in found], indent=2))
        return
    table = Table("model", "version", "served", "stage", "signed by", "artifact")
    for one in found:
        signed = one.signer[:16] if one.signer else "[red]refused[/red]"
        table.add_row(one.name, one.version, "yes" if one.current else "", one.stage, signed, one.digest[:19])
    out.print(table if found else f"No models in {StateFolder(state).models}: `hydatis train` makes some.")


@models_app.command()
def show(name: ModelName, version: ModelVersion = None, state: StateOption = DEFAULT_STATE, json_: JsonOption = False) -> None:
    """Show one version: its files and figures, and every stage that it went through."""
    from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
    from hydatis_lifecycle.adapters.stage_book import StageBook
    from hydatis_lifecycle.manifest_json import manifest_to_json

    from hydatis_cli.published_models import chosen_version, version_of
    from hydatis_cli.signed_models import lifecycle_home

    folder = StateFolder(state)
    chosen = chosen_version(folder, name, version)
    one = version_of(folder, name, chosen)
    manifest = ArtifactFolder(folder.models).load(name, chosen).manifest
    history = [entry for entry in StageBook(lifecycle_home(folder).stages).history(name) if entry.change.version == chosen]
    if json_:
        changes = [
            {"before": e.change.before.value, "after": e.change.after.value, "time_seconds": e.time_seconds, "who": e.who}
            | {"reason": e.reason}
            for e in history
        ]
        told = {**one.to_json(), "manifest": json.loads(manifest_to_json(manifest)), "history": changes}
        typer.echo(json.dumps(told, indent=2))
        return
    served = ", served" if one.current else ""
    out.print(f"[bold]{name} {chosen}[/bold]: {manifest.kind}, stage {one.stage}{served}.")
    out.print(
        f"Artifact {one.digest}\nSigned by {one.signer or 'nobody who is trusted'}" + (f": {one.refused}" if one.refused else "")
    )
    out.print(f"Trained by {manifest.training_run} on {manifest.dataset_version}")
    files = Table("file", "bytes", "SHA-256")
    for file, said in manifest.files.items():
        files.add_row(file, f"{said['bytes']:,}", said["sha256"][:16])
    out.print(files)
    figures = Table("figure", "value")
    for figure, value in manifest.metrics.items():
        figures.add_row(figure, f"{value:.6g}")
    out.print(figures)
    for entry in history:
        when = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(entry.time_seconds))
        out.print(f"{when} {entry.change.before.value} -> {entry.change.after.value} by {entry.who}. {entry.reason}")


@models_app.command()
def verify(name: SomeModelName = None, state: StateOption = DEFAULT_STATE, json_: JsonOption = False) -> None:
    """Check signature and digests of every version as a server would, and say what it took; exit code 1 when one is refused.

    Example: hydatis models verify --json
    """
    from hydatis_cli.published_models import published_versions

    found = list(published_versions(StateFolder(state), name))
    if json_:
        typer.echo(json.dumps([one.to_json() for one in found], indent=2))
    else:
        table = Table("model", "version", "verdict", "bytes", "ms")
        for one in found:
            verdict = f"[red]{one.refused}[/red]" if one.refused else f"good, signed by {one.signer[:16]}"
            table.add_row(one.name, one.version, verdict, f"{one.bytes_count:,}", f"{one.verify_milliseconds:.2f}")
        out.print(table)
    if any(one.refused for one in found):
        raise typer.Exit(EXIT_OPERATIONAL)


@models_app.command()
def sign(
    name: SomeModelName = None,
    version: Annotated[str | None, typer.Argument(help="A version; left out: all that nobody who is trusted signed.")] = None,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Sign versions as they lie there, by the key of the state folder: models from before signatures, or after a change of keys.

    It says that you trust these files: compare their digests with where they came from first (`hydatis models list --json`).
    Versions that are spoiled are not signed. Example: hydatis models sign cpu-forecaster 1.0.0
    """
    from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder

    from hydatis_cli.published_models import published_versions
    from hydatis_cli.signed_models import signer_of_state

    folder = StateFolder(state)
    chosen = [one for one in published_versions(folder, name) if one.version == version or (version is None and not one.signer)]
    if version is not None and not chosen:
        raise InvalidValue(f"there is no version {version} of {name}", field="VERSION", expected="one of `hydatis models list`")
    signer = signer_of_state(folder)
    for one in chosen:
        ArtifactFolder(folder.models).sign(one.name, one.version, signer)
        out.print(f"{one.name} {one.version}: signed by {signer.identity[:16]}")
    if not chosen:
        out.print("Every version is signed already.")


@models_app.command()
def promote(
    name: ModelName,
    version: Annotated[str, typer.Argument(help="A version, as `hydatis models list` names it.")],
    to: Annotated[Stage, typer.Option("--to", help="Stage to go to.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; asked for when no evaluation let the version pass.")] = "",
    mirror: Annotated[bool, typer.Option("--mirror/--no-mirror", help="Write MLflow's aliases and tags as well.")] = True,
    state: StateOption = DEFAULT_STATE,
    json_: JsonOption = False,
) -> None:
    """Let a version go to a stage; in production it is the one that servers serve.

    none -> staging -> production -> archived, and from archived back (a rollback). Who stood there before makes room. The stage
    book is the truth; MLflow's aliases follow, and when it is down, saying the same again brings them up to date.
    Example: hydatis models promote cpu-forecaster 1.0.1 --to staging
    """
    from hydatis_lifecycle.adapters.stage_book import StageBook

    from hydatis_cli.published_models import chosen_version, facts_of
    from hydatis_cli.recorded_deployment import record_deployment
    from hydatis_cli.signed_models import lifecycle_home, signed_folder

    folder = StateFolder(state)
    home, chosen = lifecycle_home(folder), chosen_version(folder, name, version)
    book = StageBook(home.stages)
    who = os.environ.get("HYDATIS_USER") or os.environ.get("USER") or f"uid {os.getuid()}"
    now, unrecorded, mirrored = time.time(), "", ""
    changes = book.promote(name, chosen, to, facts_of(folder, name, chosen, reason), time_seconds=now, who=who)
    if to is Stage.PRODUCTION:
        signed_folder(folder).set_current(name, chosen)
        unrecorded = record_deployment(folder, name, chosen, at_seconds=now, who=who) if changes else ""
    if mirror:
        mirrored = _mirrored(folder, name, book.stages(name))
    if unrecorded:
        err.print(f"[yellow]not in the lineage:[/yellow] {unrecorded}", highlight=False, soft_wrap=True)
    if json_:
        told = [{**asdict(change), "before": change.before.value, "after": change.after.value} for change in changes]
        typer.echo(json.dumps({"changes": told, "mirrored": not mirrored, "mirror_error": mirrored}, indent=2))
        return
    for change in changes:
        out.print(f"{name} {change.version}: {change.before.value} -> {change.after.value}")
    if not changes:
        out.print(f"{name} {chosen} is at {to.value} already.")
    if mirrored:
        err.print(f"[yellow]not mirrored:[/yellow] {mirrored}", highlight=False, soft_wrap=True)


def _mirrored(folder: StateFolder, name: str, stages: dict[str, Stage]) -> str:
    """Why MLflow does not say the stages; empty: it does, or it does not know the model."""
    from hydatis_pipelines.tracking.stages import mirror_stages

    from hydatis_cli.signed_models import lifecycle_home

    try:
        mirror_stages(lifecycle_home(folder), name, stages)
    except DependencyUnavailable as wrong:
        return str(wrong)
    return ""
