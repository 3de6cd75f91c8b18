"""All steps on one machine: what ``hydatis train`` runs.

The wiring is a table of what each step needs; whatever has what it needs runs, at most ``jobs`` at once. Nothing is published until
every model is there, so a run that fails half-way leaves the models folder as it was.
"""

from __future__ import annotations

import hashlib
import queue
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_lifecycle.signing.contract import Signer
from hydatis_simulator.trace import Trace

from hydatis_pipelines.effort import effort_named
from hydatis_pipelines.progress import Progress, untold
from hydatis_pipelines.publish_step import publish
from hydatis_pipelines.step_process import StepProcess, run_here
from hydatis_pipelines.trained_model import read_trained
from hydatis_pipelines.training_report import ModelReport, TrainingReport
from hydatis_pipelines.workload import write_workload

__all__ = ["train_all"]

#: Progress of a whole run is told in so many parts.
PARTS_COUNT = 1000


@dataclass(frozen=True, slots=True)
class _Node:
    """A step of the wiring."""

    step: str
    needs: tuple[str, ...]
    weight: float
    """Share of the work, for the progress."""
    options: Callable[[Path], dict[str, Any]]
    """From the run's folder to its own options."""


_WIRING: dict[str, _Node] = {
    "dataset": _Node("build-dataset", (), 6, lambda run: {"workload": run / "workload.npz", "out": run / "dataset.npz"}),
    "cpu-forecaster": _Node(
        "train-forecaster", ("dataset",), 15, lambda run: {"dataset": run / "dataset.npz", "resource": "cpu", "out": run / "cpu"}
    ),
    "memory-forecaster": _Node(
        "train-forecaster",
        ("dataset",),
        15,
        lambda run: {"dataset": run / "dataset.npz", "resource": "memory", "out": run / "memory"},
    ),
    "anomaly-detector": _Node(
        "train-anomaly", ("dataset",), 4, lambda run: {"dataset": run / "dataset.npz", "out": run / "anomaly"}
    ),
    "placement-policy": _Node(
        "train-policy",
        ("cpu-forecaster", "memory-forecaster"),
        60,
        lambda run: {
            "workload": run / "workload.npz",
            "cpu_model": run / "cpu",
            "memory_model": run / "memory",
            "out": run / "policy",
        },
    ),
}
_MODELS = ("cpu-forecaster", "memory-forecaster", "anomaly-detector", "placement-policy")


def train_all(
    trace: Trace,
    nodes: Sequence[Node],
    models_dir: Path,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    effort: str = "demo",
    jobs: int = 2,
    work_dir: Path | None = None,
    signer: Signer | None = None,
) -> TrainingReport:
    """Trains and publishes all four models.

    The same trace, nodes, seed and effort give the same models, whatever ``jobs`` is.

    Args:
        trace: the training days; a day or more.
        nodes: the cluster they are placed on.
        models_dir: where versions are published; made if need be.
        seed: everything random follows from it.
        progress: called with (parts done, parts in all, a few words), from this thread only.
        effort: "demo" or "full".
        jobs: steps at once; 1: one after the other, in this process.
        work_dir: where workload, dataset and trained models are kept; None: a temporary folder, removed at the end.
        signer: signs what is published; None: it has no signature, and servers that trust keys refuse it.

    Raises:
        InvalidValue: an unknown effort, no jobs, or a trace too short or too empty to train on.
        ArtifactRefused: a model cannot be published.
    """
    effort_named(effort)
    if jobs < 1:
        raise InvalidValue(f"{jobs} jobs", field="jobs", expected="1 or more")
    started = perf_counter()
    run_dir = Path(tempfile.mkdtemp(prefix="hydatis-train-")) if work_dir is None else work_dir / f"run-{secrets.token_hex(6)}"
    try:
        workload_version = write_workload(run_dir / "workload.npz", trace, nodes)
        run = hashlib.sha256(f"{workload_version} {seed} {effort}".encode()).hexdigest()[:12]
        results = _run_steps(run_dir, {"seed": seed, "effort": effort}, f"run-{run}", jobs, progress or untold)
        trained = {name: read_trained(Path(results[name]["out"])) for name in _MODELS}
        models = []
        for name in _MODELS:
            published = publish(trained[name], models_dir, signer)
            manifest = published.manifest
            seconds = float(results[name]["seconds"])
            models.append(ModelReport(name, manifest.version, str(published.path), manifest.kind, dict(manifest.metrics), seconds))
        dataset = results["dataset"]
        return TrainingReport(
            training_run=f"run-{run}",
            effort=effort,
            seed=seed,
            workload_version=workload_version,
            dataset_version=dataset["digest"],
            rows_count=dataset["rows_count"],
            models=tuple(models),
            seconds=round(perf_counter() - started, 3),
        )
    finally:
        if work_dir is None:
            shutil.rmtree(run_dir, ignore_errors=True)


def _run_steps(run_dir: Path, common: dict[str, Any], run: str, jobs: int, progress: Progress) -> dict[str, dict[str, Any]]:
    """Runs the wiring; returns what each step made, with its ``seconds``."""
    overall = _Overall(progress)
    results: dict[str, dict[str, Any]] = {}
    running: dict[str, StepProcess | None] = {}
    events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    try:
        while len(results) < len(_WIRING):
            for name, node in _WIRING.items():
                ready = name not in results and name not in running and all(need in results for need in node.needs)
                if ready and len(running) < jobs:
                    options = common | node.options(run_dir) | ({} if node.step == "build-dataset" else {"run": run})
                    if jobs == 1:
                        running[name] = None
                        events.put((name, _timed_here(node.step, options, overall.of(name))))
                    else:
                        running[name] = process = StepProcess(node.step, options)
                        threading.Thread(target=_watch, args=(name, process, events), daemon=True).start()
            name, event = events.get()
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, tuple):
                overall.of(name)(*event)
                continue
            results[name] = event
            del running[name]
            overall.of(name)(1, 1, "done")
        return results
    finally:
        for left in running.values():
            if left is not None:
                left.stop()


def _timed_here(step: str, options: dict[str, Any], progress: Progress) -> dict[str, Any]:
    started = perf_counter()
    return run_here(step, options, progress) | {"seconds": round(perf_counter() - started, 3)}


def _watch(name: str, process: StepProcess, events: queue.SimpleQueue[tuple[str, Any]]) -> None:
    try:
        events.put((name, process.wait(lambda done, total, text: events.put((name, (done, total, text))))))
    except BaseException as error:  # handed to the thread that waits, which raises it
        events.put((name, error))


class _Overall:
    """One progress made of those of the steps, by weight."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._shares = dict.fromkeys(_WIRING, 0.0)
        self._whole = sum(node.weight for node in _WIRING.values())

    def of(self, name: str) -> Progress:
        """The progress of one step."""

        def tell(done: int, total: int, text: str) -> None:
            share = done / total if total > 0 else 1.0
            self._shares[name] = max(self._shares[name], min(share, 1.0))
            done_weight = sum(self._shares[step] * node.weight for step, node in _WIRING.items())
            self._progress(round(PARTS_COUNT * done_weight / self._whole), PARTS_COUNT, f"{name}: {text}")

        return tell
