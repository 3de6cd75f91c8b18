"""The experiments as Katib's: one YAML for each, from the same table that Optuna works on here.

A trial is a Job that runs ``python -m hydatis_pipelines run-trial`` on a slice that ``prepare.yaml`` has put on a volume; it prints
its figures for Katib's collector of standard output. What Katib calls otherwise stands in ``ALGORITHMS``. Its Hyperband wants a
whole bracket at once, and sets the budget of a trial itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from hydatis_pipelines.search.experiments import FIGURES, OBJECTIVE, Budget, Experiment
from hydatis_pipelines.search.space import Choice, Parameter, Whole
from hydatis_pipelines.whole_files import write_whole

__all__ = ["METRICS_FORMAT", "experiment_object", "prepare_objects", "write_experiments"]

#: What a line of figures looks like: Katib's own default, said aloud. First group the name, second the value.
METRICS_FORMAT = r"([\w|-]+)\s*=\s*([+-]?\d*(\.\d+)?([Ee][+-]?\d+)?)"
IMAGE = "hydatis/pipelines-python:0.1.0"
CLAIM, FOLDER, SEED = "hydatis-search", "/search", 1
_USER = 10001

Settings = Mapping[str, str]


def _hyperband(budget: Budget | None, whole: int) -> Settings:
    assert budget is not None, "Hyperband shares a budget out"
    return {"resource_name": budget.parameter, "eta": str(budget.eta), "r_l": str(whole)}


#: Algorithm -> Katib's name and its settings, which may depend on the budget.
ALGORITHMS: Mapping[str, tuple[str, Callable[[Budget | None, int], Settings]]] = {
    "bayesian": (
        "bayesianoptimization",
        lambda *_: {"base_estimator": "GP", "n_initial_points": "10", "acq_func": "EI", "random_state": str(SEED)},
    ),
    "random": ("random", lambda *_: {"random_state": str(SEED)}),
    "hyperband": ("hyperband", _hyperband),
    "cma-es": ("cmaes", lambda *_: {"restart_strategy": "none", "random_state": str(SEED)}),
    "grid": ("grid", lambda *_: {}),
    "tpe": ("multivariate-tpe", lambda *_: {"n_startup_trials": "6", "random_state": str(SEED)}),
}


def experiment_object(experiment: Experiment) -> dict[str, Any]:
    """A ``kubeflow.org/v1beta1`` Experiment."""
    budget = experiment.budget
    whole = int(experiment.defaults[budget.parameter]) if budget else 0
    name, settings = ALGORITHMS[experiment.algorithm]
    said = [{"name": key, "value": value} for key, value in settings(budget, whole).items()]
    objective: dict[str, Any] = {
        "type": "maximize",
        "objectiveMetricName": OBJECTIVE,
        "additionalMetricNames": [figure for figure in FIGURES if figure != OBJECTIVE],
        "metricStrategies": [{"name": figure, "value": "latest"} for figure in FIGURES],
    }
    if experiment.goal is not None:
        objective["goal"] = experiment.goal
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": experiment.name, "labels": {"app.kubernetes.io/part-of": "hydatis"}},
        "spec": {
            "objective": objective,
            "algorithm": {"algorithmName": name} | ({"algorithmSettings": said} if said else {}),
            # Katib refuses a Hyperband that could not run the widest bracket at once.
            "parallelTrialCount": whole if budget else experiment.parallel,
            "maxTrialCount": experiment.trials,
            "maxFailedTrialCount": 3,
            "resumePolicy": "LongRunning",
            "parameters": [_parameter(one) for one in experiment.parameters],
            "metricsCollectorSpec": {
                "collector": {"kind": "StdOut"},
                "source": {"filter": {"metricsFormat": [METRICS_FORMAT]}},
            },
            "trialTemplate": {
                "primaryContainerName": "trial",
                "trialParameters": [
                    {"name": one.name, "reference": one.name, "description": f"{experiment.name}: {one.name}"}
                    for one in experiment.parameters
                ],
                "trialSpec": _job(_trial_command(experiment), read_only=True, container="trial"),
            },
        },
    }


def prepare_objects() -> list[dict[str, Any]]:
    """The volume of slices, and the Job that puts one there; the traces come from a volume of their own."""
    command = ["prepare-search", "--trace=bitbrains", "--data=/traces", f"--seed={SEED}", f"--out={FOLDER}"]
    job = _job(command, read_only=False, container="prepare") | {"metadata": {"name": "hydatis-search-prepare"}}
    pod = job["spec"]["template"]["spec"]
    pod["volumes"].append({"name": "traces", "persistentVolumeClaim": {"claimName": "hydatis-traces", "readOnly": True}})
    pod["containers"][0]["volumeMounts"].append({"name": "traces", "mountPath": "/traces", "readOnly": True})
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    return [claim, job]


def write_experiments(experiments: Sequence[Experiment], folder: Path) -> list[Path]:
    """Writes ``<name>.yaml`` of each experiment, and ``prepare.yaml``; returns the files."""
    files = {f"{one.name}.yaml": [experiment_object(one)] for one in experiments} | {"prepare.yaml": prepare_objects()}
    for name, objects in files.items():
        text = yaml.safe_dump_all(objects, sort_keys=False, width=132)
        write_whole(
            folder / name, f"# Written by `hydatis tune --katib`: change the table of experiments and not this.\n{text}".encode()
        )
    return [folder / name for name in files]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    if isinstance(parameter, Choice):
        return {
            "name": parameter.name,
            "parameterType": "categorical",
            "feasibleSpace": {"list": [str(value) for value in parameter.values]},
        }
    space = {"min": str(parameter.low), "max": str(parameter.high)}
    if parameter.log:
        space["distribution"] = "logUniform"
    kind = "int" if isinstance(parameter, Whole) else "double"
    return {"name": parameter.name, "parameterType": kind, "feasibleSpace": space}


def _trial_command(experiment: Experiment) -> list[str]:
    given = [f"--parameter={one.name}=${{trialParameters.{one.name}}}" for one in experiment.parameters]
    return ["run-trial", f"--slice={FOLDER}", f"--experiment={experiment.name}", f"--seed={SEED}", *given]


def _job(command: Sequence[str], *, read_only: bool, container: str) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "spec": {
            "backoffLimit": 0,
            "template": {
                # the collector reads what the trial prints: no proxy may stand between
                "metadata": {"annotations": {"sidecar.istio.io/inject": "false"}},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": _USER,
                        "runAsGroup": _USER,
                        "fsGroup": _USER,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": container,
                            "image": IMAGE,
                            "command": ["python", "-m", "hydatis_pipelines", *command],
                            "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
                            "resources": {"requests": {"cpu": "1", "memory": "512Mi"}, "limits": {"memory": "2Gi"}},
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "volumeMounts": [{"name": "search", "mountPath": FOLDER, "readOnly": read_only}],
                        }
                    ],
                    "volumes": [{"name": "search", "persistentVolumeClaim": {"claimName": CLAIM, "readOnly": read_only}}],
                },
            },
        },
    }
