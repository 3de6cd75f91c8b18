"""`hydatis collect`: raw metrics from a cluster's Prometheus into a folder, window by window."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from hydatis_pipelines.lifecycle_home import LifecycleHome

from hydatis_cli.cluster_source import CaOption, MatchersOption, PrometheusOption, TokenOption, UntilOption
from hydatis_cli.console import err, out, progress_bar
from hydatis_cli.options import DEFAULT_STATE, JsonOption, StateOption
from hydatis_cli.state_folder import StateFolder

if TYPE_CHECKING:
    from hydatis_assessment.capture.cluster_capture import PrometheusAccess
    from hydatis_collection.collector import Collected
    from hydatis_collection.ledger import Collection

__all__ = ["collect"]

_DAY_SECONDS = 86_400.0


def collect(  # nosec B107  # a file's name
    prometheus: PrometheusOption = "",
    token_file: TokenOption = "",
    ca_file: CaOption = "",
    match: MatchersOption = "",
    out_: Annotated[
        Path | None, typer.Option("--out", help="Folder of the windows; default: lifecycle/collected in the state folder.")
    ] = None,
    state: StateOption = DEFAULT_STATE,
    step: Annotated[int, typer.Option("--step", min=1, help="Seconds between samples.")] = 60,
    window: Annotated[int, typer.Option("--window", min=60, help="Seconds of a window: what one file holds.")] = 3600,
    retention_days: Annotated[
        float,
        typer.Option(
            "--retention-days", envvar="HYDATIS_COLLECTION_RETENTION_DAYS", min=0.0, help="Windows older than this are deleted."
        ),
    ] = 30.0,
    days: Annotated[
        float | None, typer.Option("--days", min=0.0, help="How far back to begin; default: as far as windows are kept.")
    ] = None,
    until: UntilOption = "",
    patience: Annotated[
        float, typer.Option("--patience", min=0.0, help="Seconds that Prometheus may be away before this gives up.")
    ] = 120.0,
    follow: Annotated[bool, typer.Option("--follow", help="Stay, and collect each window when it is over.")] = False,
    json_: JsonOption = False,
) -> None:
    """Collect raw metrics from Prometheus: one Parquet file per table and window, each asked for once.

    Run it again to go on, after an interruption or an hour later: windows that are there stay byte for byte. The folder is a
    dataset for `hydatis data register`, and `hydatis data check --trace collected` checks it.
    Example: hydatis collect --prometheus http://prometheus:9090 --days 7
    """
    if follow and until:
        raise InvalidValue("there is an end to follow no more after", field="--follow, --until", expected="one of them")
    # the client of Prometheus and pyarrow weigh a third of a second
    from hydatis_assessment.capture.cluster_capture import PrometheusAccess
    from hydatis_collection.collector import SETTLE_SECONDS
    from hydatis_collection.question import collection

    folder = out_ or LifecycleHome(StateFolder(state).root / "lifecycle", {}).root / "collected"
    asked = collection(prometheus, step_seconds=step, window_seconds=window, matchers=match)
    access = PrometheusAccess(prometheus, token_file, ca_file, patience)
    while True:
        now = _seconds(until)
        first = now - _DAY_SECONDS * (retention_days if days is None else days)
        try:
            _tell(_run(folder, asked, access, first, now, retention_days), folder, as_json=json_)
        except DependencyUnavailable as failure:
            if not follow:
                raise
            err.print(f"[yellow]will try again:[/yellow] {failure}", highlight=False, soft_wrap=True)
        if not follow:
            return
        time.sleep(window - (time.time() - SETTLE_SECONDS) % window + 1.0)


def _seconds(until: str) -> float:
    """Unix time of the end."""
    if not until:
        return time.time()
    try:
        told = datetime.fromisoformat(until)
    except ValueError:
        raise InvalidValue(f"{until!r} is no time", field="--until", expected="as 2026-11-01T00:00") from None
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()


def _run(
    folder: Path, asked: Collection, access: PrometheusAccess, first_seconds: float, now_seconds: float, retention_days: float
) -> Collected:
    from hydatis_collection.collector import Collector
    from hydatis_collection.courses import matrix
    from hydatis_collection.ledger import Ledger
    from hydatis_serving.prometheus.past import Asker

    async def collected(ledger: Ledger) -> Collected:
        client = access.client()
        asker = Asker(client, asked.prometheus, matrix, asked.matchers, access.patience_seconds)
        try:
            with progress_bar("collect") as progress:
                return await Collector(ledger, asked, asker).run(first_seconds, now_seconds, retention_days, progress)
        finally:
            await client.close()

    ledger = Ledger(folder)
    with ledger.held():
        return asyncio.run(collected(ledger))


def _tell(done: Collected, folder: Path, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    out.print(
        f"{len(done.windows)} windows collected with {done.rows_count:,} rows and {done.gaps_count} gaps,"
        f" {done.kept_count} were there, {len(done.dropped)} were too old: {folder}",
        highlight=False,
        soft_wrap=True,
    )
    if done.windows and not done.rows_count:
        err.print("[yellow]warning:[/yellow] nobody was measured in these windows: are --prometheus and --match right?")
    if done.warned:
        shown = f"Prometheus warned about {len(done.warned)} windows, which later runs ask for again: {', '.join(done.warned[:5])}"
        err.print(f"[yellow]warning:[/yellow] {shown}", highlight=False, soft_wrap=True)
