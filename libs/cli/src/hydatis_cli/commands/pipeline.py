"""`hydatis pipeline`: from raw data to signed, registered models, here or in a cluster."""

from __future__ import annotations

import json
import secrets
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from hydatis_pipelines.effort import EFFORTS
from hydatis_pipelines.kubeflow.local_pipeline import read_report, run_pipeline
from hydatis_pipelines.plan_step import read_drift
from hydatis_pipelines.retraining_trigger import triggered
from hydatis_pipelines.run_folder import RunFolder, home_of
from hydatis_pipelines.whole_files import write_whole

from hydatis_cli.console import EXIT_OPERATIONAL, err, out
from hydatis_cli.options import DEFAULT_STATE, DataOption, JsonOption, SeedOption, StateOption, TokenFileOption, read_token
from hydatis_cli.pipeline_tables import StepLines, run_table, runs_table

__all__ = ["pipeline_app"]

pipeline_app = typer.Typer(help="From raw data to signed, registered models, here or in a cluster.", no_args_is_help=True)

PipelineOption = Annotated[str, typer.Option("--pipeline", help="training, or retraining (with --drift).")]
DriftOption = Annotated[Path | None, typer.Option("--drift", help="Drift report (JSON); what it calls for is done, and no more.")]
PublishedTraceOption = Annotated[str, typer.Option("--trace", help="bitbrains, planetlab or alibaba_2018.")]
EffortOption = Annotated[str, typer.Option("--effort", help=f"{' or '.join(EFFORTS)}: how much work, and how much it is worth.")]
AcceptOption = Annotated[
    str | None,
    typer.Option(
        "--accept", help="better: only a better model replaces a champion; not_worse: also one as good. By default by pipeline."
    ),
]
DaysOption = Annotated[int | None, typer.Option("--days", min=1, help="Days of the trace to train on.")]
PodsOption = Annotated[int | None, typer.Option("--pods", min=1, help="Pods side by side.")]


@pipeline_app.command()
def run(
    pipeline: PipelineOption = "training",
    trace: PublishedTraceOption = "bitbrains",
    data: DataOption = None,
    state: StateOption = DEFAULT_STATE,
    drift: DriftOption = None,
    effort: EffortOption = "demo",
    days: DaysOption = None,
    start_day: Annotated[int | None, typer.Option("--start-day", min=0, help="First of them.")] = None,
    pods: PodsOption = None,
    accept: AcceptOption = None,
    thresholds: Annotated[Path | None, typer.Option("--thresholds", help="YAML file with quality gates.")] = None,
    seed: SeedOption = 1,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of a training step.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Retrain although it was retrained for this drift just now.")] = False,
    json_: JsonOption = False,
) -> None:
    """Run a pipeline on this machine: register data, check it, train, judge, sign and register.

    A step whose inputs did not change is restored, not run again; so after a failure, or Ctrl-C, the same command goes on where it
    was. Exit code 1 when a step failed or a quality gate stopped the run: the report says which and why.
    Examples: hydatis pipeline run --data ./traces; hydatis pipeline run --pipeline retraining --drift drift.json --data ./traces
    """
    if data is None:
        raise InvalidValue("raw data are read from a folder", field="--data", expected=f"the folder that holds {trace}/")
    given: dict[str, Any] = {"trace": trace, "data": str(data.resolve()), "effort": effort, "seed": seed, "threads": threads}
    given |= {"days": days or 0, "pods": pods or 0, "start_day": -1 if start_day is None else start_day}
    given |= {"thresholds": "" if thresholds is None else str(thresholds.resolve())} | _accept(accept)
    given |= _drift(pipeline, drift)
    folder = RunFolder(state, _run_name())
    lock = nullcontext() if drift is None else triggered(home_of(state), read_drift(drift), time.time(), force=force)
    with lock, StepLines() as lines:
        report = run_pipeline(pipeline, given, folder, started_seconds=psutil.Process().create_time(), tell=lines.show)
    if json_:
        typer.echo(json.dumps(report, indent=2))
    else:
        run_table(report, folder)
    if report["status"] != "succeeded":
        raise typer.Exit(EXIT_OPERATIONAL)


@pipeline_app.command("compile")
def compile_(
    out_dir: Annotated[Path, typer.Option("--out", help="Folder to write <pipeline>.yaml to.")] = Path("deploy/pipelines"),
) -> None:
    """Compile both pipelines to the YAML that a Kubeflow backend takes. Example: hydatis pipeline compile --out ."""
    from hydatis_pipelines.kubeflow.pipelines import PIPELINES, compiled

    for name in PIPELINES:
        write_whole(out_dir / f"{name}.yaml", compiled(name))
        out.print(f"{out_dir / name}.yaml", highlight=False)


@pipeline_app.command()
def submit(
    host: Annotated[str, typer.Option("--host", help="Address of the Kubeflow Pipelines API: http://ml-pipeline:8888.")],
    pipeline: PipelineOption = "training",
    trace: PublishedTraceOption = "bitbrains",
    drift: DriftOption = None,
    effort: EffortOption = "demo",
    days: DaysOption = None,
    pods: PodsOption = None,
    accept: AcceptOption = None,
    seed: SeedOption = 1,
    namespace: Annotated[str, typer.Option("--namespace", help="Of a multi-user Kubeflow.")] = "",
    token_file: TokenFileOption = None,
    json_: JsonOption = False,
) -> None:
    """Submit a pipeline to a Kubeflow backend: the same graph, with a volume for the state folder (claim hydatis-state).

    Example: hydatis pipeline submit --host http://localhost:8888 --effort full
    """
    from hydatis_pipelines.kubeflow.submission import submit as to_backend

    given = {"trace": trace, "effort": effort, "seed": seed, "days": days or 0, "pods": pods or 0}
    given |= _accept(accept) | _drift(pipeline, drift)
    made = to_backend(pipeline, given, run=_run_name(), host=host, token=read_token(token_file), namespace=namespace)
    if json_:
        typer.echo(json.dumps({"run": made.run, "run_id": made.run_id}))
        return
    out.print(f"run {made.run} submitted: {host.rstrip('/')}/#/runs/details/{made.run_id}", highlight=False, soft_wrap=True)


@pipeline_app.command()
def runs(
    name: Annotated[str | None, typer.Argument(help="A run, to see its report; all runs when none is given.")] = None,
    state: StateOption = DEFAULT_STATE,
    json_: JsonOption = False,
) -> None:
    """List runs on this machine, or show one. Examples: hydatis pipeline runs; hydatis pipeline runs 20261123-231500-1f2e"""
    if name is not None:
        folder = RunFolder(state, name)
        report = read_report(folder)
        if json_:
            typer.echo(json.dumps(report, indent=2))
        else:
            run_table(report, folder)
        return
    known = home_of(state).runs
    folders = [RunFolder(state, path.name) for path in sorted(known.iterdir())] if known.is_dir() else []
    reports = [_report_or_unfinished(folder) for folder in folders]
    if json_:
        typer.echo(json.dumps(reports, indent=2))
    else:
        runs_table(reports)
    if not reports:
        err.print(f"No runs in {known}: hydatis pipeline run makes one.")


def _report_or_unfinished(folder: RunFolder) -> dict[str, Any]:
    try:
        return read_report(folder)
    except DependencyUnavailable:
        told = json.loads(folder.start_file.read_text()) if folder.start_file.exists() else {}
        unfinished = {
            "status": "unfinished",
            "pipeline": told.get("pipeline", ""),
            "seconds": None,
            "registered": [],
            "cached_count": 0,
        }
        return {"run": folder.run} | unfinished


def _accept(accept: str | None) -> dict[str, Any]:
    return {} if accept is None else {"accept": accept}


def _drift(pipeline: str, drift: Path | None) -> dict[str, Any]:
    """The drift report as the argument that retraining takes."""
    if (pipeline == "retraining") != (drift is not None):
        shown = "retraining takes a drift report, and training none"
        raise InvalidValue(shown, field="--drift", expected="--pipeline retraining --drift FILE")
    if drift is None:
        return {}
    read_drift(drift)
    return {"drift": json.loads(drift.read_text())}


def _run_name() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
