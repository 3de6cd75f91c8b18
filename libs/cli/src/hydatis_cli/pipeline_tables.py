"""What a pipeline run shows: its steps while they run, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from hydatis_pipelines.kubeflow.local_pipeline import StepView
from hydatis_pipelines.run_folder import RunFolder
from hydatis_pipelines.step_journal import RUNNING
from rich.status import Status
from rich.table import Table

from hydatis_cli.console import err, out

__all__ = ["StepLines", "run_table", "runs_table"]


class StepLines:
    """A line for each step that ended, and one that moves for those that run."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._status = Status("starting", console=err)

    def __enter__(self) -> StepLines:
        self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._status.stop()

    def show(self, views: tuple[StepView, ...]) -> None:
        """Takes the steps as they are now."""
        for view in views:
            if view.status == RUNNING or view.task in self._told:
                continue
            self._told.add(view.task)
            mark = "[red]failed[/red]" if view.status == "failed" else "[dim]cached[/dim]" if view.cached else "done"
            err.print(f"  {view.task:24} {view.seconds:7.1f} s  {mark}", highlight=False)
        running = [view for view in views if view.status == RUNNING]
        if running:
            words = ", ".join(f"{view.task} {view.seconds:.0f} s [dim]{view.text}[/dim]" for view in running)
            self._status.update(words)


def run_table(report: Mapping[str, Any], folder: RunFolder) -> None:
    """The report of a run."""
    title = f"run {report['run']}: {report['pipeline']} {report['status']} in {report['seconds']:.0f} s"
    steps = Table("step", "seconds", "", title=title)
    steps.columns[1].justify = "right"
    for step in report["steps"]:
        steps.add_row(step["task"], f"{step['seconds']:.1f}", "cached" if step["cached"] else step["status"])
    steps.add_row("orchestration", f"{report['orchestration_seconds']:.1f}", "all outside the steps", style="dim")
    out.print(steps)
    if report["plan"]:
        plan = report["plan"]
        out.print(f"plan: [bold]{plan['action']}[/bold] {', '.join(plan['families'])}: {plan['reason']}", highlight=False)
    for line in report["gate"]:
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    _models(report)
    for task, reason in report["business"].items():
        out.print(f"{task}: {reason}", highlight=False, soft_wrap=True)
    for name, said in report["fell_back"].items():
        out.print(f"{name}: fell back {said}", highlight=False)
    for task, error in report["failures"].items():
        err.print(f"[bold red]{task} failed:[/bold red] {error}", highlight=False, soft_wrap=True)
        err.print(f"Log: {folder.log(task)}", highlight=False, soft_wrap=True)
    if report["failures"]:
        err.print("What was done is kept: the same command goes on from there.")
    if report["lineage_error"]:
        err.print(f"[bold red]lineage was not written:[/bold red] {report['lineage_error']}", highlight=False, soft_wrap=True)


def runs_table(reports: Sequence[Mapping[str, Any]]) -> None:
    """One line a run."""
    table = Table("run", "pipeline", "status", "seconds", "cached steps", "registered")
    for report in reports:
        seconds = "" if report["seconds"] is None else f"{report['seconds']:.0f}"
        registered = ", ".join(f"{one['name']} {one['version']}" for one in report["registered"])
        table.add_row(report["run"], report["pipeline"], report["status"], seconds, str(report["cached_count"]), registered)
    out.print(table)


def _models(report: Mapping[str, Any]) -> None:
    if not report["verdicts"]:
        return
    versions = {one["name"]: one["version"] for one in report["registered"]}
    table = Table("model", "registered", "verdict")
    for name, verdict in report["verdicts"].items():
        refusal = report["not_registered"].get(name, "")
        said = refusal if refusal and not refusal.startswith(verdict.split(":")[0]) else verdict
        table.add_row(name, versions.get(name, "no"), said)
    out.print(table)
