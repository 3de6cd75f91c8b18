"""`hydatis bench fragmentation`: how much of a cluster's GPUs pods get, beside the published figures of FGD and its peers."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from hydatis_pipelines.whole_files import write_whole
from hydatis_simulator.benchmark.fragmentation.experiment import run_fragmentation
from hydatis_simulator.benchmark.fragmentation.openb import read_nodes, read_workload
from hydatis_simulator.benchmark.fragmentation.policies import POLICIES
from hydatis_simulator.benchmark.fragmentation.protocol import DEMAND_RATIO, SEEDS
from hydatis_simulator.benchmark.fragmentation.published import read_published

from hydatis_cli.console import out, progress_bar
from hydatis_cli.fragmentation_figures import fragmentation_figures, fragmentation_page, fragmentation_tables
from hydatis_cli.stored_figures import store_figures

__all__ = ["fragmentation"]

LISTS = ("default", "cpu250", "gpushare100", "gpuspec33", "multigpu50")
#: A small slice: every so many nodes of the cluster, so many seeds. Published figures are of the whole cluster, so none are beside.
_QUICK_NODES, _QUICK_SEEDS, _QUICK_LISTS = 12, 2, LISTS[:2]


def fragmentation(
    data: Annotated[Path, typer.Option("--data", envvar="HYDATIS_DATA", help="Folder that holds openb/.")],
    json_: Annotated[Path, typer.Option("--json", help="Store the figures in this JSON file.")],
    lists: Annotated[str, typer.Option("--lists", help="Pod lists, separated by commas.")] = ",".join(LISTS),
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="How many seeds, counted from 42.")] = len(SEEDS),
    report: Annotated[Path | None, typer.Option("--report", help="Write a self-contained HTML page.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A twelfth of the cluster, two seeds, two lists.")] = False,
) -> None:
    """Fill a GPU cluster with the pods of openb, one at a time, by six published policies and by ours.

    The protocol is that of Weng et al., USENIX ATC 2023, whose figures stand beside ours.
    Example: hydatis bench fragmentation --data data --json fragmentation.json
    """
    names = list(_QUICK_LISTS) if quick else [name.strip() for name in lists.split(",") if name.strip()]
    chosen = range(SEEDS[0], SEEDS[0] + (_QUICK_SEEDS if quick else seeds))
    nodes = read_nodes(data)[:: _QUICK_NODES if quick else 1]
    workloads = {name: read_workload(data, name) for name in names}
    published = {} if quick else read_published(data)
    with progress_bar("fragmentation") as progress:
        result = run_fragmentation(nodes, workloads, seeds=chosen, progress=progress)
    options = " --quick" if quick else f" --lists {','.join(names)} --seeds {seeds}"
    figures = {
        "command": f"hydatis bench fragmentation --data DATA --json JSON{options}",
        "data": f"openb: {len(nodes)} nodes of nodes_gpu_node, lists {', '.join(names)}",
        "seeds": list(chosen),
        "demand_ratio": DEMAND_RATIO,
        "versions": {name: version(name) for name in ("hydatis-placement", "hydatis-simulator", "numpy")},
        **fragmentation_figures(result, names, list(POLICIES), published),
    }
    store_figures(json_, figures)
    if report is not None:
        write_whole(report, fragmentation_page(figures).encode())
    for table in fragmentation_tables(figures):
        out.print(table)
