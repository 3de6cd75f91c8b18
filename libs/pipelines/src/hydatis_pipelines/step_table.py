"""The steps and their arguments: a table that the command line, the cache and the lineage are made from.

A step's own function says what it takes; this says how it is written on a command line, what each argument means for people, and
what it means for the cache and for lineage: whether it is a value, something that is read, or something that is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from hydatis_lifecycle.evaluation.verdict import ACCEPTED
from hydatis_lifecycle.lineage.record import EntityKind

from hydatis_pipelines import (
    business_step,
    evaluate_step,
    fall_back_step,
    finish_step,
    plan_step,
    register_dataset_step,
    register_step,
    search_step,
    steps,
    stop_step,
    store_features_step,
    take_champion_step,
    track_step,
    validate_step,
)
from hydatis_pipelines.champions import MODEL_NAMES, champions_digest
from hydatis_pipelines.effort import EFFORTS
from hydatis_pipelines.whole_files import digest_of_tree

__all__ = ["STEPS", "Argument", "Role", "StepCommand"]


class Role(Enum):
    """What an argument is to what a step makes."""

    VALUE = "value"
    """Counts: another value, other outputs."""
    INPUT = "input"
    """A file or folder that is read: its content counts, wherever it lies."""
    OUTPUT = "output"
    """A file or folder that is made."""
    TOLD = "told"
    """Does not change what is made: who asks, and how many threads work."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One option of a step."""

    name: str
    kind: Callable[[str], Any]
    text: str
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] | None = None
    repeated: bool = False
    """Whether it may be given more than once."""
    role: Role = Role.VALUE
    entity: EntityKind | None = None
    """What it is in a lineage; None: it is in none."""
    digest: Callable[[Path], str] = digest_of_tree
    """Of an input: what of it counts."""

    @property
    def key(self) -> str:
        """Its name in the step's function."""
        return self.name.replace("-", "_")


@dataclass(frozen=True, slots=True)
class StepCommand:
    """A step as a command."""

    run: Callable[..., dict[str, Any]]
    arguments: tuple[Argument, ...]
    cached: bool = True
    """Whether what it made may be restored; False: it changes something beside its outputs, or reads what is not named."""
    beside: tuple[str, ...] = ()
    """Suffixes of files that it makes beside its output."""


def _in(name: str, text: str, entity: EntityKind | None, required: bool = True) -> Argument:
    return Argument(name, Path, text, required=required, role=Role.INPUT, entity=entity)


def _out(text: str, entity: EntityKind | None = None) -> Argument:
    return Argument("out", Path, text, required=True, role=Role.OUTPUT, entity=entity)


_SEED = Argument("seed", int, "Everything random follows from it.", 0)
_EFFORT = Argument("effort", str, "demo: quick; full: worth deciding with.", "demo", choices=tuple(EFFORTS))
_RUN = Argument("run", str, "Identity of the training run, for the manifest.", "by-hand", role=Role.TOLD)
_THREADS = Argument("threads", int, "Threads; the same count gives the same bytes.", 1)
_STATE = Argument("state", Path, "Folder of everything HYDATIS keeps.", required=True, role=Role.TOLD)
_DATASET = _in("dataset", "File that build-dataset wrote.", EntityKind.FEATURES)
_WORKLOAD = _in("workload", "File that make-workload wrote.", EntityKind.WORKLOAD)
_TRACE = Argument("trace", str, "synthetic, bitbrains, planetlab, alibaba_2018 or openb.", "synthetic")
_ACCEPT = Argument(
    "accept", str, "What is registered: what is better, or also what is no worse.", "better", choices=tuple(ACCEPTED)
)


def _model(name: str, text: str) -> Argument:
    return _in(name, text, EntityKind.MODEL, required=False)


#: Candidates; those that are not given are the champions.
_CANDIDATES = (
    _model("cpu-model", "Trained cpu-forecaster."),
    _model("memory-model", "Trained memory-forecaster."),
    _model("anomaly-model", "Trained anomaly-detector."),
    _model("policy-model", "Trained placement-policy."),
)
_CHAMPIONS = Argument(
    "models-dir", Path, "Models folder with the champions.", required=True, role=Role.INPUT, digest=champions_digest
)
_SLICE = Argument("slice", Path, "Folder that prepare-search made.", required=True, role=Role.INPUT)
_EXPERIMENT = Argument("experiment", str, "What is tuned: hydatis tune --list names them.", required=True)
_PARAMETER = Argument("parameter", str, "name=value, once for each; default: those in use.", repeated=True)
_EVALUATION = _in("evaluation", "File that evaluate wrote.", EntityKind.EVALUATION)
_MODEL_OUT = _out("Folder to write the model to.", EntityKind.MODEL)

STEPS: dict[str, StepCommand] = {
    "register-dataset": StepCommand(
        register_dataset_step.register_dataset,
        (
            Argument("trace", str, "A published trace: bitbrains, planetlab, alibaba_2018 or openb.", required=True),
            Argument("data", Path, "Folder of the published traces.", required=True, role=Role.TOLD),
            _STATE,
            _out("Folder to check the registered version out to.", EntityKind.DATASET),
        ),
        cached=False,
    ),
    "validate": StepCommand(
        validate_step.validate,
        (
            Argument("trace", str, "bitbrains, planetlab, alibaba_2018, openb, smd, asd or nab.", required=True),
            _in("data", "Folder of the published traces.", EntityKind.DATASET),
            _in("thresholds", "YAML file with gates; default: the usual ones.", None, required=False),
            _out("File to write the report to (JSON); a page of the same name is written beside it.", EntityKind.EVALUATION),
        ),
        beside=(".html",),
    ),
    "stop": StepCommand(stop_step.stop, (_in("report", "Quality report.", EntityKind.EVALUATION), _out("File to write why."))),
    "make-workload": StepCommand(
        steps.make_workload,
        (
            _TRACE,
            _in("data", "Folder of the published traces.", EntityKind.DATASET, required=False),
            Argument("part", str, "training: the part of the trace that trains, with its cluster.", choices=("training",)),
            Argument("pod-count", int, "Pods side by side; default: as many as the trace has, or 500."),
            Argument("start-day", int, "First day, from the trace's first."),
            Argument("days", int, "Days; default: to the end, or 3."),
            Argument("request-factor", float, "Requests over what machines were provisioned with.", 0.25),
            Argument("node-count", int, "Nodes; default: those of the trace, or by --request-ratio."),
            Argument("request-ratio", float, "Share of the cluster that is requested at the peak.", 0.75),
            _SEED,
            _out("File to write the workload to (npz).", EntityKind.WORKLOAD),
        ),
    ),
    "build-dataset": StepCommand(
        steps.build_dataset,
        (_WORKLOAD, _SEED, _EFFORT, _out("File to write the record of the node table to (npz).", EntityKind.FEATURES)),
    ),
    "store-features": StepCommand(
        store_features_step.store_features,
        (_DATASET, _STATE, _out("File to write the receipt to.", EntityKind.FEATURES)),
        cached=False,
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
            _MODEL_OUT,
        ),
    ),
    "train-anomaly": StepCommand(steps.train_anomaly, (_DATASET, _RUN, _SEED, _EFFORT, _THREADS, _MODEL_OUT)),
    "train-policy": StepCommand(
        steps.train_policy,
        (
            _WORKLOAD,
            _model("cpu-model", "Trained cpu-forecaster; default: the last hour's maximum stands in."),
            _model("memory-model", "Trained memory-forecaster; with --cpu-model."),
            _RUN,
            _SEED,
            _EFFORT,
            _MODEL_OUT,
        ),
    ),
    "evaluate": StepCommand(
        evaluate_step.evaluate,
        (_DATASET, _WORKLOAD, *_CANDIDATES, _CHAMPIONS, _SEED, _EFFORT, _out("File to write verdicts to.", EntityKind.EVALUATION)),
    ),
    "business-check": StepCommand(
        business_step.business_check,
        (
            _EVALUATION,
            _WORKLOAD,
            *_CANDIDATES,
            _CHAMPIONS,
            _ACCEPT,
            _SEED,
            _EFFORT,
            _out("File to write the verdict to.", EntityKind.EVALUATION),
        ),
    ),
    "register": StepCommand(
        register_step.register,
        (
            _EVALUATION,
            _in("business", "File that business-check wrote.", EntityKind.EVALUATION),
            *_CANDIDATES,
            _STATE,
            _ACCEPT,
            _out("File to write what was registered to."),
        ),
        cached=False,
    ),
    "track": StepCommand(
        track_step.track,
        (
            _in("registered", "File that register wrote.", None),
            _in("report", "Quality report of the data, for the cards.", EntityKind.EVALUATION, required=False),
            _STATE,
            _RUN,
            _out("File to write what was tracked to."),
        ),
        cached=False,
    ),
    "publish": StepCommand(
        steps.publish,
        (
            _in("model", "Folder that a training step wrote.", EntityKind.MODEL),
            Argument("models-dir", Path, "Models folder that servers look in.", required=True, role=Role.TOLD),
            Argument(
                "signing-key",
                Path,
                "Private key that signs, made if need be; HYDATIS_SIGSTORE_IDENTITY signs in its place. Default: unsigned.",
                role=Role.TOLD,
            ),
        ),
        cached=False,
    ),
    "plan-retraining": StepCommand(
        plan_step.plan_retraining,
        (
            _in("drift", "Drift report (JSON).", EntityKind.EVALUATION),
            _CHAMPIONS,
            Argument("trace", str, "The trace that is trained on.", required=True),
            Argument("start-day", int, "First day of its training part; default: as the table of parts says."),
            Argument("days", int, "Days of it; default: as the table of parts says."),
            _out("File to write the plan to.", EntityKind.EVALUATION),
        ),
    ),
    "take-champion": StepCommand(
        take_champion_step.take_champion,
        (Argument("name", str, "Model name.", required=True, choices=tuple(MODEL_NAMES.values())), _CHAMPIONS, _MODEL_OUT),
        cached=False,
    ),
    "fall-back": StepCommand(
        fall_back_step.fall_back,
        (_in("plan", "File that plan-retraining wrote.", EntityKind.EVALUATION), _STATE, _out("File to write what was done to.")),
        cached=False,
    ),
    "finish": StepCommand(finish_step.finish, (_STATE, _RUN), cached=False),
    "prepare-search": StepCommand(
        search_step.prepare_search,
        (
            _TRACE,
            _in("data", "Folder of the published traces.", EntityKind.DATASET, required=False),
            Argument("size", str, "small: worth searching on; smoke: proves that it runs.", "small", choices=("small", "smoke")),
            _SEED,
            Argument("out", Path, "Folder of slices.", required=True, role=Role.TOLD),
        ),
        cached=False,
    ),
    "run-trial": StepCommand(
        search_step.run_trial,
        (_SLICE, _EXPERIMENT, _PARAMETER, _SEED, Argument("out", Path, "File to write the result to (JSON).", role=Role.OUTPUT)),
        cached=False,
    ),
    "search-trials": StepCommand(
        search_step.search_trials,
        (
            _SLICE,
            _EXPERIMENT,
            _STATE,
            Argument("trials", int, "How many.", required=True),
            Argument("worker", int, "Number of this process in the search.", 0),
            _SEED,
        ),
        cached=False,
    ),
    "judge-parameters": StepCommand(
        search_step.judge_parameters,
        (_SLICE, _EXPERIMENT, _PARAMETER, Argument("seeds", int, "Seeds to train under.", 2), _SEED),
    ),
}
