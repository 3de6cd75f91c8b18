"""`hydatis bench tls`: what mutual TLS costs a decision, on two whole stacks that take turns."""

from __future__ import annotations

import json
import platform
import shlex
import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import psutil
import typer
from hydatis_core.errors import InvalidValue
from hydatis_core.seeds import generator
from rich.table import Table

from hydatis_cli.bench_cluster import BenchCluster
from hydatis_cli.commands.train import ensure_models
from hydatis_cli.commands.up import bring_up, running_stack
from hydatis_cli.console import out, progress_bar
from hydatis_cli.extender_client import ExtenderClient
from hydatis_cli.latency_bench import BLOCK_COUNT, BLOCKS_PER_TICK, FIRST_TICKS, timed_block
from hydatis_cli.options import DEFAULT_PORT, DEFAULT_STATE, JsonOption, PortOption, SeedOption, StateOption
from hydatis_cli.own_certificate import VARIABLE, folder_of_environment
from hydatis_cli.process_figures import ProcessFigures
from hydatis_cli.replay_result import percentiles_milliseconds
from hydatis_cli.stack import Stack
from hydatis_cli.state_folder import StateFolder
from hydatis_cli.stored_figures import storable, store_figures
from hydatis_cli.supervision import Supervision

__all__ = ["tls"]

#: Between the ports of the two stacks.
PORTS_APART = 500
CONNECTS_COUNT = 50


class _Side:
    """One of the two stacks, and what was measured on it; seconds."""

    def __init__(self, stack: Stack, node_count: int, seed: int) -> None:
        self.stack = stack
        self.cluster = BenchCluster(stack, node_count, generator(seed, "bench/tls"))
        self.client = ExtenderClient(stack.extender_url, timeout_seconds=5)
        self.figures = ProcessFigures(stack)
        self.blocks: list[list[float]] = []
        for _ in range(FIRST_TICKS):
            self.cluster.tick()

    def measure(self, candidates: int) -> None:
        """One block of decisions."""
        requests = self.cluster.requests(BLOCK_COUNT, candidates)
        self.figures.begin()
        self.blocks.append(timed_block(self.client, requests))
        self.figures.end()
        self.cluster.come_and_go(requests)

    def connect(self) -> float:
        """Seconds until a new connection has brought its first answer."""
        client = ExtenderClient(self.stack.extender_url, timeout_seconds=5)
        begin = time.perf_counter()
        client.get_json("/state", timeout_seconds=5)
        taken = time.perf_counter() - begin
        client.close()
        return taken

    def close(self) -> None:
        """Closes the connections."""
        self.client.close()
        self.cluster.close()


def tls(
    state: StateOption = DEFAULT_STATE,
    port: PortOption = DEFAULT_PORT,
    nodes: Annotated[int, typer.Option("--nodes", min=100, max=20000, help="Nodes of the cluster.")] = 1000,
    candidates: Annotated[int, typer.Option("--candidates", min=1, help="Candidate nodes of a pod.")] = 500,
    decisions: Annotated[int, typer.Option("--decisions", min=50, help="Decisions to measure on each stack.")] = 1000,
    seed: SeedOption = 1,
    output: Annotated[Path | None, typer.Option("--output", help="Store the figures in this JSON file.")] = None,
    json_: JsonOption = False,
) -> None:
    """Measure /filter + /prioritize on a stack in the clear and on one with mutual TLS, in turns.

    HYDATIS_TLS_DIR names a folder with tls.crt, tls.key and ca.crt, good for 127.0.0.1.
    """
    if folder_of_environment() is None:
        raise InvalidValue("not set", field=VARIABLE, expected="a folder with tls.crt, tls.key and ca.crt")
    if running_stack(state) is not None:
        raise InvalidValue(f"a stack runs in {state}", field="--state", expected="a stopped stack, or another folder")
    if candidates > nodes:
        raise InvalidValue(f"{candidates} of {nodes} nodes", field="--candidates", expected="no more than --nodes")
    ensure_models(state, "synthetic", None, seed)
    beside = state / "over-tls"
    shutil.copytree(StateFolder(state).models, StateFolder(beside).models, dirs_exist_ok=True)
    with ExitStack() as ends:
        for folder in (state, beside):
            ends.callback(_stop, folder)
        clear = bring_up(state, port, over_tls=False)[0]
        secure = bring_up(beside, port + PORTS_APART)[0]
        figures = storable(_figures([_Side(stack, nodes, seed) for stack in (clear, secure)], nodes, candidates, decisions))
    if output is not None:
        store_figures(output, figures)
    if json_:
        typer.echo(json.dumps(figures, indent=2))
    else:
        _show(figures)


def _stop(state: Path) -> None:
    if (left := running_stack(state)) is not None:
        Supervision(left).stop()


def _figures(sides: list[_Side], nodes: int, candidates: int, decisions: int) -> dict[str, Any]:
    clear, secure = sides
    blocks_count = max(1, decisions // BLOCK_COUNT)
    with progress_bar("measuring") as progress:
        for block in range(-1, blocks_count):
            for side in sides if block % 2 else sides[::-1]:  # neither is always the one that comes after a tick
                if block % BLOCKS_PER_TICK == 0:
                    side.cluster.tick()
                side.measure(candidates)
            progress(max(block + 1, 0), blocks_count, "blocks")
    for side in sides:
        del side.blocks[0]  # warms up connections, caches, first allocations
    connects = {name: [side.connect() for _ in range(CONNECTS_COUNT)] for name, side in zip(("clear", "tls"), sides, strict=True)}
    ratios = [median(with_) / median(without) for without, with_ in zip(clear.blocks, secure.blocks, strict=True)]
    for side in sides:
        side.close()
    return {
        "command": shlex.join(["hydatis", *sys.argv[1:]]),
        "machine": {"cores": psutil.cpu_count(), "python": platform.python_version(), "load_average": psutil.getloadavg()},
        "nodes": nodes,
        "candidates": candidates,
        "decisions": blocks_count * BLOCK_COUNT,
        "clear_milliseconds": percentiles_milliseconds([second for block in clear.blocks for second in block]),
        "tls_milliseconds": percentiles_milliseconds([second for block in secure.blocks for second in block]),
        # Of each block with the other stack's block beside it: what else the machine does weighs on both alike.
        "block_p50_tls_over_clear": {"min": min(ratios), "median": median(ratios), "max": max(ratios)},
        "first_answer_milliseconds": {name: percentiles_milliseconds(taken) for name, taken in connects.items()},
        "rungs": {"clear": clear.figures.rungs, "tls": secure.figures.rungs},
    }


def _show(figures: dict[str, Any]) -> None:
    table = Table("", "p50 ms", "p90 ms", "p99 ms", "first answer of a connection, ms", title=f"{figures['candidates']} candidates")
    for name, shown in (("clear", "in the clear"), ("tls", "mutual TLS")):
        values, first = figures[f"{name}_milliseconds"], figures["first_answer_milliseconds"][name]
        table.add_row(shown, *(f"{values[key]:.2f}" for key in ("p50", "p90", "p99")), f"{first['p50']:.1f}")
    out.print(table)
    ratio = figures["block_p50_tls_over_clear"]
    out.print(f"p50 with TLS over p50 without, block by block: {ratio['min']:.2f} .. {ratio['median']:.2f} .. {ratio['max']:.2f}")
