"""The command line of the steps, made from their table: for people, and for the engines that start steps as containers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from hydatis_core.errors import DependencyUnavailable, HydatisError

from hydatis_pipelines.lifeline import hold
from hydatis_pipelines.progress import as_lines, untold
from hydatis_pipelines.step_run import Recording, run_step
from hydatis_pipelines.step_table import STEPS

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one step.

    Writes JSON lines on stdout: progress (with ``--progress``), and last ``{"result": ...}`` or ``{"error": ...}``; the error
    also as one sentence on stderr.

    Returns:
        0 when the step did its work, 1 when it refused or could not.
    """
    options = vars(_parser().parse_args(argv))
    step, tell = options.pop("step"), options.pop("progress")
    recording = Recording(options.pop("cache"), options.pop("journal"), options.pop("task"))
    if options.pop("lifeline"):
        hold(sys.stdin.fileno())
    started = perf_counter()
    try:
        result = run_step(step, options, as_lines(sys.stdout) if tell else untold, recording)
    except (HydatisError, OSError) as raised:
        error = _of_the_system(raised) if isinstance(raised, OSError) else raised
        said = {"type": type(error).__name__, "message": error.message, "field": error.field, "expected": error.expected}
        sys.stdout.write(json.dumps({"error": said}) + "\n")
        sys.stderr.write(f"{step}: {error}\n")
        return 1
    sys.stdout.write(json.dumps({"result": result | {"seconds": round(perf_counter() - started, 3)}}) + "\n")
    return 0


def _of_the_system(error: OSError) -> HydatisError:
    """A disk that is full, a folder that may not be written: whoever runs the step can do something about it."""
    shown = error.strerror or str(error)
    return DependencyUnavailable(shown, field=str(error.filename or "disk"), expected="a disk with room, that may be written")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hydatis_pipelines",
        description="Steps that make models. Each reads files and writes files.",
        allow_abbrev=False,
    )
    subparsers = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    for name, command in STEPS.items():
        text = (command.run.__doc__ or "").strip()
        sub = subparsers.add_parser(name, help=text, description=text, allow_abbrev=False)
        for argument in command.arguments:
            default = "" if argument.required or argument.default is None else f" Default: {argument.default}."
            sub.add_argument(
                f"--{argument.name}",
                type=argument.kind,
                help=argument.text + default,
                default=argument.default,
                required=argument.required,
                choices=argument.choices,
                action="append" if argument.repeated else "store",
            )
        sub.add_argument("--cache", type=Path, help="Folder of outputs by the digest of inputs; what is there is not made again.")
        sub.add_argument("--journal", type=Path, help="Folder to note in what was read and made, and how long it took.")
        sub.add_argument("--task", default="", help="What the journal calls it. Default: the step's name.")
        sub.add_argument("--progress", action="store_true", help="Write progress as JSON lines on stdout.")
        sub.add_argument("--lifeline", action="store_true", help="End when standard input does: with whoever holds its other end.")
    return parser
