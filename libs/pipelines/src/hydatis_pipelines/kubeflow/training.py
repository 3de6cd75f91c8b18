"""The training pipeline: from raw data to signed, registered models.

    register-dataset -> validate -+- passed: make-workload -> build-features -> train, side by side where the engine does it
                                  |    (the policy after the forecasters, on whose words it learns)
                                  |    -> evaluate -> business-check -> register
                                  +- else: stop

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

__all__ = ["training"]


_pipeline: Callable[[Callable[..., None]], Any] = dsl.pipeline(
    name="hydatis-training", description="From raw metrics to signed, registered models."
)


@_pipeline
def training(
    run: str,
    trace: str = "bitbrains",
    data: str = f"{STATE_FOLDER}/data",
    state: str = STATE_FOLDER,
    thresholds: str = "",
    effort: str = "demo",
    accept: str = "better",
    start_day: int = -1,
    days: int = 0,
    pods: int = 0,
    seed: int = 1,
    threads: int = 2,
) -> None:
    """Trains all families and registers what is better than the champions.

    Args:
        run: a name that no other run has; a recurring run of Kubeflow writes ``[[RunUUID]]``.
        trace: which trace the data folder holds.
        data: folder of raw data; the first step reads it.
        state: folder that all steps see, with catalogue, models and cache.
        thresholds: file with gates; empty: the usual ones.
        effort: smoke, demo or full.
        accept: better, or not_worse.
        start_day: first day of the trace; -1: as the table of parts says.
        days: how many; 0: as the table of parts says.
        pods: side by side; 0: as the table of parts says.
        seed: everything random follows from it.
        threads: of a training step.
    """
    with dsl.ExitHandler(on_state(steps.finish(state=state, run=run))):
        dataset, gate = checked(state, run, trace, data, thresholds)
        with dsl.If(gate.outputs["Output"] == "passed", name="gate-passed"):
            made = {"state": state, "run": run, "seed": seed}
            workload, features = features_of(made, effort, trace, start_day, days, pods, dataset)
            learned = {"effort": effort, **made}
            cpu = forecaster(learned, "cpu", threads, features)
            memory = forecaster(learned, "memory", threads, features)
            anomaly = detector(learned, threads, features)
            policy = policy_of(learned, workload, cpu, memory)
            models = {"cpu_model": cpu, "memory_model": memory, "anomaly_model": anomaly, "policy_model": policy}
            judged(learned, accept, features, workload, models, gate.outputs["report"])
        with dsl.Else(name="gate-missed"):
            stopped(state, run, gate)
