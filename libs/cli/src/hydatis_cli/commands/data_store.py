"""`hydatis data verify|checkout|delete|gc|access`: what keeps datasets, gives them back, and says who had them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from hydatis_pipelines.lifecycle_home import LifecycleHome

from hydatis_cli.commands.data import NameArgument, VersionArgument, catalogue_of, megabytes
from hydatis_cli.console import EXIT_OPERATIONAL, err, out, progress_bar
from hydatis_cli.options import DEFAULT_STATE, JsonOption, StateOption
from hydatis_cli.signed_models import lifecycle_home
from hydatis_cli.state_folder import StateFolder

__all__ = ["access", "checkout", "delete", "gc", "verify"]

_DAY_SECONDS = 86_400.0


def verify(
    name: NameArgument,
    version: VersionArgument = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="A folder that claims to be it; without: the stored files.")
    ] = None,
    state: StateOption = DEFAULT_STATE,
    json_: JsonOption = False,
) -> None:
    """Hash the files of a version and name every one that is not what was registered. Exit code 1: there is one.

    Example: hydatis data verify bitbrains 1.0.0 --folder ./traces/bitbrains
    """
    from hydatis_cli.dataset_tables import verification_table

    with progress_bar("hashing (MB)") as bar:
        found = catalogue_of(state).verify(name, version, folder, megabytes(bar))
    if json_:
        typer.echo(json.dumps(asdict(found) | {"passed": found.passed}, indent=2))
    elif found.passed:
        out.print(f"{name} {version or '(newest)'}: all {found.files_count} files are as registered", highlight=False)
    else:
        out.print(verification_table(found))
    if not found.passed:
        raise typer.Exit(EXIT_OPERATIONAL)


def checkout(
    name: NameArgument,
    folder: Annotated[Path, typer.Argument(help="Folder to make; it must not be there yet.")],
    version: Annotated[str | None, typer.Option("--version", help="Version; the newest when none is given.")] = None,
    state: StateOption = DEFAULT_STATE,
    json_: JsonOption = False,
) -> None:
    """Write the files of a version into a new folder, all or none. They are copies: change them as you like.

    Example: hydatis data checkout bitbrains ./bitbrains-1.0.0 --version 1.0.0
    """
    from hydatis_cli.dataset_tables import version_figures

    with progress_bar("checking out (MB)") as bar:
        found = catalogue_of(state).check_out(name, version, folder, megabytes(bar))
    if json_:
        typer.echo(json.dumps(version_figures(found) | {"folder": str(folder)}, indent=2))
        return
    out.print(f"{name} {found.version} is in {folder}: {found.files_count} files", highlight=False, soft_wrap=True)


def delete(
    name: NameArgument,
    version: Annotated[str, typer.Argument(help="Version to retire.")],
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Retire a version: its number is never given again, and its files go with the next `hydatis data gc`.

    Example: hydatis data delete bitbrains 1.0.1
    """
    catalogue_of(state).delete(name, version)
    out.print(f"{name} {version} is retired; `hydatis data gc` removes what no other version needs", highlight=False)


def gc(
    state: StateOption = DEFAULT_STATE,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="Retire all but the newest so many of each dataset; without: none.")
    ] = None,
    days: Annotated[
        float, typer.Option("--days", min=0.0, help="With --keep: versions younger than so many days stay, too.")
    ] = 30.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    json_: JsonOption = False,
) -> None:
    """Remove stored files that no version names: of retired versions, and of registrations that were killed.

    With --keep old versions are retired first; those that lineage names are kept, whatever their age.
    Example: hydatis data gc --keep 10 --days 90 --dry-run
    """
    from hydatis_cli.dataset_tables import shown_bytes

    used = frozenset[str]() if keep is None else _used_digests(lifecycle_home(StateFolder(state)))
    found = catalogue_of(state).collect_garbage(
        keep_count=keep, keep_seconds=days * _DAY_SECONDS, used_digests=used, dry_run=dry_run
    )
    if json_:
        typer.echo(json.dumps(asdict(found) | {"dry_run": dry_run}, indent=2))
        return
    for one in found.retired:
        out.print(f"{'would retire' if dry_run else 'retired'} {one.dataset} {one.version}", highlight=False)
    verb = "would be removed" if dry_run else "removed"
    out.print(f"{found.objects_count} files, {shown_bytes(found.bytes_count)} {verb}", highlight=False)


def access(
    name: Annotated[str | None, typer.Argument(help="A dataset; all when none is given.")] = None,
    state: StateOption = DEFAULT_STATE,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Lines shown, newest first.")] = 20,
    policy: Annotated[bool, typer.Option("--policy", help="Who may do what, instead of who did.")] = False,
    json_: JsonOption = False,
) -> None:
    """Show who read, registered, checked out and deleted datasets, and who was refused.

    Who may is said by access.yaml in the lifecycle folder; without it the folder's owner may do everything, nobody else anything.
    Example: hydatis data access --policy
    """
    from hydatis_cli.dataset_tables import access_table

    if policy:
        _show_policy(lifecycle_home(StateFolder(state)), json_)
        return
    found = catalogue_of(state).access_events(name, limit)
    if json_:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    out.print(access_table(found))


def _show_policy(home: LifecycleHome, as_json: bool) -> None:
    from hydatis_lifecycle.adapters.catalogue.policy_file import current_user, read_policy
    from rich.table import Table

    policy = read_policy(home.access_policy)
    if as_json:
        roles = {role: {action.value: list(globs) for action, globs in said.items()} for role, said in policy.roles.items()}
        typer.echo(json.dumps({"roles": roles, "users": {user: list(given) for user, given in policy.users.items()}}, indent=2))
        return
    where = home.access_policy if home.access_policy.exists() else f"{home.access_policy} is not there: the owner may do everything"
    err.print(f"{where}; you are {current_user(home.environment)}", highlight=False, markup=False, soft_wrap=True)
    table = Table("user", "role", "read", "register", "delete")
    for user, given in policy.users.items():
        for role in given:
            said = {action.value: ", ".join(globs) for action, globs in policy.roles[role].items()}
            table.add_row(user, role, said.get("read", "-"), said.get("register", "-"), said.get("delete", "-"))
    out.print(table)


def _used_digests(home: LifecycleHome) -> frozenset[str]:
    """Root digests that lineage names as data: what was made of them can be made again."""
    from hydatis_lifecycle.adapters.lineage_store import LineageStore
    from hydatis_lifecycle.lineage.record import EntityKind

    return frozenset(entity.digest for entity, _ in LineageStore(home.catalogue_url).newest(EntityKind.DATASET, limit=1_000_000))
