"""The command line of the steps: a table of their arguments.

A step's own function says what it takes; this says how it is written on a command line and what each argument means, for people and
for the engines that start steps as containers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from hydatis_core.errors import HydatisError

from hydatis_pipelines import steps
from hydatis_pipelines.effort import EFFORTS
from hydatis_pipelines.lifeline import hold
from hydatis_pipelines.progress import as_lines, untold
from hydatis_pipelines.validate_step import validate

__all__ = ["STEPS", "StepCommand", "main"]


@dataclass(frozen=True, slots=True)
class Argument:
    """One option of a step."""

    name: str
    kind: Callable[[str], Any]
    text: str
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class StepCommand:
    """A step as a command."""

    run: Callable[..., dict[str, Any]]
    arguments: tuple[Argument, ...]


def _in(name: str, text: str) -> Argument:
    return Argument(name, Path, text, required=True)


_SEED = Argument("seed", int, "Everything random follows from it.", 0)
_EFFORT = Argument("effort", str, "demo: quick; full: worth deciding with.", "demo", choices=tuple(EFFORTS))
_RUN = Argument("run", str, "Identity of the training run, for the manifest.", "by-hand")
_THREADS = Argument("threads", int, "Threads; the same count gives the same bytes.", 1)
_DATASET = _in("dataset", "File that build-dataset wrote.")
_WORKLOAD = _in("workload", "File that make-workload wrote.")


def _out(text: str) -> Argument:
    return Argument("out", Path, text, required=True)


STEPS: dict[str, StepCommand] = {
    "validate": StepCommand(
        validate,
        (
            Argument("trace", str, "bitbrains, planetlab, alibaba_2018, openb, smd, asd or nab.", required=True),
            _in("data", "Folder of the published traces."),
            Argument("thresholds", Path, "YAML file with gates; default: the usual ones."),
            _out("File to write the report to (JSON); a page of the same name is written beside it."),
        ),
    ),
    "make-workload": StepCommand(
        steps.make_workload,
        (
            Argument("trace", str, "synthetic, bitbrains, planetlab, alibaba_2018 or openb.", "synthetic"),
            Argument("data", Path, "Folder of the published traces."),
            Argument("pod-count", int, "Pods side by side; default: as many as the trace has, or 500."),
            Argument("start-day", int, "First day, from the trace's first.", 0),
            Argument("days", int, "Days; default: to the end, or 3."),
            Argument("request-factor", float, "Requests over what machines were provisioned with.", 0.25),
            Argument("node-count", int, "Nodes; default: those of the trace, or by --request-ratio."),
            Argument("request-ratio", float, "Share of the cluster that is requested at the peak.", 0.75),
            _SEED,
            _out("File to write the workload to (npz)."),
        ),
    ),
    "build-dataset": StepCommand(
        steps.build_dataset, (_WORKLOAD, _SEED, _EFFORT, _out("File to write the record of the node table to (npz)."))
    ),
    "train-forecaster": StepCommand(
        steps.train_forecaster,
        (
            _DATASET,
            Argument("resource", str, "What is forecast.", required=True, choices=("cpu", "memory")),
            _RUN,
            _SEED,
            _EFFORT,
            _THREADS,
            _out("Folder to write the model to."),
        ),
    ),
    "train-anomaly": StepCommand(
        steps.train_anomaly, (_DATASET, _RUN, _SEED, _EFFORT, _THREADS, _out("Folder to write the model to."))
    ),
    "train-policy": StepCommand(
        steps.train_policy,
        (
            _WORKLOAD,
            Argument("cpu-model", Path, "Trained cpu-forecaster; default: the last hour's maximum stands in."),
            Argument("memory-model", Path, "Trained memory-forecaster; with --cpu-model."),
            _RUN,
            _SEED,
            _EFFORT,
            _out("Folder to write the model to."),
        ),
    ),
    "publish": StepCommand(
        steps.publish,
        (
            _in("model", "Folder that a training step wrote."),
            _in("models-dir", "Models folder that servers look in."),
            Argument(
                "signing-key",
                Path,
                "Private key that signs, made if need be; HYDATIS_SIGSTORE_IDENTITY signs in its place. Default: unsigned.",
            ),
        ),
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one step.

    Writes JSON lines on stdout: progress (with ``--progress``), and last ``{"result": ...}`` or ``{"error": ...}``; the error
    also as one sentence on stderr.

    Returns:
        0 when the step did its work, 1 when it refused or could not.
    """
    options = vars(_parser().parse_args(argv))
    step, tell = options.pop("step"), options.pop("progress")
    if options.pop("lifeline"):
        hold(sys.stdin.fileno())
    started = perf_counter()
    try:
        result = STEPS[step].run(**options, progress=as_lines(sys.stdout) if tell else untold)
    except HydatisError as error:
        said = {"type": type(error).__name__, "message": error.message, "field": error.field, "expected": error.expected}
        sys.stdout.write(json.dumps({"error": said}) + "\n")
        sys.stderr.write(f"{step}: {error}\n")
        return 1
    sys.stdout.write(json.dumps({"result": result | {"seconds": round(perf_counter() - started, 3)}}) + "\n")
    return 0


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
            )
        sub.add_argument("--progress", action="store_true", help="Write progress as JSON lines on stdout.")
        sub.add_argument("--lifeline", action="store_true", help="End when standard input does: with whoever holds its other end.")
    return parser
