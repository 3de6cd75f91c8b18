"""`hydatis bench features`: what reading features costs, from the service that decides by them and from Feast beside it."""

from __future__ import annotations

import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.table import Table

from hydatis_cli.console import err, out, progress_bar
from hydatis_cli.options import JsonOption, SeedOption
from hydatis_cli.replay_result import percentiles_milliseconds
from hydatis_cli.stored_figures import storable, store_figures

__all__ = ["features"]

#: Milliseconds from the call to the matrix in the reader's hand: of 1,000 nodes, and of 5,000.
PROMISED_1000, PROMISED_5000 = 5.0, 50.0


def features(
    reads: Annotated[int, typer.Option("--reads", min=10, help="Reads of each kind from feature-service.")] = 500,
    seed: SeedOption = 1,
    output: Annotated[Path | None, typer.Option("--output", help="Store the figures in this JSON file.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer nodes and reads.")] = False,
    json_: JsonOption = False,
) -> None:
    """Measure reading all features of 1,000 and 5,000 nodes from a real feature-service, Feast's online stores and joins beside it.

    Starts a feature-service, and a redis-server where one is installed, and stops them again.
    Example: hydatis bench features --output features.json
    """
    from hydatis_cli.features_bench import measure_join, measure_online, measure_served
    from hydatis_cli.single_process import own_feature_service, own_redis

    counts = (200,) if quick else (1000, 5000)
    online_counts = (20,) if quick else (100, 500)
    reads = min(reads, 20) if quick else reads
    served, online = [], []
    with tempfile.TemporaryDirectory(prefix="hydatis-bench-") as scratch, progress_bar("features") as progress:
        folder = Path(scratch)
        with own_feature_service(folder / "service") as (address, pid):
            for count in counts:
                run, table = measure_served(address, pid, count, reads, seed, progress)
                served.append(run)
        online.append(measure_online(folder / "sqlite", "sqlite", table, online_counts, 10, progress))
        with own_redis(folder / "redis") as url:
            if url is None:
                err.print("redis-server is not installed: Feast is measured on SQLite alone")
            else:
                online.append(measure_online(folder / "feast-redis", url, table, online_counts, 10, progress))
        join = measure_join(folder / "join", 20 if quick else 100, 20 if quick else 400, 54, seed)
    figures = storable(
        {
            "command": "hydatis bench features" + (" --quick" if quick else f" --reads {reads}") + f" --seed {seed}",
            "machine": {"cores": psutil.cpu_count(), "python": platform.python_version(), "load_average": psutil.getloadavg()},
            "versions": {name: version(name) for name in ("hydatis-feature-service", "feast", "duckdb", "grpcio", "numpy")},
            "served": [
                {
                    "nodes": run.node_count,
                    "columns": run.column_count,
                    "reads": len(run.all_nodes),
                    "all_nodes_milliseconds": percentiles_milliseconds(run.all_nodes),
                    "named_nodes": min(1000, run.node_count),
                    "named_nodes_milliseconds": percentiles_milliseconds(run.named_nodes),
                    "tick_to_rows_milliseconds": percentiles_milliseconds(run.tick_to_rows),
                    "cpu_milliseconds": {kind: seconds * 1000 for kind, seconds in run.cpu_seconds.items()},
                }
                for run in served
            ],
            "feast_online": [
                {
                    "store": run.store,
                    "push_milliseconds_per_node": run.push_seconds * 1000 / max(online_counts),
                    "read_milliseconds": {str(count): percentiles_milliseconds(taken) for count, taken in run.reads.items()},
                }
                for run in online
            ],
            "training_join": {"rows": join.rows_count, "columns": join.columns_count, "seconds": join.seconds},
            "promised_milliseconds": {"1000": PROMISED_1000, "5000": PROMISED_5000},
        }
    )
    if output is not None:
        store_figures(output, figures)
    if json_:
        typer.echo(json.dumps(figures, indent=2))
    else:
        _show(figures)


def _show(figures: dict[str, Any]) -> None:
    columns = figures["served"][0]["columns"]
    table = Table("read", "nodes", "p50 ms", "p90 ms", "p99 ms", "CPU ms", title=f"all {columns} features, bit-equal")
    rows = []
    for run in figures["served"]:
        nodes, cpu = f"{run['nodes']:,}", {kind: f"{value:.2f}" for kind, value in run["cpu_milliseconds"].items()}
        rows.append(("gRPC, whole table", nodes, run["all_nodes_milliseconds"], cpu["all_nodes"]))
        rows.append((f"gRPC, by name, of {nodes}", f"{run['named_nodes']:,}", run["named_nodes_milliseconds"], cpu["named_nodes"]))
        rows.append(("a whole tick, then read", nodes, run["tick_to_rows_milliseconds"], ""))
    for run in figures["feast_online"]:
        rows += [(f"Feast online, {run['store']}", count, taken, "") for count, taken in run["read_milliseconds"].items()]
    for name, nodes, taken, used in rows:
        table.add_row(name, nodes, *(f"{taken[key]:.2f}" for key in ("p50", "p90", "p99")), used)
    out.print(table)
    for run in figures["feast_online"]:
        out.print(f"Feast push, {run['store']}: {run['push_milliseconds_per_node']:.2f} ms a node")
    join = figures["training_join"]
    out.print(f"Feast point-in-time join: {join['rows']:,} rows x {join['columns']} columns in {join['seconds']:.2f} s")
