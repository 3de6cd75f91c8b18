"""`hydatis bench simulator`: placements per second of vectorised policies in the arena, on a cluster of a thousand nodes."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Annotated

import numpy as np
import typer
from hydatis_simulator.arena.day_shift import fleet_of_copies
from hydatis_simulator.arena.run import place
from hydatis_simulator.arena_policy.greedy import HydatisGreedy
from hydatis_simulator.peers.registry import PEERS
from rich.table import Table

from hydatis_cli.console import out, progress_bar
from hydatis_cli.options import SeedOption
from hydatis_cli.stored_figures import store_figures
from hydatis_cli.workloads import evaluation_workload

__all__ = ["simulator"]

_NODE = np.array([16.0, 64.0 * 2**30])
_PEERS = ("random", "least-allocated", "balanced-allocation", "best-fit", "trimaran-load-variation-risk-balancing")


def simulator(
    json_: Annotated[Path | None, typer.Option("--json", help="Store the figures in this JSON file.")] = None,
    seed: SeedOption = 1,
    nodes: Annotated[int, typer.Option("--nodes", min=1, max=100_000, help="Nodes of the cluster.")] = 1000,
    pods: Annotated[int, typer.Option("--pods", min=1, max=100_000, help="Pods to place.")] = 3000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=100, help="Runs of each policy; the fastest counts.")] = 5,
) -> None:
    """Measure how many pods a second the simulator places on 1,000 nodes, by policy, on a seeded workload.

    One thread, every node scored for every pod. Example: hydatis bench simulator --json simulator.json
    """
    trace = evaluation_workload("synthetic", None, seed=seed, pod_count=pods, node_count=nodes, days=3).trace
    fleet = fleet_of_copies(trace, pods_count=pods, seed=seed, history_days=1)
    allocatable = np.tile(_NODE[:, None], nodes)
    makers = {name: PEERS[name].make for name in _PEERS} | {"hydatis-greedy": HydatisGreedy}
    fastest: dict[str, float] = dict.fromkeys(makers, 0.0)
    with progress_bar("simulator") as progress:
        for number in range(rounds):
            for name, make in makers.items():
                began = perf_counter()
                place(fleet, allocatable, make(), seed=seed, requests_bind=False)
                fastest[name] = max(fastest[name], pods / (perf_counter() - began))
            progress(number + 1, rounds, f"round {number + 1}")
    figures = {
        "command": f"hydatis bench simulator --seed {seed} --nodes {nodes} --pods {pods} --rounds {rounds}",
        "placements_per_second": {name: round(value) for name, value in fastest.items()},
        "versions": {name: version(name) for name in ("hydatis-simulator", "numpy")},
    }
    if json_ is not None:
        store_figures(json_, figures)
    table = Table("policy", "placements a second", title=f"{pods} pods on {nodes} nodes")
    for name, value in fastest.items():
        table.add_row(name, f"{value:,.0f}")
    out.print(table)
