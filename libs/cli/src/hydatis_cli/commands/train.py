"""`hydatis train`: first models from a trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from hydatis_pipelines.effort import EFFORTS
from hydatis_pipelines.local_run import train_all
from hydatis_pipelines.training_report import TrainingReport
from rich.console import Console
from rich.table import Table

from hydatis_cli.console import err, out, progress_bar
from hydatis_cli.options import DEFAULT_STATE, DataOption, JsonOption, SeedOption, StateOption, TraceOption
from hydatis_cli.signed_models import signer_of_state
from hydatis_cli.stack import MODELS
from hydatis_cli.state_folder import StateFolder
from hydatis_cli.workloads import training_workload

__all__ = ["ensure_models", "train"]


#: Figures shown of each model: what it is judged by, with what it has to beat beside it. The manifests hold all of them.
SHOWN: dict[str, tuple[str, ...]] = {
    "cpu-forecaster": ("cpu_accuracy_max_3600s", "cpu_accuracy_persistence_max_3600s", "cpu_coverage_p95_max_3600s"),
    "memory-forecaster": ("memory_accuracy_max_3600s", "memory_accuracy_persistence_max_3600s", "memory_coverage_p95_max_3600s"),
    "anomaly-detector": ("threshold", "flagged_ratio"),
    "placement-policy": tuple(f"{policy}_throttled_core_seconds" for policy in ("hydatis", "greedy", "load", "stock", "random")),
}


def train(
    trace: TraceOption = "synthetic",
    data: DataOption = None,
    state: StateOption = DEFAULT_STATE,
    seed: SeedOption = 1,
    days: Annotated[int | None, typer.Option("--days", min=1, help="How many days of the trace to train on.")] = None,
    effort: Annotated[str, typer.Option("--effort", help=f"{' or '.join(EFFORTS)}: demo takes about a minute.")] = "demo",
    json_: JsonOption = False,
) -> None:
    """Train the four models on a trace, sign them and publish them to the state folder.

    Forecasters of CPU and memory (XGBoost quantiles), anomaly-detector (Isolation Forest), placement-policy (Q-learning in the
    simulator). A running stack takes the new versions by itself. Example: hydatis train --trace bitbrains --data ./traces
    """
    report = _train(state, trace, data, seed, days, effort)
    if json_:
        typer.echo(json.dumps(report.to_json(), indent=2))
        return
    _show(report, trace)


def ensure_models(state: Path, trace: str, data: Path | None, seed: int) -> None:
    """Trains with the least effort when a model is missing; does nothing when all are there."""
    models = StateFolder(state).models
    if any(not (models / model / "CURRENT").exists() for model in MODELS):
        err.print(f"No models in {models}: training first ones on {trace}.")
        _show(_train(state, trace, data, seed, None, "demo"), trace, err)  # the result is the caller's


def _train(state: Path, trace: str, data: Path | None, seed: int, days: int | None, effort: str) -> TrainingReport:
    folder = StateFolder(state)
    folder.create()
    signer = signer_of_state(folder)  # before the minutes of training: a key that cannot be used is said at once
    workload = training_workload(trace, data, seed=seed, days=days)
    with progress_bar("training") as progress:
        return train_all(
            workload.trace,
            workload.nodes,
            folder.models,
            seed=seed,
            progress=progress,
            effort=effort,
            signer=signer,
        )


def _show(report: TrainingReport, trace: str, console: Console = out) -> None:
    table = Table("model", "version", "figure", "value", title=f"trained on {trace} in {report.seconds:.0f} s")
    for model in report.models:
        shown = [name for name in SHOWN.get(model.name, ()) if name in model.metrics]
        for position, name in enumerate(shown):
            first = (model.name, model.version) if position == 0 else ("", "")
            table.add_row(*first, name, f"{model.metrics[name]:.4g}")
    console.print(table)
    err.print("All figures stand in each model's manifest.json; `--json` prints them.")
