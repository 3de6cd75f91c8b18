"""Parts that the graphs of both pipelines are made of: tasks, and what they hand on.

Each takes and gives what kfp's tasks take and give (values, parameters of the pipeline, outputs of other tasks), which kfp checks
when the pipeline is compiled.
"""

from __future__ import annotations

from typing import Any

from kfp import kubernetes

from hydatis_pipelines.kubeflow import components as steps

__all__ = [
    "STATE_CLAIM",
    "STATE_FOLDER",
    "checked",
    "detector",
    "features_of",
    "forecaster",
    "judged",
    "on_state",
    "policy_of",
    "stopped",
]

#: Where steps in a cluster see the state folder, and the claim of the volume that it is on.
STATE_FOLDER = "/var/lib/hydatis"
STATE_CLAIM = "hydatis-state"


def on_state(task: Any) -> Any:
    """A task that sees the state folder, and that kfp does not cache: the step does it by what it reads."""
    kubernetes.mount_pvc(task, pvc_name=STATE_CLAIM, mount_path=STATE_FOLDER)
    return task.set_caching_options(False)


def checked(state: Any, run: Any, trace: Any, data: Any, thresholds: Any) -> tuple[Any, Any]:
    """The registered dataset, and the task whose output is the gate."""
    dataset = on_state(steps.register_dataset(state=state, run=run, trace=trace, data=data)).outputs["dataset"]
    return dataset, on_state(steps.validate(state=state, run=run, trace=trace, thresholds=thresholds, dataset=dataset))


def stopped(state: Any, run: Any, gate: Any) -> None:
    """What is done instead of training."""
    on_state(steps.stop(state=state, run=run, report=gate.outputs["report"]))


def features_of(
    made: dict[str, Any], effort: Any, trace: Any, start_day: Any, days: Any, pods: Any, dataset: Any
) -> tuple[Any, Any]:
    """Workload and rows."""
    workload = on_state(steps.make_workload(trace=trace, start_day=start_day, days=days, pods=pods, dataset=dataset, **made))
    features = on_state(steps.build_features(effort=effort, workload=workload.outputs["workload"], **made)).outputs["features"]
    on_state(steps.store_features(state=made["state"], run=made["run"], features=features))
    return workload.outputs["workload"], features


def forecaster(learned: dict[str, Any], resource: str, threads: Any, features: Any, trained: Any = "yes") -> Any:
    """A trained forecaster, or the champion."""
    task = on_state(steps.train_forecaster(trained=trained, resource=resource, threads=threads, features=features, **learned))
    return task.set_display_name(f"train-{resource}-forecaster").outputs["model"]


def detector(learned: dict[str, Any], threads: Any, features: Any, trained: Any = "yes") -> Any:
    """A trained detector, or the champion."""
    return on_state(steps.train_anomaly(trained=trained, threads=threads, features=features, **learned)).outputs["model"]


def policy_of(learned: dict[str, Any], workload: Any, cpu: Any, memory: Any, trained: Any = "yes") -> Any:
    """A trained policy, or the champion."""
    given = {"workload": workload, "cpu_model": cpu, "memory_model": memory}
    return on_state(steps.train_policy(trained=trained, **given, **learned)).outputs["model"]


def judged(learned: dict[str, Any], accept: Any, features: Any, workload: Any, models: dict[str, Any], report: Any) -> None:
    """Evaluate, business check, register: what they say decides what is published."""
    evaluation = on_state(steps.evaluate(features=features, workload=workload, **learned, **models)).outputs["evaluation"]
    business = on_state(steps.business_check(accept=accept, workload=workload, evaluation=evaluation, **learned, **models))
    told = {"state": learned["state"], "run": learned["run"], "accept": accept}
    registered = on_state(steps.register(evaluation=evaluation, business=business.outputs["business"], **told, **models))
    place = {"state": learned["state"], "run": learned["run"]}
    on_state(steps.track(registered=registered.outputs["registered"], report=report, **place))
