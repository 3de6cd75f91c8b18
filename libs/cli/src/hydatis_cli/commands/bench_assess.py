"""`hydatis bench assess`: what assessing a large cluster costs, in time and memory, from a capture that is there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from hydatis_core.errors import DependencyUnavailable

from hydatis_cli.console import err, out
from hydatis_cli.options import SeedOption
from hydatis_cli.stored_figures import storable, store_figures
from hydatis_cli.synthetic_capture import write_synthetic_capture

__all__ = ["assess"]

_MEBIBYTE = 2**20
#: Linux counts the greatest resident size in KiB.
_RESIDENT_UNIT_BYTES = 1024


def assess(
    json_: Annotated[Path | None, typer.Option("--json", help="Store the figures in this JSON file.")] = None,
    pods: Annotated[int, typer.Option("--pods", min=20, max=100_000, help="Pods of the cluster.")] = 20_000,
    nodes: Annotated[int, typer.Option("--nodes", min=1, max=10_000, help="Nodes of the cluster.")] = 1_000,
    days: Annotated[int, typer.Option("--days", min=3, max=92, help="Days of the capture.")] = 30,
    seed: SeedOption = 1,
    scratch: Annotated[Path | None, typer.Option("--scratch", help="Where the capture is written and removed again.")] = None,
) -> None:
    """Measure `hydatis assess --from` on a synthetic capture: seconds, and the greatest memory with mapped files counted in.

    Example: hydatis bench assess --json assess.json
    """
    with tempfile.TemporaryDirectory(prefix="hydatis-assess-", dir=scratch) as folder:
        capture = Path(folder) / "capture"
        began = perf_counter()
        err.print(f"writing a capture of {pods:,} pods, {nodes:,} nodes, {days} days")
        write_synthetic_capture(capture, pods_count=pods, nodes_count=nodes, days=days, seed=seed)
        written = perf_counter() - began
        command = [sys.executable, "-m", "hydatis_cli.main", "assess", "--from", str(capture)]
        command += ["--json", f"{folder}/assess.json", "--report", f"{folder}/assess.html"]
        began = perf_counter()
        one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=one_thread)  # nosec B603  # our own command, no shell
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)  # it was waited for here
        seconds = perf_counter() - began
        if process.returncode:
            raise DependencyUnavailable(f"hydatis assess ended with {process.returncode}", field="assess", expected="0")
        sizes = {name: (Path(folder) / name).stat().st_size / _MEBIBYTE for name in ("assess.json", "assess.html")}
    figures = storable(
        {
            "command": f"hydatis bench assess --pods {pods} --nodes {nodes} --days {days} --seed {seed}",
            "seconds": seconds,
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "most_memory_mebibytes": used.ru_maxrss * _RESIDENT_UNIT_BYTES / _MEBIBYTE,
            "capture_written_seconds": written,
            "json_mebibytes": sizes["assess.json"],
            "report_mebibytes": sizes["assess.html"],
            "cores": os.cpu_count(),
            "versions": {name: version(name) for name in ("hydatis-assessment", "hydatis-simulator", "numpy")},
        }
    )
    if json_ is not None:
        store_figures(json_, figures)
    out.print(
        f"{pods:,} pods, {nodes:,} nodes, {days} days: {seconds:.0f} s, {figures['cpu_seconds']:.0f} s of CPU,"
        f" {figures['most_memory_mebibytes']:,.0f} MiB at most"
    )
