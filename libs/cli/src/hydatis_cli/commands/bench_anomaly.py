"""`hydatis bench anomaly`: detectors against labels, with what their false alarms cost."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from hydatis_anomaly.windows import WINDOW_ROWS
from hydatis_core.errors import InvalidValue
from hydatis_pipelines.whole_files import write_whole
from hydatis_simulator.benchmark.anomaly.machine_run import DEFAULT_RATE, PRECISE_RATE, Progress, run_machines
from hydatis_simulator.benchmark.anomaly.nab_run import run_nab
from hydatis_simulator.labelled import nab
from hydatis_simulator.labelled.asd import ASD
from hydatis_simulator.labelled.machine import LabelledMachine
from hydatis_simulator.labelled.smd import SMD
from hydatis_simulator.labelled.tables import Layout, read_machines

from hydatis_cli.anomaly_report import anomaly_page, anomaly_tables
from hydatis_cli.console import err, out, progress_bar
from hydatis_cli.node_faults import run_nodes
from hydatis_cli.options import SeedOption
from hydatis_cli.stored_figures import storable, store_figures

__all__ = ["anomaly"]

#: Machines, series and rows of --quick.
_QUICK_MACHINES, _QUICK_SERIES, _QUICK_ROWS = 2, 3, 4000
NODES = "nodes"
_FOLDERS = {"smd": "smd", "asd": "asd", "nab": "nab", NODES: "bitbrains"}


def anomaly(
    data: Annotated[
        Path,
        typer.Option(
            "--data", envvar="HYDATIS_DATA", help="Folder of data sets: smd, asd, nab, bitbrains; missing ones are skipped."
        ),
    ],
    json_: Annotated[Path, typer.Option("--json", help="Store the figures in this JSON file.")],
    models: Annotated[
        Path | None, typer.Option("--models", help="Folder of frozen models; without it the detector of nodes is trained first.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a self-contained HTML page.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A small slice of everything.")] = False,
    seed: SeedOption = 1,
) -> None:
    """Measure anomaly detection on labelled machines and on nodes with injected faults, beside simple detectors.

    Labelled machines are fitted on their own training part, thresholds come from training data and past risks only.
    Example: hydatis bench anomaly --data data --json anomaly.json --quick
    """
    present = _present(data)
    sets: dict[str, Any] = {}
    with progress_bar("anomaly") as progress:
        for name in present:
            sets[name] = _run(name, data, models, seed, quick, progress)
    figures = storable(
        {
            "command": "hydatis bench anomaly --data DATA"
            + (" --models MODELS" if models else "")
            + (" --quick" if quick else "")
            + f" --seed {seed}",
            "data": present,
            "seed": seed,
            "quick": quick,
            "versions": {name: version(name) for name in ("hydatis-anomaly", "hydatis-simulator", "numpy", "scikit-learn")},
            "fixed_beforehand": {"false_alarm_rate": DEFAULT_RATE, "precise_rate": PRECISE_RATE, "window_rows": WINDOW_ROWS},
            "sets": sets,
        }
    )
    store_figures(json_, figures)
    if report is not None:
        write_whole(report, anomaly_page(figures).encode())
    for table in anomaly_tables(figures):
        out.print(table)


def _present(data: Path) -> list[str]:
    """The sets that are there; a line about each that is not."""
    try:
        if not data.is_dir():
            raise InvalidValue(f"{data} is no folder", field="--data", expected="a folder of data sets")
        found = {entry.name for entry in data.iterdir()}
    except OSError as error:
        raise InvalidValue(f"{data} cannot be read: {error.strerror}", field="--data", expected="a readable folder") from None
    present = [name for name, folder in _FOLDERS.items() if folder in found]
    for name, folder in _FOLDERS.items():
        if folder not in found:
            err.print(f"{name}: skipped, there is no folder {folder} in {data.name}")
    if not present:
        raise InvalidValue(f"{data} holds none of {', '.join(_FOLDERS.values())}", field="--data", expected="one of these folders")
    return present


def _run(name: str, data: Path, models: Path | None, seed: int, quick: bool, progress: Progress) -> dict[str, Any]:
    def told(done: int, total: int, text: str) -> None:
        progress(done, total, f"{name}: {text}")

    layouts: dict[str, Layout] = {"smd": SMD, "asd": ASD}
    if name in layouts:
        machines = read_machines(data, layouts[name], _QUICK_MACHINES if quick else None)
        return run_machines([_cut(machine) for machine in machines] if quick else machines, seed=seed, progress=told)
    if name == nab.NAME:
        return run_nab(nab.read(data, _QUICK_SERIES if quick else None), nab.read_peers(data), seed=seed, progress=told)
    return run_nodes(data, models, seed=seed, quick=quick, progress=told)


def _cut(machine: LabelledMachine) -> LabelledMachine:
    """The end of the training part and the start of the test part."""
    return replace(
        machine,
        train=machine.train[-_QUICK_ROWS:],
        test=machine.test[:_QUICK_ROWS],
        anomalous=machine.anomalous[:_QUICK_ROWS],
        segments=tuple(segment for segment in machine.segments if segment.end <= _QUICK_ROWS),
    )
