"""`hydatis lineage`: where a model came from, and what was made of what."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from rich.table import Table

from hydatis_cli.console import err, out
from hydatis_cli.options import DEFAULT_STATE, JsonOption, StateOption
from hydatis_cli.signed_models import lifecycle_home
from hydatis_cli.state_folder import StateFolder

if TYPE_CHECKING:
    from hydatis_lifecycle.adapters.lineage_store import LineageStore
    from hydatis_lifecycle.lineage.record import Entity

__all__ = ["export", "lineage_app", "list_", "show"]

lineage_app = typer.Typer(help="Where a model came from, and what was made of what.", no_args_is_help=True)

#: Of several things of one name the first of these kinds is meant.
_MEANT = ("artifact", "model", "dataset", "features", "workload", "deployment", "evaluation")
#: Steps of a walk that are shown: more than anybody reads.
_STEPS_SHOWN = 500
#: Hexadecimal digits of a digest that are enough to ask by.
_DIGITS = 8

_Out = Annotated[Path | None, typer.Option("--out", help="File to write to; default: standard output.")]


@lineage_app.command()
def show(
    thing: Annotated[
        str, typer.Argument(help="NAME or NAME@VERSION of a model, dataset or deployment, or sha256:<8 digits or more>.")
    ],
    state: StateOption = DEFAULT_STATE,
    downstream: Annotated[bool, typer.Option("--downstream", help="What was made of it, in place of what it was made of.")] = False,
    kind: Annotated[str | None, typer.Option("--kind", help=f"Which thing of that name: {', '.join(_MEANT)}.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a self-contained page with the graph of both directions.")
    ] = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="Write the graph of both directions as SVG.")] = None,
    json_: JsonOption = False,
) -> None:
    """Show what a model was made of: a tree from the artifact down to the raw data, with the runs that made each part.

    Examples: hydatis lineage show cpu-forecaster; hydatis lineage show bitbrains --kind dataset --downstream;
    hydatis lineage show cpu-forecaster@1.0.0 --html lineage.html
    """
    from hydatis_lifecycle.lineage.record_json import record_to_json

    from hydatis_cli.lineage_tree import tree_down, tree_up

    store = _store(state)
    asked = _asked(store, thing, kind)
    walk = store.downstream if downstream else store.upstream
    graph = walk(asked.digest, limit=_STEPS_SHOWN)
    if html is not None or svg is not None:
        _draw(store, asked, html, svg)
    if json_:
        records = [json.loads(record_to_json(record)) for record in graph.derivations.values()]
        typer.echo(json.dumps({"asked": _value(asked), "downstream": downstream, "records": records}, indent=2))
        return
    out.print((tree_down if downstream else tree_up)(graph, asked))
    if not graph.derivations:
        out.print("[dim]Nothing was made of it.[/dim]" if downstream else "[dim]It is where the lineage begins.[/dim]")
    if len(graph.derivations) == _STEPS_SHOWN:
        err.print(f"Only the {_STEPS_SHOWN} nearest steps are shown.")


@lineage_app.command("list")
def list_(
    state: StateOption = DEFAULT_STATE,
    kind: Annotated[str | None, typer.Option("--kind", help=f"Only these: {', '.join(_MEANT)}.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many, newest first.")] = 30,
    json_: JsonOption = False,
) -> None:
    """List the things that lineage knows, newest first.

    Example: hydatis lineage list --kind artifact
    """
    found = _store(state).newest(_kind(kind), limit=limit)
    if json_:
        typer.echo(json.dumps([_value(entity) | {"first_seconds": first} for entity, first in found], indent=2))
        return
    table = Table("kind", "name", "version", "digest", "first seen (UTC)")
    for entity, first in found:
        day = datetime.fromtimestamp(first, UTC).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(entity.kind.value, entity.name, entity.version, entity.digest[7:19], day)
    out.print(table)


@lineage_app.command()
def export(
    state: StateOption = DEFAULT_STATE,
    run: Annotated[str | None, typer.Option("--run", help="Only the steps of this run.")] = None,
    form: Annotated[str, typer.Option("--format", help="records: our own; openlineage: events, START and COMPLETE.")] = "records",
    to: _Out = None,
    url: Annotated[str | None, typer.Option("--url", help="Send the events to this OpenLineage server, too.")] = None,
) -> None:
    """Write all lineage as JSON lines, or send it again to an OpenLineage server: one that was down knows everything afterwards.

    Examples: hydatis lineage export --out lineage.jsonl; hydatis lineage export --format openlineage --url http://marquez:5000
    """
    if form not in ("records", "openlineage"):
        raise InvalidValue(f"{form!r} is no format", field="--format", expected="records or openlineage")
    if url and form != "openlineage":
        raise InvalidValue("a server takes events only", field="--url", expected="--format openlineage")
    lines = _events(state, run, url) if form == "openlineage" else _records(state, run)
    text = "".join(f"{line}\n" for line in lines)
    if to is not None:
        from hydatis_pipelines.whole_files import write_whole

        write_whole(to, text.encode())
    elif not url:
        typer.echo(text, nl=False)
    err.print(f"{len(lines)} {'events' if form == 'openlineage' else 'records'}{f' sent to {url}' if url else ''}.")


def _records(state: Path, run: str | None) -> list[str]:
    from hydatis_lifecycle.lineage.record_json import record_to_json

    return [record_to_json(record).decode() for record in _store(state).records(run)]


def _events(state: Path, run: str | None, url: str | None) -> list[str]:
    from hydatis_lifecycle.adapters.openlineage_events import step_events
    from hydatis_lifecycle.adapters.openlineage_log import OpenLineageLog
    from openlineage.client.serde import Serde

    events = [event for record in _store(state).records(run) for event in step_events(record)]
    if url:
        wrong = OpenLineageLog(None, dict(os.environ) | {"OPENLINEAGE_URL": url}).tell(events)
        if wrong:
            raise DependencyUnavailable(wrong[0], field="--url", expected="a server that takes OpenLineage events")
    return [Serde.to_json(event) for event in events]


def _draw(store: LineageStore, asked: Entity, html: Path | None, svg: Path | None) -> None:
    from hydatis_lifecycle.lineage.drawing import drawn
    from hydatis_pipelines.whole_files import write_whole

    from hydatis_cli.lineage_page import lineage_page

    up, down = (walk(asked.digest, limit=_STEPS_SHOWN) for walk in (store.upstream, store.downstream))
    graph = up.joined(down)
    if html is not None:
        write_whole(html, lineage_page(graph, asked).encode())
        err.print(f"Page: {html}")
    if svg is not None:
        write_whole(svg, drawn(graph, asked.digest).encode())
        err.print(f"Drawing: {svg}")


def _asked(store: LineageStore, thing: str, kind: str | None) -> Entity:
    wanted = [_kind(kind)] if kind else [_kind(one) for one in _MEANT]
    if thing.startswith("sha256:"):
        if len(thing) < len("sha256:") + _DIGITS:
            raise InvalidValue(f"{thing!r} is too short", field="THING", expected=f"sha256: and {_DIGITS} digits or more")
        found = store.find_digest(thing)
        if len({entity.digest for entity in found}) > 1:
            raise InvalidValue(f"several digests begin with {thing}", field="THING", expected="more digits")
    else:
        name, _, version = thing.partition("@")
        each = (store.find(name, version or None, one, limit=1) for one in wanted)
        found = next((of_kind for of_kind in each if of_kind), ())
    if not found:
        raise InvalidValue(
            f"the lineage knows no {thing[:80]!r}", field="THING", expected="a name that `hydatis lineage list` shows"
        )
    return found[0]


def _kind(name: str | None) -> Any:
    from hydatis_lifecycle.lineage.record import EntityKind

    if name is None:
        return None
    if name not in _MEANT:
        raise InvalidValue(f"{name!r} is no kind of thing", field="--kind", expected=", ".join(_MEANT))
    return EntityKind(name)


def _store(state: Path) -> LineageStore:
    from hydatis_lifecycle.adapters.lineage_store import LineageStore

    home = lifecycle_home(StateFolder(state))
    file = home.catalogue_url.removeprefix("sqlite:///")
    if file != home.catalogue_url and not Path(file).exists():
        raise InvalidValue(
            f"{state} has no lineage", field="--state", expected="a folder of `hydatis pipeline run` or `hydatis train`"
        )
    return LineageStore(home.catalogue_url)


def _value(entity: Entity) -> dict[str, str]:
    return {"kind": entity.kind.value, "name": entity.name, "version": entity.version, "digest": entity.digest}
