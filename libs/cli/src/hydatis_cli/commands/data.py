"""`hydatis data`: versions of datasets. What is in them; `data_store` has what keeps them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from hydatis_core.errors import InvalidValue

from hydatis_cli.console import err, out, progress_bar
from hydatis_cli.options import DEFAULT_STATE, JsonOption, StateOption
from hydatis_cli.signed_models import lifecycle_home
from hydatis_cli.state_folder import StateFolder

if TYPE_CHECKING:
    from hydatis_lifecycle.adapters.catalogue.catalogue import Catalogue
    from hydatis_lifecycle.adapters.catalogue.folder_files import Progress

    from hydatis_cli.console import ProgressBar

__all__ = ["catalogue_of", "diff", "list_", "megabytes", "register", "show"]

NameArgument = Annotated[str, typer.Argument(help="Name of the dataset: bitbrains, team/bitbrains.")]
VersionArgument = Annotated[str | None, typer.Argument(help="Version; the newest when none is given.")]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", help="Columns that name a row, with commas: tells a corrected row from a new one. Remembered."),
]
UnitOption = Annotated[
    list[str] | None, typer.Option("--unit", help="COLUMN=UNIT that the file does not say; for each. Remembered.")
]


def catalogue_of(state: Path) -> Catalogue:
    """The catalogue of a state folder, or the one that the environment names."""
    from hydatis_pipelines.lifecycle_catalogue import open_catalogue

    return open_catalogue(lifecycle_home(StateFolder(state)))


def megabytes(bar: ProgressBar) -> Progress:
    """A bar that is told bytes and shows megabytes."""
    return lambda done, total, text: bar(done // 1_000_000, max(total // 1_000_000, 1), text)


def register(
    name: NameArgument,
    folder: Annotated[Path, typer.Argument(help="Folder with its files; names that begin with a dot are passed over.")],
    state: StateOption = DEFAULT_STATE,
    key: KeyOption = None,
    unit: UnitOption = None,
    meta: Annotated[list[str] | None, typer.Option("--meta", help="NAME=VALUE worth keeping; for each.")] = None,
    quality: Annotated[
        Path | None, typer.Option("--quality", help="Report of `hydatis data check --json` to keep with it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would be, and store nothing.")] = False,
    json_: JsonOption = False,
) -> None:
    """Register a folder as the next version of a dataset, whole or not at all.

    The version is decided by what changed: a column gone, narrowed or in another unit is major; new columns, rows or files are
    minor; corrected values are a patch. The same content again is the version it has.
    Example: hydatis data register bitbrains ./traces/bitbrains --key vm_id,timestamp_s
    """
    from hydatis_cli.dataset_tables import shown_bytes, version_figures

    metadata = _pairs(meta, "--meta") | {f"unit.{column}": said for column, said in _pairs(unit, "--unit").items()}
    metadata |= {"key": key} if key is not None else {}
    report = None if quality is None else _report(quality)
    catalogue = catalogue_of(state)
    with progress_bar("reading (MB)" if dry_run else "registering (MB)") as bar:
        if dry_run:
            made = catalogue.preview(name, folder, metadata=metadata, time_seconds=time.time(), progress=megabytes(bar))
        else:
            made = catalogue.register(
                name, folder, metadata=metadata, quality=report, time_seconds=time.time(), progress=megabytes(bar)
            )
    if json_:
        typer.echo(json.dumps(version_figures(made) | {"created": made.created, "dry_run": dry_run}, indent=2))
        return
    amounts = f"{made.files_count} files, {shown_bytes(made.bytes_count)}"
    rows = "" if made.rows_count is None else f", {made.rows_count:,} rows"
    if made.created:
        would = "would be " if dry_run else ""
        out.print(f"{name} {would}[bold]{made.version}[/bold] ({made.change.value}): {amounts}{rows}", highlight=False)
        _tell(made.reasons)
    else:
        out.print(f"{name} [bold]{made.version}[/bold] has this content already: {amounts}{rows}", highlight=False)
    out.print(made.digest, highlight=False)
    if dry_run:
        err.print("Nothing was stored.", highlight=False)


def list_(
    name: Annotated[str | None, typer.Argument(help="A dataset, to list its versions; all datasets when none is given.")] = None,
    state: StateOption = DEFAULT_STATE,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Versions listed, newest first.")] = 20,
    json_: JsonOption = False,
) -> None:
    """List datasets with their newest versions, or the versions of one with what each changed.

    Example: hydatis data list bitbrains --limit 5
    """
    from hydatis_cli.dataset_tables import datasets_table, version_figures, versions_table

    catalogue = catalogue_of(state)
    if name is None:
        found = catalogue.datasets()
        if json_:
            typer.echo(json.dumps([version_figures(one) | {"versions_count": count} for one, count in found], indent=2))
        elif found:
            out.print(datasets_table(found))
        else:
            err.print("There are no datasets that you may read: `hydatis data register NAME FOLDER` makes one.", highlight=False)
        return
    versions = catalogue.versions(name, limit)
    if not versions:
        raise InvalidValue(f"there is no dataset {name}", field="name", expected="one that `hydatis data list` shows")
    if json_:
        typer.echo(json.dumps([version_figures(one) for one in versions], indent=2))
        return
    out.print(versions_table(versions))


def show(
    name: NameArgument,
    version: VersionArgument = None,
    state: StateOption = DEFAULT_STATE,
    files: Annotated[bool, typer.Option("--files", help="Its files with their digests, too.")] = False,
    json_: JsonOption = False,
) -> None:
    """Show a version: what it holds, where it came from, its columns.

    Example: hydatis data show bitbrains 1.0.0 --files
    """
    from dataclasses import asdict

    from hydatis_cli.dataset_tables import columns_tables, files_table, version_figures, version_lines

    catalogue = catalogue_of(state)
    found = catalogue.get(name, version)
    manifest = catalogue.manifest(name, found.version) if files else None
    if json_:
        listed = {} if manifest is None else {"files": [asdict(entry) for entry in manifest.files]}
        typer.echo(json.dumps(version_figures(found) | {"schema": asdict(found.schema)["tables"]} | listed, indent=2))
        return
    for line in version_lines(found):
        out.print(line, highlight=False, soft_wrap=True)
    for table in [*columns_tables(found.schema), *([files_table(manifest)] if manifest else [])]:
        out.print(table)


def diff(
    name: NameArgument,
    before: Annotated[str, typer.Argument(help="Version to compare from.")],
    after: Annotated[str | None, typer.Argument(help="Version to compare with; the newest when none is given.")] = None,
    state: StateOption = DEFAULT_STATE,
    json_: JsonOption = False,
) -> None:
    """Compare two versions: columns, rows and files, and how much that changes.

    To compare a folder with the newest version: hydatis data register NAME FOLDER --dry-run.
    Example: hydatis data diff bitbrains 1.0.0 1.1.0
    """
    from hydatis_cli.dataset_tables import difference_figures

    with err.status("reading rows"):
        found = catalogue_of(state).difference(name, before, after)
    if json_:
        typer.echo(json.dumps(difference_figures(found), indent=2))
        return
    shown = f"{before} -> {after or 'newest'}"
    out.print(f"{name} {shown}: {'the same content' if found.is_empty else found.change.value}", highlight=False)
    _tell(found.reasons())


def _tell(reasons: tuple[str, ...]) -> None:
    for reason in reasons[:50]:
        out.print(f"  {reason}", highlight=False, markup=False, soft_wrap=True)
    if len(reasons) > 50:
        out.print(f"  and {len(reasons) - 50} more: --json has all", highlight=False)


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    pairs = [one.partition("=") for one in given or ()]
    if any(not name or not equals for name, equals, _ in pairs):
        raise InvalidValue(f"{given} are no pairs", field=option, expected="NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _report(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text())
    except (OSError, ValueError) as cause:
        raise InvalidValue(
            f"{file} cannot be read: {cause}", field="--quality", expected="a file of `hydatis data check`"
        ) from None
    if not isinstance(value, dict):
        raise InvalidValue(f"{file} is no report", field="--quality", expected="a file of `hydatis data check --json`")
    return value
