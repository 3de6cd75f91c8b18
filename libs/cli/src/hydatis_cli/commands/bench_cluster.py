"""`hydatis bench cluster`: the real kube-scheduler without an extender, with one that answers constants, and with HYDATIS.

The control plane is that of the tests (`tests/cluster`), so the command runs in a checkout of the repository; what it measures is
in `tests/cluster/cluster_bench`.
"""

from __future__ import annotations

import importlib
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from rich.table import Table

from hydatis_cli.commands.train import ensure_models
from hydatis_cli.commands.up import DEFAULT_POLICY, running_stack
from hydatis_cli.console import out, progress_bar
from hydatis_cli.options import DEFAULT_PORT, DEFAULT_STATE, PortOption, SeedOption, StateOption
from hydatis_cli.state_folder import StateFolder
from hydatis_cli.stored_figures import storable, store_figures

__all__ = ["cluster"]

#: Where the measuring is, in a checkout.
PLACE = Path("tests", "cluster")


def cluster(
    state: StateOption = DEFAULT_STATE,
    port: PortOption = DEFAULT_PORT,
    json_: Annotated[Path | None, typer.Option("--json", help="Store the figures in this JSON file.")] = None,
    pods: Annotated[int, typer.Option("--pods", min=50, max=20_000, help="Pods that wait in each run.")] = 1000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=20, help="Rounds of the three configurations; medians count.")] = 3,
    seed: SeedOption = 1,
    quick: Annotated[bool, typer.Option("--quick", help="100 nodes, 100 pods, one round.")] = False,
) -> None:
    """Measure pods a second and CPU a pod of the real kube-scheduler, beside no extender and one that answers constants.

    Builds etcd and Kubernetes from their Go modules at the first time, which takes tens of minutes; needs a checkout of the
    repository, and a stack of its own that it starts and stops. Example: hydatis bench cluster --json cluster.json
    """
    if running_stack(state) is not None:
        raise InvalidValue(
            f"a stack runs in {state}", field="--state", expected="a stopped stack, or another folder: the bench fills it"
        )
    sys.path.insert(0, str(_checkout() / PLACE))
    measure = importlib.import_module("cluster_bench.run").measure
    ensure_models(state, "synthetic", None, seed)
    policy_file = StateFolder(state).policy_file
    if not policy_file.exists():
        policy_file.write_text(DEFAULT_POLICY)
    sizes, waiting, times, filled = ((100,), 100, 1, 0) if quick else ((1000, 5000), pods, rounds, 50_000)
    try:
        with progress_bar("cluster") as progress, tempfile.TemporaryDirectory(prefix="hydatis-bench-") as folder:
            found = measure(Path(folder), state, port, sizes, waiting, times, filled, progress)
    except AssertionError as failure:  # how the control plane of the tests says what did not happen
        raise DependencyUnavailable(str(failure), field="control plane", expected="a machine that runs one") from failure
    figures = {
        "command": "hydatis bench cluster " + ("--quick" if quick else f"--pods {pods} --rounds {rounds} --seed {seed}"),
        "pods": waiting,
        "machine": {"cores": psutil.cpu_count(), "python": platform.python_version()},
        "versions": {name: version(name) for name in ("hydatis-cli", "hydatis-scheduler-plugin", "aiohttp", "grpcio")},
    } | found
    if json_ is not None:
        store_figures(json_, storable(figures))
    _show(figures)


def _checkout() -> Path:
    """The checkout that this runs in, or comes from."""
    for folder in (Path.cwd(), *Path.cwd().parents, *Path(__file__).resolve().parents):
        if (folder / PLACE / "cluster_bench").is_dir():
            return folder
    raise InvalidValue(
        f"no {PLACE} here", field="working folder", expected="a checkout of the repository, whose control plane is measured on"
    )


def _show(figures: dict[str, Any]) -> None:
    for nodes, size in figures["sizes"].items():
        configurations = {name: one for name, one in size.items() if "pods_per_second" in one}
        table = Table("", *configurations, title=f"{figures['pods']} pods on {nodes} nodes, Kubernetes {figures['kubernetes']}")
        table.add_row("pods/s", *(f"{one['pods_per_second']:.0f}" for one in configurations.values()))
        for process in dict.fromkeys(name for one in configurations.values() for name in one["cpu_ms_per_pod"]):
            spent = (one["cpu_ms_per_pod"].get(process) for one in configurations.values())
            table.add_row(f"CPU ms a pod, {process}", *("" if one is None else f"{one:.2f}" for one in spent))
        out.print(table)
        full, decided = (
            sum(one["rungs"].get("full", 0) for one in size["HYDATIS"]["rounds"]),
            sum(sum(one["rungs"].values()) for one in size["HYDATIS"]["rounds"]),
        )
        out.print(f"HYDATIS / constant extender: {size['ratio_to_constant']['median']:.2f}; full rung {full:.0f} of {decided:.0f}")
        out.print("the shim dies: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in size["outage_seconds"].items()))
    if "memory" in figures:
        memory = figures["memory"]
        sizes = ", ".join(f"{name} {mib:.0f}" for name, mib in memory["memory_mib"].items())
        out.print(
            f"{memory['nodes']} nodes, {memory['pods']} pods: ready after {memory['ready_seconds']:.1f} s; memory in MiB: {sizes}"
        )
