"""`hydatis replay`: pods of a trace are placed by the running stack, next to the stock scheduler and chance."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_simulator.outcomes import Outcome
from hydatis_simulator.policy import Policy, RandomPolicy, StockPolicy
from hydatis_simulator.replay import ReplayObserver
from hydatis_simulator.replay import replay as play
from hydatis_simulator.trace import Trace
from rich.table import Table

from hydatis_cli.commands.replay_decision import replay_decision
from hydatis_cli.commands.train import ensure_models
from hydatis_cli.commands.up import bring_up, running_stack
from hydatis_cli.console import err, out, progress_bar
from hydatis_cli.exposition import Samples, differences, scrape, total_by
from hydatis_cli.extender_policy import ExtenderPolicy
from hydatis_cli.options import (
    DEFAULT_PORT,
    DEFAULT_STATE,
    DataOption,
    JsonOption,
    PortOption,
    SeedOption,
    StateOption,
    TokenFileOption,
    TraceOption,
    read_token,
)
from hydatis_cli.outcome_table import outcome_rows
from hydatis_cli.replay_result import ReplayResult, percentiles_milliseconds
from hydatis_cli.report import write_report
from hydatis_cli.served_models import served_versions
from hydatis_cli.stack_feed import StackFeed
from hydatis_cli.supervision import Supervision
from hydatis_cli.workloads import SCRAPE_DELAY_SECONDS, TICK_SECONDS, evaluation_workload

__all__ = ["replay", "replay_over_stack", "show"]


@dataclass(frozen=True, slots=True)
class StackAddresses:
    """Where a stack is spoken to, wherever it runs."""

    extender_url: str
    features_address: str
    token: str = ""
    """Bearer token for its admin calls; empty: none."""


def replay(
    trace: TraceOption = "synthetic",
    data: DataOption = None,
    state: StateOption = DEFAULT_STATE,
    port: PortOption = DEFAULT_PORT,
    pods: Annotated[int | None, typer.Option("--pods", min=1, help="How many pods run side by side.")] = None,
    nodes: Annotated[int | None, typer.Option("--nodes", min=1, help="How many nodes; left out: as many as requests need.")] = None,
    start_day: Annotated[int | None, typer.Option("--start-day", min=0, help="First day of the trace to replay.")] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="How many days to replay.")] = None,
    seed: SeedOption = 1,
    extender: Annotated[str | None, typer.Option("--extender", help="URL of a stack that runs elsewhere (compose).")] = None,
    features: Annotated[str | None, typer.Option("--features", help="gRPC address of its feature-service.")] = None,
    token_file: TokenFileOption = None,
    report: Annotated[Path | None, typer.Option("--report", help="Also write the page with plots to this file.")] = None,
    decision: Annotated[
        str | None, typer.Option("--decision", help="Replay no trace: compute this recorded decision again and compare.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Place the pods of a trace by the running stack, through the HTTP requests that kube-scheduler sends.

    The same trace is placed by the stock scheduler and at random, and the outcomes are printed side by side. Without a running
    stack one is started for the replay (and trained first, if there are no models).
    Example: hydatis replay --trace bitbrains --data ./traces
    With --decision ID one recorded decision is computed again from the whole input in its record (kept of a sampled share); it ends
    with code 1 when that comes to something else than was recorded.
    """
    if decision is not None:
        replay_decision(decision, state, extender, read_token(token_file), json_=json_)
        return
    if (extender is None) != (features is None):
        raise InvalidValue("a stack elsewhere needs both addresses", field="--extender, --features", expected="both, or neither")
    workload = evaluation_workload(trace, data, seed=seed, pod_count=pods, node_count=nodes, start_day=start_day, days=days)
    if extender is not None and features is not None:
        result = replay_over_stack(
            StackAddresses(extender, features, read_token(token_file)), workload.trace, workload.nodes, seed=seed
        )
    else:
        result = _replay_over_own_stack(state, port, trace, data, workload.trace, workload.nodes, seed)
    if report is not None:
        write_report(result, report)
        err.print(f"Report: {report}")
    if json_:
        typer.echo(result.to_json())
    else:
        show(result)


def replay_over_stack(stack: StackAddresses, trace: Trace, nodes: Sequence[Node], *, seed: int) -> ReplayResult:
    """Replays a trace over a stack, then by the stock scheduler and at random, and compares.

    Raises:
        DependencyUnavailable: the stack is not there, or went away for good.
    """
    feed = StackFeed(stack.features_address, stack.extender_url, token=stack.token)
    asked = ExtenderPolicy(stack.extender_url)
    metrics_url = f"{stack.extender_url}/metrics"
    before = scrape(metrics_url)
    try:
        placed = _played("HYDATIS", trace, nodes, asked, [feed], seed)
    finally:
        asked.close()
        feed.close()
    counted = differences(before, scrape(metrics_url))
    yardsticks = [
        _played("stock", trace, nodes, StockPolicy(), [], seed),
        _played("random", trace, nodes, RandomPolicy(seed), [], seed),
    ]
    return ReplayResult(
        command=shlex.join(["hydatis", *sys.argv[1:]]),
        outcomes=(placed, *yardsticks),
        rungs=_counts(counted, "rung"),
        reasons={name: count for name, count in _counts(counted, "reason").items() if name != "none"},
        unanswered_count=asked.unanswered_count,
        latencies_seconds=asked.latencies_seconds,
        tick_seconds=feed.tick_seconds,
        retries_count=feed.retries_count,
        trace_report=trace.report,
        models=served_versions(stack.extender_url, stack.token),
    )


def show(result: ReplayResult) -> None:
    """Prints the outcomes, the rungs and the latencies for people."""
    first = result.outcomes[0]
    table = Table(
        title=f"{first.trace}: {first.figures['pods_count']:.0f} pods on {len(first.node_names)} nodes, seed {first.seed}"
    )
    table.add_column("")
    for outcome in result.outcomes:
        table.add_column(outcome.policy, justify="right")
    for row in outcome_rows(result.outcomes):
        cells = (f"[bold green]{cell}[/bold green]" if best else cell for cell, best in zip(row.cells, row.best, strict=True))
        table.add_row(row.label, *cells)
    out.print(table)
    total = result.decided_count
    rungs = ", ".join(f"{name} {count} ({count / total:.1%})" for name, count in result.rungs.items()) if total else "none"
    out.print(f"decisions: {total}; by rung: {rungs}; unanswered: {result.unanswered_count}")
    for label, seconds in (("decision", result.latencies_seconds), ("tick to every service", result.tick_seconds)):
        found = percentiles_milliseconds(seconds)
        out.print(f"{label}: " + ", ".join(f"{name} {value:.1f} ms" for name, value in found.items()))


def _replay_over_own_stack(
    state: Path, port: int, trace_name: str, data: Path | None, trace: Trace, nodes: Sequence[Node], seed: int
) -> ReplayResult:
    running = running_stack(state)
    if running is not None:
        return replay_over_stack(StackAddresses(running.extender_url, running.features_address), trace, nodes, seed=seed)
    ensure_models(state, trace_name, data, seed)
    stack, took = bring_up(state, port)
    err.print(f"Stack ready in {took:.1f} s.")
    try:
        return replay_over_stack(StackAddresses(stack.extender_url, stack.features_address), trace, nodes, seed=seed)
    finally:
        Supervision(stack).stop()


def _played(
    title: str, trace: Trace, nodes: Sequence[Node], policy: Policy, observers: Sequence[ReplayObserver], seed: int
) -> Outcome:
    with progress_bar(f"placing by {title}") as progress:
        return play(
            trace,
            nodes,
            policy,
            observers,
            seed=seed,
            tick_seconds=TICK_SECONDS,
            scrape_delay_seconds=SCRAPE_DELAY_SECONDS,
            progress=progress,
        )


def _counts(samples: Samples, label: str) -> dict[str, int]:
    return {name: round(count) for name, count in total_by(samples, "hydatis_decisions_total", label).items()}
