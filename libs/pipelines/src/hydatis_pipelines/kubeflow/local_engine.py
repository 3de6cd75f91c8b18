"""Runs a pipeline by ``kfp.local``, in a process of its own: ``python -m hydatis_pipelines.kubeflow.local_engine``.

kfp writes to stdout, changes logging and starts processes of its own, which outlive it when it is killed. So it has a process and a
process group to itself: what it says goes to a file, and when whoever started it is gone, so is the group.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one pipeline; 0: all tasks that had to run did, 1: one failed."""
    parser = argparse.ArgumentParser(prog="python -m hydatis_pipelines.kubeflow.local_engine", description=__doc__)
    parser.add_argument("--pipeline", required=True, help="training or retraining")
    parser.add_argument("--root", type=Path, required=True, help="folder of what tasks hand on")
    parser.add_argument("--arguments", required=True, help="of the pipeline, JSON")
    options = parser.parse_args(argv)
    threading.Thread(target=_end_with_starter, name="lifeline", daemon=True).start()
    return _run(options.pipeline, options.root, json.loads(options.arguments))


def _run(pipeline: str, root: Path, arguments: dict[str, object]) -> int:
    from kfp import local

    from hydatis_pipelines.kubeflow.pipelines import pipeline_named

    warnings.filterwarnings("ignore", message=".*custom or non-Python base image.*")
    unresolved = _Unresolved()
    logging.getLogger().addHandler(unresolved)
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
    try:
        pipeline_named(pipeline)(**arguments)
    except RuntimeError as failed:  # of a task: its own process said why, and the journal has it
        sys.stderr.write(f"{failed}\n")
        return 1
    return 1 if unresolved.said else 0


class _Unresolved(logging.Handler):
    """Notes conditions that kfp could not read: it takes them for false and goes on, and no branch runs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("Could not resolve"):
            self.said.append(record.getMessage())


def _end_with_starter() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
