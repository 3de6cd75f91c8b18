"""`hydatis demo`: from nothing to a report, on one machine, in minutes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from hydatis_cli.commands.replay import StackAddresses, replay_over_stack, show
from hydatis_cli.commands.train import ensure_models
from hydatis_cli.commands.up import bring_up, running_stack
from hydatis_cli.console import err
from hydatis_cli.options import (
    DEFAULT_PORT,
    DEFAULT_STATE,
    DataOption,
    JsonOption,
    PortOption,
    SeedOption,
    StateOption,
    TraceOption,
)
from hydatis_cli.report import write_report
from hydatis_cli.supervision import Supervision
from hydatis_cli.workloads import evaluation_workload

__all__ = ["demo"]


def demo(
    trace: TraceOption = "synthetic",
    data: DataOption = None,
    state: StateOption = DEFAULT_STATE,
    port: PortOption = DEFAULT_PORT,
    seed: SeedOption = 1,
    report: Annotated[Path, typer.Option("--report", help="Where the page with plots is written.")] = Path("report.html"),
    keep_up: Annotated[bool, typer.Option("--keep-up", help="Leave the stack running afterwards.")] = False,
    json_: JsonOption = False,
) -> None:
    """Train first models, start the whole stack, place the pods of a trace, and write report.html.

    Needs no Docker, no Kubernetes and no root; everything listens on loopback. Without --data the pods come from a seeded
    generator whose parameters are published statistics of real traces.
    """
    begin = time.monotonic()
    ensure_models(state, trace, data, seed)
    stack, started = running_stack(state), None
    if stack is None:
        stack, took = bring_up(state, port)
        started = Supervision(stack)
        err.print(f"Stack of {len(stack.processes())} processes ready in {took:.1f} s: {stack.extender_url}")
    try:
        workload = evaluation_workload(trace, data, seed=seed)
        addresses = StackAddresses(stack.extender_url, stack.features_address)
        result = replay_over_stack(addresses, workload.trace, workload.nodes, seed=seed)
    finally:
        if started is not None and not keep_up:
            started.stop()
    write_report(result, report)
    if json_:
        typer.echo(result.to_json())
    else:
        show(result)
    err.print(f"Done in {time.monotonic() - begin:.0f} s. Report: {report.resolve()}")
