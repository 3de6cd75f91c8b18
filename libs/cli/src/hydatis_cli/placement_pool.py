"""Tasks of the placement benchmark over the machine's cores: one process a core, each with its own fleets, all with one journal."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydatis_simulator.benchmark.placement.laboratory import Laboratory
from hydatis_simulator.benchmark.placement.months import HISTORY_DAYS
from hydatis_simulator.benchmark.placement.protocol import Protocol
from hydatis_simulator.benchmark.placement.tasks import Task
from hydatis_simulator.trace import Trace

from hydatis_cli.placement_journal import Journal
from hydatis_cli.placement_policies import CATALOGUE

__all__ = ["Setup", "run_tasks"]

Progress = Callable[[int, int, str], None]
Result = dict[str, Any]


@dataclass(frozen=True)
class Setup:
    """What a process needs to run tasks."""

    traces: dict[str, Trace]
    protocol: Protocol
    journal: Path


#: Of this process: none before it is started, one then.
_laboratories: list[Laboratory] = []


def run_tasks(setup: Setup, tasks: Sequence[Task], jobs: int, progress: Progress, title: str) -> dict[Task, Result]:
    """Runs tasks; equal tasks once.

    Args:
        setup: of every process.
        tasks: in an order that keeps tasks of one fleet together.
        jobs: processes; 1: this one.
        progress: told of every task done.
        title: of this part, for progress.

    Returns:
        Results in the order of the tasks.
    """
    todo = list(dict.fromkeys(tasks))
    results: dict[Task, Result] = {}
    progress(0, len(todo), title)
    if jobs == 1:
        journal = Journal(setup.journal)
        try:
            laboratory = _made(setup, journal)
            for task in todo:
                results[task] = task.run(laboratory)
                progress(len(results), len(todo), title)
        finally:
            journal.close()
        return results
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process a core: libraries start no threads beside it
    # Fresh interpreters: a fork would copy threads' locks, and what this process read is sent once.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_start, initargs=(setup,))
    try:
        futures = {pool.submit(_run, task): task for task in todo}
        for future in as_completed(futures):
            results[futures[future]] = future.result()
            progress(len(results), len(todo), title)
    finally:
        pool.shutdown(cancel_futures=True)
    return {task: results[task] for task in todo}


def _made(setup: Setup, journal: Journal) -> Laboratory:
    return Laboratory(setup.traces, setup.protocol.node, HISTORY_DAYS, CATALOGUE, journal)


def _start(setup: Setup) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _laboratories.append(_made(setup, Journal(setup.journal)))


def _run(task: Task) -> Result:
    return task.run(_laboratories[0])


def _end_with_parent() -> None:
    """A killed parent closes nothing that its children wait for: they would stay for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
