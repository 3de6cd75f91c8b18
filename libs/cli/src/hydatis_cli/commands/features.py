"""`hydatis features`: what is stored of nodes and workloads, in Feast: defined, brought online, joined as of a time, looked at."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from hydatis_core.errors import InvalidValue
from rich.table import Table

from hydatis_cli.commands.features_write import write
from hydatis_cli.console import out
from hydatis_cli.event_times import event_time, shown_time
from hydatis_cli.options import DEFAULT_STATE, JsonOption, StateOption
from hydatis_cli.stored_features import OnlineOption, RecordOption, feature_repository, view_named
from hydatis_cli.stored_figures import storable

__all__ = ["features_app"]

features_app = typer.Typer(
    help="Features in Feast: apply definitions, write what is streamed, materialise, join training sets, see quality and drift.",
    no_args_is_help=True,
)
features_app.command("write")(write)

ViewOption = Annotated[str, typer.Option("--view", help="node_features or workload_profiles.")]
FromOption = Annotated[
    str | None, typer.Option("--from", help="First event time: Unix seconds or ISO 8601. Left out: the first stored.")
]
UntilOption = Annotated[str | None, typer.Option("--until", help="Last event time, inclusive. Left out: the last stored.")]


@features_app.command("apply")
def apply(
    state: StateOption = DEFAULT_STATE, online: OnlineOption = "sqlite", record: RecordOption = "", json_: JsonOption = False
) -> None:
    """Write the definitions into the registry: entities, views, services, push sources, all from the schema that serves.

    Applying again changes nothing. Example: hydatis features apply
    """
    from hydatis_feature_store.stored_views import VIEWS

    repository = feature_repository(state, online, record)
    repository.apply()
    views = [
        {
            "view": view.name,
            "entity": view.entity,
            "key": view.key,
            "columns": len(view.names),
            "keep_seconds": view.keep_seconds,
            "schema_digest": view.digest,
            "generations": len(repository.offline(view).generations()),
        }
        for view in VIEWS
    ]
    if json_:
        typer.echo(json.dumps({"views": views}, indent=2))
        return
    table = Table("view", "entity", "columns", "kept", "digest", "generations", title="feature views")
    for view in views:
        table.add_row(
            str(view["view"]),
            str(view["entity"]),
            str(view["columns"]),
            f"{view['keep_seconds']:,} s",
            str(view["schema_digest"]),
            f"{view['generations']:,}",
        )
    out.print(table)


@features_app.command("materialise")
def materialise(
    state: StateOption = DEFAULT_STATE,
    online: OnlineOption = "sqlite",
    until: UntilOption = None,
    view: ViewOption = "node_features",
    record: RecordOption = "",
    json_: JsonOption = False,
) -> None:
    """Bring the newest row of every entity from offline to online: of what came since the last time alone.

    The writer pushes online by itself; this is for an online store that is new or was lost.
    Example: hydatis features materialise --online redis://127.0.0.1:6379/0
    """
    stored = view_named(view)
    repository = feature_repository(state, online, record)
    _, last = _span(repository.offline(stored).generations(), None, until)
    begin = perf_counter()
    told = repository.materialise(last, stored)
    figures = asdict(told) | {"view": view, "seconds": round(perf_counter() - begin, 3)}
    if json_:
        typer.echo(json.dumps(figures, indent=2))
    elif told.generations_count:
        out.print(
            f"{told.generations_count:,} generations of {view} up to {shown_time(last)} are online ({figures['seconds']:.1f} s)"
        )
    else:
        out.print(f"nothing new: {view} is online up to {shown_time(told.from_seconds)}")


@features_app.command("training-set")
def training_set(
    output: Annotated[Path, typer.Option("--out", help="Parquet file to write.")],
    state: StateOption = DEFAULT_STATE,
    from_: FromOption = None,
    until: UntilOption = None,
    every: Annotated[int, typer.Option("--every", min=1, help="Seconds between the moments of a node.")] = 300,
    column: Annotated[list[str] | None, typer.Option("--column", help="A column, for each. Left out: all.")] = None,
    view: ViewOption = "node_features",
    record: RecordOption = "",
    json_: JsonOption = False,
) -> None:
    """Join what was known of every node at every moment: never a value that became known later, never a stale one.

    Example: hydatis features training-set --from 2026-03-01 --until 2026-03-02 --column cpu_used_ratio --out set.parquet
    """
    from hydatis_cli.training_set_file import moments_of, unknown_ratio, write_training_set

    stored = view_named(view)
    repository = feature_repository(state, record=record)
    files = repository.offline(stored)
    first, last = _span(files.generations(), from_, until)
    columns = tuple(column or stored.names)
    begin = perf_counter()
    keys, times = moments_of(files, first, last, every)
    rows = repository.training_rows(keys, times, columns, stored)
    joined_seconds = perf_counter() - begin
    digest = write_training_set(output, stored, keys, times, rows, columns)
    figures = storable(
        {
            "out": str(output),
            "digest": digest,
            "rows": len(rows),
            "columns": len(columns),
            "from_seconds": first,
            "until_seconds": last,
            "unknown_ratio": unknown_ratio(rows),
            "join_seconds": joined_seconds,
        }
    )
    if json_:
        typer.echo(json.dumps(figures, indent=2))
        return
    out.print(f"{len(rows):,} rows x {len(columns)} columns from {shown_time(first)} to {shown_time(last)}: {output}")
    out.print(f"{figures['unknown_ratio'] or 0:.1%} unknown; joined in {joined_seconds:.1f} s; {digest}")


@features_app.command("stats")
def stats(
    state: StateOption = DEFAULT_STATE,
    from_: FromOption = None,
    until: UntilOption = None,
    reference_from: Annotated[str | None, typer.Option("--reference-from", help="First event time of the reference.")] = None,
    reference_until: Annotated[
        str | None, typer.Option("--reference-until", help="Last one; left out: just before --from.")
    ] = None,
    view: ViewOption = "node_features",
    record: RecordOption = "",
    rows: Annotated[int, typer.Option("--rows", min=1, help="Columns shown: those with a finding, then by drift.")] = 25,
    json_: JsonOption = False,
) -> None:
    """Show quality and drift of every feature: unknown share, constants, quantiles, and how far it is from a reference.

    Example: hydatis features stats --from 2026-03-08 --reference-from 2026-03-01
    """
    from hydatis_feature_store.statistics import feature_statistics, stored_rows

    stored = view_named(view)
    files = feature_repository(state, record=record).offline(stored)
    generations = files.generations()
    first, last = _span(generations, from_, until)
    reference, named = None, {}
    if reference_from is not None:
        began = event_time(reference_from, "--reference-from")
        ended = first - 1 if reference_until is None else event_time(reference_until, "--reference-until")
        reference = stored_rows(files, began, ended)
        named = {"reference_from_seconds": began, "reference_until_seconds": ended, "reference_rows": len(reference)}
    window = stored_rows(files, first, last)
    told = feature_statistics(stored.names, window, reference)
    if json_:
        head: dict[str, Any] = {"view": view, "from_seconds": first, "until_seconds": last, "rows": len(window), **named}
        typer.echo(json.dumps(storable(head | {"features": [one.to_json() for one in told]}), indent=2))
        return
    table = Table(
        "feature", "unknown", "p05", "p50", "p95", "PSI", "no drift", "JS", "finding", title=f"{view}: {len(window):,} rows"
    )
    by_drift = sorted(told, key=lambda one: (not one.finding, -(one.stability_index if one.stability_index > 0 else 0.0)))
    for one in by_drift[:rows]:
        figures = (one.p05, one.p50, one.p95, one.stability_index, one.index_without_drift, one.divergence)
        table.add_row(one.name, f"{one.unknown_ratio:.1%}", *(_figure(value) for value in figures), one.finding)
    out.print(table)
    found = sum(bool(one.finding) for one in told)
    out.print(f"{len(told)} features from {shown_time(first)} to {shown_time(last)}: {found} with a finding")


def _span(generations: list[int], from_: str | None, until: str | None) -> tuple[int, int]:
    """The event times asked for, inclusive; what is left out is what is stored."""
    if not generations and (from_ is None or until is None):
        raise InvalidValue("nothing is stored", field="--state", expected="a folder that `hydatis features write` filled")
    first = generations[0] if from_ is None else event_time(from_, "--from")
    last = generations[-1] if until is None else event_time(until, "--until")
    if last < first:
        raise InvalidValue(f"{last} is before {first}", field="--until", expected="a time not before --from")
    return first, last


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"
