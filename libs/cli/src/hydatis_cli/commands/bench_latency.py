"""`hydatis bench latency`: the decision path, measured on the whole stack beside its floor."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import psutil
import typer
from hydatis_core.errors import InvalidValue
from rich.table import Table

from hydatis_cli.commands.train import ensure_models
from hydatis_cli.commands.up import bring_up, running_stack
from hydatis_cli.console import out, progress_bar
from hydatis_cli.latency_bench import CandidateRun, LatencyRun, measure_latency
from hydatis_cli.options import DEFAULT_PORT, DEFAULT_STATE, JsonOption, PortOption, SeedOption, StateOption
from hydatis_cli.replay_result import percentiles_milliseconds
from hydatis_cli.stored_figures import storable, store_figures
from hydatis_cli.supervision import Supervision

__all__ = ["latency"]


def latency(
    state: StateOption = DEFAULT_STATE,
    port: PortOption = DEFAULT_PORT,
    nodes: Annotated[int, typer.Option("--nodes", min=100, max=20000, help="Nodes of the cluster.")] = 5000,
    decisions: Annotated[
        int, typer.Option("--decisions", min=50, help="Decisions to measure at 500 candidates; a quarter at others.")
    ] = 2000,
    seed: SeedOption = 1,
    output: Annotated[Path | None, typer.Option("--output", help="Store the figures in this JSON file.")] = None,
    json_: JsonOption = False,
) -> None:
    """Measure /filter + /prioritize of one pod on the whole stack, beside an extender that answers constants.

    Starts a stack of its own (training first models if there are none) and stops it again.
    Example: hydatis bench latency --output latency.json
    """
    if running_stack(state) is not None:
        raise InvalidValue(
            f"a stack runs in {state}", field="--state", expected="a stopped stack, or another folder: the bench fills it"
        )
    ensure_models(state, "synthetic", None, seed)
    candidates = [count for count in (100, 500, 5000) if count <= nodes]
    wanted = {count: decisions if count == 500 else max(100, decisions // 4) for count in candidates}
    stack, ready_seconds = bring_up(state, port)
    try:
        with progress_bar("measuring") as progress:
            run = measure_latency(stack, node_count=nodes, candidates=candidates, decisions=wanted, seed=seed, progress=progress)
    finally:
        Supervision(stack).stop()
    figures = storable(_figures(run, ready_seconds))
    if output is not None:
        store_figures(output, figures)
    if json_:
        typer.echo(json.dumps(figures, indent=2))
    else:
        _show(figures)


def _figures(run: LatencyRun, ready_seconds: float) -> dict[str, Any]:
    return {
        "command": shlex.join(["hydatis", *sys.argv[1:]]),
        "machine": {"cores": psutil.cpu_count(), "python": platform.python_version(), "load_average": psutil.getloadavg()},
        "nodes": run.node_count,
        "ready_seconds": ready_seconds,
        "candidates": {str(count): _candidate_figures(part) for count, part in run.candidates.items()},
        "table_publish_milliseconds": percentiles_milliseconds(run.table_publish),
        "table_everywhere_milliseconds": percentiles_milliseconds(run.table_everywhere),
        "bind_visible_milliseconds": percentiles_milliseconds(run.bind_visible),
        "memory_mib": {name: size / 2**20 for name, size in run.memory_bytes.items()},
        "memory_total_mib": sum(run.memory_bytes.values()) / 2**20,
    }


def _candidate_figures(part: CandidateRun) -> dict[str, Any]:
    floor, stack = (
        percentiles_milliseconds([second for block in blocks for second in block]) for blocks in (part.floor, part.stack)
    )
    ratios = [median(ours) / median(flat) for ours, flat in zip(part.stack, part.floor, strict=True)]
    decisions = sum(map(len, part.stack))
    return {
        "decisions": decisions,
        "floor_milliseconds": floor,
        "hydatis_milliseconds": stack,
        "p50_over_floor": stack["p50"] / floor["p50"],
        # Of each block with the floor's block before it: what else the machine does weighs on both alike.
        "block_p50_over_floor": {"min": min(ratios), "median": median(ratios), "max": max(ratios)},
        "rungs": part.figures.rungs,
        "cpu_milliseconds_per_decision": {name: seconds / decisions * 1000 for name, seconds in part.figures.cpu_seconds.items()},
        "stage_mean_milliseconds": {
            stage: seconds / max(count, 1.0) * 1000 for stage, (seconds, count) in part.figures.stage_seconds.items()
        },
    }


def _show(figures: dict[str, Any]) -> None:
    table = Table("candidates", "", "p50 ms", "p90 ms", "p99 ms", "p50 / floor", "full rung", title=f"{figures['nodes']} nodes")
    for count, row in figures["candidates"].items():
        total = sum(row["rungs"].values())
        full = f"{row['rungs'].get('full', 0) / total:.1%}" if total else "-"
        for name, key, extra in (
            ("floor", "floor_milliseconds", ("", "")),
            ("hydatis", "hydatis_milliseconds", (f"{row['p50_over_floor']:.1f}", full)),
        ):
            values = row[key]
            table.add_row(
                count if name == "floor" else "",
                name,
                f"{values['p50']:.2f}",
                f"{values['p90']:.2f}",
                f"{values['p99']:.2f}",
                *extra,
            )
    out.print(table)
    for count, row in figures["candidates"].items():
        parts = Table("stage", "mean ms", title=f"where the time goes, {count} candidates (a stage holds those it waits for)")
        for name, value in row["stage_mean_milliseconds"].items():
            parts.add_row(name, f"{value:.2f}")
        for name, value in row["cpu_milliseconds_per_decision"].items():
            parts.add_row(f"CPU of {name}", f"{value:.2f}")
        out.print(parts)
    for title, key in (
        ("node table published", "table_publish_milliseconds"),
        ("and in every service", "table_everywhere_milliseconds"),
        ("bind visible", "bind_visible_milliseconds"),
    ):
        out.print(f"{title}: " + ", ".join(f"{name} {value:.1f} ms" for name, value in figures[key].items()))
    memory = ", ".join(f"{name} {value:.0f}" for name, value in figures["memory_mib"].items())
    out.print(f"ready in {figures['ready_seconds']:.1f} s; memory MiB: {memory}; {figures['memory_total_mib']:.0f} in all")
