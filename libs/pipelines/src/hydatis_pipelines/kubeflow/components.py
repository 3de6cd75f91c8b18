"""The steps as Kubeflow components: typed inputs and outputs around the step's own command.

Lightweight components, because kfp's local runner takes no others; the code of each function is all that kfp sees of it, so each
imports what it calls. Nothing is installed when one starts: the image holds the project and kfp.

``state`` is a folder that all steps of a run see: here the state folder, in a cluster a mounted volume. Files that steps hand on
are artifacts of kfp, and go by its own store.
"""
# no `from __future__ import annotations`: kfp reads the annotations as they are

from collections.abc import Callable
from typing import Any, NamedTuple

from kfp import dsl

__all__ = [
    "IMAGE",
    "build_features",
    "business_check",
    "evaluate",
    "fall_back",
    "finish",
    "make_workload",
    "plan_retraining",
    "register",
    "register_dataset",
    "stop",
    "store_features",
    "track",
    "train_anomaly",
    "train_forecaster",
    "train_policy",
    "validate",
]

#: The project with its pipelines, and kfp. "python" is part of its name: kfp's local runner warns of images without.
IMAGE = "hydatis/pipelines-python:0.1.0"

_component: Callable[[Callable[..., Any]], Any] = dsl.component(base_image=IMAGE, install_kfp_package=False)


@_component
def register_dataset(state: str, run: str, trace: str, data: str, dataset: dsl.Output[dsl.Dataset]) -> None:
    """Raw data become a version; what it holds is handed on."""
    from hydatis_pipelines.kubeflow.step_call import call_step

    call_step(
        "register-dataset", "register-dataset", state, run, {"trace": trace, "data": data, "state": state, "out": dataset.path}
    )


@_component
def validate(
    state: str, run: str, trace: str, thresholds: str, dataset: dsl.Input[dsl.Dataset], report: dsl.Output[dsl.Artifact]
) -> str:
    """Quality gates: "passed" or "stopped"."""
    from hydatis_pipelines.kubeflow.step_call import call_step

    options = {"trace": trace, "thresholds": thresholds, "data": dataset.path, "out": report.path}
    return "passed" if call_step("validate", "validate", state, run, options)["passed"] else "stopped"


@_component
def stop(state: str, run: str, report: dsl.Input[dsl.Artifact], reasons: dsl.Output[dsl.Artifact]) -> None:
    """What is done instead of training: it says why."""
    from hydatis_pipelines.kubeflow.step_call import call_step

    call_step("stop", "stop", state, run, {"report": report.path, "out": reasons.path})


@_component
def make_workload(
    state: str,
    run: str,
    trace: str,
    days: int,
    pods: int,
    start_day: int,
    seed: int,
    dataset: dsl.Input[dsl.Dataset],
    workload: dsl.Output[dsl.Dataset],
) -> None:
    """The part of the trace that trains, with its cluster. 0 days or pods: as the trace's own table says; so does start day -1."""
    from hydatis_pipelines.kubeflow.step_call import call_step

    options = {"trace": trace, "data": dataset.path, "part": "training", "seed": seed, "out": workload.path}
    options |= {"days": days or None, "pod_count": pods or None, "start_day": start_day if start_day >= 0 else None}
    call_step("make-workload", "make-workload", state, run, options)


@_component
def build_features(
    state: str, run: str, seed: int, effort: str, workload: dsl.Input[dsl.Dataset], features: dsl.Output[dsl.Dataset]
) -> None:
    """The record of the node table over the workload: rows to learn from."""
    from hydatis_pipelines.kubeflow.step_call import call_step

    options = {"workload": workload.path, "seed": seed, "effort": effort, "out": features.path}
    call_step("build-features", "build-dataset", state, run, options)


@_component
def store_features(state: str, run: str, features: dsl.Input[dsl.Dataset], receipt: dsl.Output[dsl.Artifact]) -> None:
    """The same rows in Feast's offline store."""
    from hydatis_pipelines.kubeflow.step_call import call_step

    call_step("store-features", "store-features", state, run, {"dataset": features.path, "state": state, "out": receipt.path})


@_component
def train_forecaster(
    state: str,
    run: str,
    trained: str,
    resource: str,
    seed: int,
    effort: str,
    threads: int,
    features: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
) -> None:
    """XGBoost quantiles of one resource: "cpu" or "memory"; trained "no": the champion takes its place."""
    from hydatis_pipelines.kubeflow.step_call import call_step, take_champion

    if trained == "no":
        take_champion(f"{resource}-forecaster", state, run, model.path)
        return
    options = {"dataset": features.path, "resource": resource, "run": run, "seed": seed, "effort": effort, "threads": threads}
    call_step(f"train-{resource}-forecaster", "train-forecaster", state, run, {**options, "out": model.path})


@_component
def train_anomaly(
    state: str,
    run: str,
    trained: str,
    seed: int,
    effort: str,
    threads: int,
    features: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
) -> None:
    """Isolation Forest and its threshold; trained "no": the champion takes its place."""
    from hydatis_pipelines.kubeflow.step_call import call_step, take_champion

    if trained == "no":
        take_champion("anomaly-detector", state, run, model.path)
        return
    options = {"dataset": features.path, "run": run, "seed": seed, "effort": effort, "threads": threads, "out": model.path}
    call_step("train-anomaly-detector", "train-anomaly", state, run, options)


@_component
def train_policy(
    state: str,
    run: str,
    trained: str,
    seed: int,
    effort: str,
    workload: dsl.Input[dsl.Dataset],
    cpu_model: dsl.Input[dsl.Model],
    memory_model: dsl.Input[dsl.Model],
    model: dsl.Output[dsl.Model],
) -> None:
    """Q-learning in the simulator, on what the forecasters say: so it comes after them; trained "no": the champion."""
    from hydatis_pipelines.kubeflow.step_call import call_step, take_champion

    if trained == "no":
        take_champion("placement-policy", state, run, model.path)
        return
    options = {"workload": workload.path, "cpu_model": cpu_model.path, "memory_model": memory_model.path, "run": run}
    call_step("train-placement-policy", "train-policy", state, run, {**options, "seed": seed, "effort": effort, "out": model.path})


@_component
def evaluate(
    state: str,
    run: str,
    seed: int,
    effort: str,
    features: dsl.Input[dsl.Dataset],
    workload: dsl.Input[dsl.Dataset],
    evaluation: dsl.Output[dsl.Artifact],
    cpu_model: dsl.Input[dsl.Model] = None,
    memory_model: dsl.Input[dsl.Model] = None,
    anomaly_model: dsl.Input[dsl.Model] = None,
    policy_model: dsl.Input[dsl.Model] = None,
) -> None:
    """Candidates beside the champions and beside what costs nothing."""
    from hydatis_pipelines.kubeflow.step_call import call_step

    options = {
        "dataset": features.path,
        "workload": workload.path,
        "models_dir": f"{state}/models",
        "seed": seed,
        "effort": effort,
        "out": evaluation.path,
    }
    given = {"cpu_model": cpu_model, "memory_model": memory_model, "anomaly_model": anomaly_model, "policy_model": policy_model}
    call_step("evaluate", "evaluate", state, run, options | {name: model.path for name, model in given.items() if model})


@_component
def business_check(
    state: str,
    run: str,
    accept: str,
    seed: int,
    effort: str,
    workload: dsl.Input[dsl.Dataset],
    evaluation: dsl.Input[dsl.Artifact],
    business: dsl.Output[dsl.Artifact],
    cpu_model: dsl.Input[dsl.Model] = None,
    memory_model: dsl.Input[dsl.Model] = None,
    anomaly_model: dsl.Input[dsl.Model] = None,
    policy_model: dsl.Input[dsl.Model] = None,
) -> None:
    """What was accepted, put in the place of the champions: what placing then costs."""
    from hydatis_pipelines.kubeflow.step_call import call_step

    options = {
        "workload": workload.path,
        "evaluation": evaluation.path,
        "models_dir": f"{state}/models",
        "accept": accept,
        "seed": seed,
        "effort": effort,
        "out": business.path,
    }
    given = {"cpu_model": cpu_model, "memory_model": memory_model, "anomaly_model": anomaly_model, "policy_model": policy_model}
    call_step(
        "business-check", "business-check", state, run, options | {name: model.path for name, model in given.items() if model}
    )


@_component
def register(
    state: str,
    run: str,
    accept: str,
    evaluation: dsl.Input[dsl.Artifact],
    business: dsl.Input[dsl.Artifact],
    registered: dsl.Output[dsl.Artifact],
    cpu_model: dsl.Input[dsl.Model] = None,
    memory_model: dsl.Input[dsl.Model] = None,
    anomaly_model: dsl.Input[dsl.Model] = None,
    policy_model: dsl.Input[dsl.Model] = None,
) -> None:
    """Versions and signatures for what is good enough."""
    from hydatis_pipelines.kubeflow.step_call import call_step

    options = {
        "evaluation": evaluation.path,
        "business": business.path,
        "state": state,
        "accept": accept,
        "out": registered.path,
    }
    given = {"cpu_model": cpu_model, "memory_model": memory_model, "anomaly_model": anomaly_model, "policy_model": policy_model}
    call_step("register", "register", state, run, options | {name: model.path for name, model in given.items() if model})


@_component
def track(
    state: str,
    run: str,
    registered: dsl.Input[dsl.Artifact],
    report: dsl.Input[dsl.Artifact],
    tracked: dsl.Output[dsl.Artifact],
) -> None:
    """What serves, in MLflow."""
    from hydatis_pipelines.kubeflow.step_call import call_step

    options = {"registered": registered.path, "report": report.path, "state": state, "run": run, "out": tracked.path}
    call_step("track", "track", state, run, options)


@_component
def plan_retraining(
    state: str, run: str, drift: dict[str, Any], trace: str, start_day: int, days: int, plan: dsl.Output[dsl.Artifact]
) -> NamedTuple(  # type: ignore[valid-type]  # kfp takes outputs from the very type that stands here
    "Plan",
    Output=str,
    cpu_forecaster=str,
    memory_forecaster=str,
    anomaly_detector=str,
    placement_policy=str,
    start_day=int,
    days=int,
):
    """What a drift report (its JSON) calls for: "train", "fallback" or "none"; which families, and the days to learn from.

    What is done is the output named Output: kfp.local 2.17 takes a condition on another output of a task beside it for false.
    """
    import json
    from pathlib import Path

    from hydatis_pipelines.kubeflow.step_call import call_step

    file = Path(f"{plan.path}-drift.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(drift))
    options = {"drift": str(file), "models_dir": f"{state}/models", "trace": trace, "days": days or None, "out": plan.path}
    options |= {"start_day": start_day if start_day >= 0 else None}
    said = call_step("plan-retraining", "plan-retraining", state, run, options)
    flags = {name.replace("-", "_"): "yes" if trained else "no" for name, trained in said["trained"].items()}
    done = "train" if said["trains"] else said["action"]
    return done, *flags.values(), said["start_day"], said["days"]


@_component
def fall_back(state: str, run: str, plan: dsl.Input[dsl.Artifact], done: dsl.Output[dsl.Artifact]) -> None:
    """The version before serves again."""
    from hydatis_pipelines.kubeflow.step_call import call_step

    call_step("fall-back", "fall-back", state, run, {"plan": plan.path, "state": state, "out": done.path})


@_component
def finish(state: str, run: str) -> None:
    """Lineage, report and summary, whatever became of the other steps."""
    from hydatis_pipelines.kubeflow.step_call import call_step

    call_step("finish", "finish", state, run, {"state": state, "run": run}, recorded=False)
