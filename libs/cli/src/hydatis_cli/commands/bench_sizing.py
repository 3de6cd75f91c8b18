"""`hydatis bench sizing`: what right-sized requests save and what they cost, beside the published recommenders."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from hydatis_core.errors import TraceRefused
from hydatis_pipelines.whole_files import write_whole
from hydatis_simulator.arena.day_shift import fleet_of_copies
from hydatis_simulator.benchmark.placement.bounds import request_nodes
from hydatis_simulator.benchmark.placement.cells import TEST
from hydatis_simulator.benchmark.placement.months import HISTORY_DAYS, MACHINES, TRACE, read_months
from hydatis_simulator.benchmark.placement.protocol import Protocol
from hydatis_simulator.benchmark.placement.tasks import ALLOWED
from hydatis_simulator.benchmark.sizing.contenders import contenders
from hydatis_simulator.benchmark.sizing.days import days_of_trace
from hydatis_simulator.benchmark.sizing.expected import expected_and_seen
from hydatis_simulator.benchmark.sizing.nodes import nodes_of, sized
from hydatis_simulator.peers.registry import PEERS
from hydatis_simulator.traces.registry import read_trace
from hydatis_sizing.backtest import backtest

from hydatis_cli.console import out, progress_bar
from hydatis_cli.sizing_figures import sizing_page, sizing_tables
from hydatis_cli.stored_figures import storable, store_figures

__all__ = ["sizing"]

#: Days before the first that is judged: what ours looks back on.
_PAST_DAYS = 14
#: Placed with the requests that owners made, which do not bind, for comparison.
_UNSIZED = ("least-allocated", "gpa-lowest")
#: What kube-scheduler's NodeResourcesFit scores by, as it comes and as it is set to pack; both place by requests alone.
_STOCK = ("least-allocated", "most-allocated")
_QUICK_DAYS, _QUICK_PODS = 17, 200

Counts = list[dict[str, int | None]]


def sizing(
    data: Annotated[Path, typer.Option("--data", envvar="HYDATIS_DATA", help="Folder that holds bitbrains/.")],
    json_: Annotated[Path, typer.Option("--json", help="Store the figures in this JSON file.")],
    report: Annotated[Path | None, typer.Option("--report", help="Write a self-contained HTML page.")] = None,
    pods: Annotated[int, typer.Option("--pods", min=20, help="Pods of a fleet.")] = 2000,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Fleets.")] = 5,
    quick: Annotated[bool, typer.Option("--quick", help="A few days, one small fleet: a slice, no result.")] = False,
) -> None:
    """Size the pods of a trace every midnight, replay the day that follows, and count nodes under the stock scheduler.

    Machines are those that nothing was tuned on. Example: hydatis bench sizing --data data --json sizing.json --quick
    """
    pods, seeds = (_QUICK_PODS, 1) if quick else (pods, seeds)
    node = Protocol().node
    methods = contenders()
    trace = read_trace(
        TRACE, data, seed=1, machine_share=MACHINES[TEST], arrival_window_seconds=0.0, days=_QUICK_DAYS if quick else None
    )
    use = days_of_trace(trace)
    if use.days_count <= _PAST_DAYS:
        raise TraceRefused(f"{TRACE} has {use.days_count} days", field="timestamp_s", expected=f"more than {_PAST_DAYS}")
    months = read_months(data)
    outcomes: dict[str, Any] = {}
    nodes: dict[str, dict[str, Counts]] = {}
    unsized: dict[str, Counts] = {}
    bounds: list[int] = []
    with progress_bar("sizing") as progress:
        for done, contender in enumerate(methods):
            progress(done, len(methods) + seeds, contender.name)
            outcomes[contender.name] = asdict(backtest(use, contender.method, history_days=_PAST_DAYS))
        for number in range(seeds):
            progress(len(methods) + number, len(methods) + seeds, f"nodes of fleet {number + 1}")
            fleet = fleet_of_copies(months.traces[TEST], pods_count=pods, seed=number + 1, history_days=HISTORY_DAYS)
            bounds.append(request_nodes(fleet, node))
            for name in _UNSIZED:
                needed = nodes_of(fleet, node, PEERS[name], ALLOWED, seed=number + 1, requests_bind=False)
                unsized.setdefault(name, []).append(_by_text(needed))
            for contender in methods:
                smaller = sized(fleet, contender.method)
                for name in _STOCK:
                    needed = nodes_of(smaller, node, PEERS[name], ALLOWED, seed=number + 1, requests_bind=True)
                    nodes.setdefault(contender.name, {}).setdefault(name, []).append(_by_text(needed))
    options = f" --pods {pods} --seeds {seeds}" + (" --quick" if quick else "")
    figures = {
        "command": f"hydatis bench sizing --data DATA --json JSON{options}",
        "data": {
            "trace": TRACE,
            "machines": len({pod.pod.workload for pod in trace.pods}),
            "days": use.days_count,
            "judged_from_day": _PAST_DAYS,
            "fleet_first_day": months.first_days[TEST],
            "digest": trace.digest(),
        },
        "seeds": list(range(1, seeds + 1)),
        "pods": pods,
        "node": {"cpu_cores": node[0], "memory_gib": node[1] / 2**30},
        "versions": {name: version(name) for name in ("hydatis-sizing", "hydatis-simulator", "numpy")},
        "methods": {
            contender.name: {
                "family": contender.family,
                "is_default": contender.is_default,
                "backtest": outcomes[contender.name],
                "nodes": nodes[contender.name],
            }
            for contender in methods
        },
        "expected": {risk: [asdict(one) for one in bins] for risk, bins in expected_and_seen(use, _PAST_DAYS).items()},
        "unsized_nodes": unsized,
        "owners_requests_bound_nodes": bounds,
    }
    figures = storable(figures)
    store_figures(json_, figures)
    if report is not None:
        write_whole(report, sizing_page(figures).encode())
    for table in sizing_tables(figures):
        out.print(table)


def _by_text(needed: dict[float, int | None]) -> dict[str, int | None]:
    return {str(ratio): nodes for ratio, nodes in needed.items()}
