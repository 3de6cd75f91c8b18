"""The retraining pipeline: what a drift calls for, and no more.

    plan-retraining -+- trains: register-dataset -> validate -> as in training, with the champion in the place of each family
                     |    that did not drift
                     +- falls back: the version before serves again

``finish`` comes last, whatever failed: lineage and report.
"""
# no `from __future__ import annotations`: kfp reads the annotations as they are

from collections.abc import Callable
from typing import Any

from kfp import dsl

from hydatis_pipelines.kubeflow import components as steps
from hydatis_pipelines.kubeflow.graph_parts import (
    STATE_FOLDER,
    checked,
    detector,
    features_of,
    forecaster,
    judged,
    on_state,
    policy_of,
    stopped,
)

__all__ = ["retraining"]


_pipeline: Callable[[Callable[..., None]], Any] = dsl.pipeline(
    name="hydatis-retraining", description="What a drift calls for: one family, all of them, or the version before."
)


@_pipeline
def retraining(
    run: str,
    drift: dict[str, Any],
    trace: str = "bitbrains",
    data: str = f"{STATE_FOLDER}/data",
    state: str = STATE_FOLDER,
    thresholds: str = "",
    effort: str = "demo",
    accept: str = "not_worse",
    start_day: int = -1,
    days: int = 0,
    pods: int = 0,
    seed: int = 1,
    threads: int = 2,
) -> None:
    """Decides by the drift report and does it; arguments as those of ``training``.

    Args:
        drift: the report, as ``hydatis_lifecycle.retraining.DriftReport`` reads it.
    """
    with dsl.ExitHandler(on_state(steps.finish(state=state, run=run))):
        plan = on_state(steps.plan_retraining(state=state, run=run, drift=drift, trace=trace, start_day=start_day, days=days))
        with dsl.If(plan.outputs["Output"] == "train", name="trains"):
            dataset, gate = checked(state, run, trace, data, thresholds)
            with dsl.If(gate.outputs["Output"] == "passed", name="gate-passed"):
                made = {"state": state, "run": run, "seed": seed}
                workload, features = features_of(
                    made, effort, trace, plan.outputs["start_day"], plan.outputs["days"], pods, dataset
                )
                learned = {"effort": effort, **made}
                cpu = forecaster(learned, "cpu", threads, features, plan.outputs["cpu_forecaster"])
                memory = forecaster(learned, "memory", threads, features, plan.outputs["memory_forecaster"])
                anomaly = detector(learned, threads, features, plan.outputs["anomaly_detector"])
                policy = policy_of(learned, workload, cpu, memory, plan.outputs["placement_policy"])
                models = {"cpu_model": cpu, "memory_model": memory, "anomaly_model": anomaly, "policy_model": policy}
                judged(learned, accept, features, workload, models, gate.outputs["report"])
            with dsl.Else(name="gate-missed"):
                stopped(state, run, gate)
        with dsl.If(plan.outputs["Output"] == "fallback", name="falls-back"):
            on_state(steps.fall_back(state=state, run=run, plan=plan.outputs["plan"]))
