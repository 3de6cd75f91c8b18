"""The steps, as functions from files to files.

This is what a pipeline engine sees: each step takes paths and plain values, writes its outputs whole, and says what it made. A
command, a container and the local run all call these.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hydatis_core.errors import InvalidValue

from hydatis_pipelines.effort import effort_named
from hydatis_pipelines.progress import Progress
from hydatis_pipelines.whole_files import digest_of

__all__ = ["build_dataset", "make_workload", "publish", "train_anomaly", "train_forecaster", "train_policy"]

# The libraries behind the steps weigh seconds and hundreds of megabytes; each step imports its own.


def make_workload(
    *,
    trace: str,
    data: Path | None,
    part: str | None,
    pod_count: int | None,
    start_day: int | None,
    days: int | None,
    request_factor: float,
    node_count: int | None,
    request_ratio: float,
    seed: int,
    out: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Reads or generates a trace, chooses its cluster and writes both down."""
    from hydatis_simulator.cluster_shape import make_nodes
    from hydatis_simulator.generator import generate_trace
    from hydatis_simulator.traces.registry import read_trace

    from hydatis_pipelines.trace_parts import training_workload
    from hydatis_pipelines.workload import write_workload

    if part == "training":
        chosen = training_workload(trace, data, seed=seed, start_day=start_day, days=days, pod_count=pod_count)
        made, nodes = chosen.trace, chosen.nodes
    elif trace == "synthetic":
        made = generate_trace(seed, pod_count or 500, days=days or 3, request_factor=request_factor)
        nodes = made.nodes
    elif data is None:
        raise InvalidValue(f"trace {trace} is read from a folder", field="data", expected="the folder that holds it")
    else:
        made = read_trace(
            trace, data, seed=seed, pod_count=pod_count, start_day=start_day or 0, days=days, request_factor=request_factor
        )
        nodes = made.nodes
    if node_count is not None or not nodes:
        nodes = make_nodes(made, node_count=node_count, target_request_ratio=request_ratio)
    progress(1, 1, f"{len(made.pods)} pods, {len(nodes)} nodes")
    return {"out": str(out), "digest": write_workload(out, made, nodes), "pods_count": len(made.pods), "nodes_count": len(nodes)}


def build_dataset(*, workload: Path, seed: int, effort: str, out: Path, progress: Progress) -> dict[str, Any]:
    """Replays the workload under the stock scheduler and writes the record of the node table."""
    from hydatis_pipelines import dataset_step
    from hydatis_pipelines.node_record import write_record
    from hydatis_pipelines.workload import read_workload

    trace, nodes = read_workload(workload)
    at_most = effort_named(effort).dataset_rows_count
    record = dataset_step.build_dataset(trace, nodes, seed=seed, rows_count_at_most=at_most, progress=progress)
    return {"out": str(out), "digest": write_record(out, record), "rows_count": record.rows_count}


def train_forecaster(
    *, dataset: Path, resource: str, run: str, seed: int, effort: str, threads: int, out: Path, progress: Progress
) -> dict[str, Any]:
    """Trains, calibrates and judges the forecaster of a resource."""
    from hydatis_pipelines import forecaster_step
    from hydatis_pipelines.node_record import read_record
    from hydatis_pipelines.trained_model import write_trained

    model = forecaster_step.train_forecaster(
        read_record(dataset),
        resource,
        dataset_version=digest_of(dataset),
        training_run=run,
        seed=seed,
        effort=effort_named(effort),
        threads_count=threads,
        progress=progress,
    )
    write_trained(out, model)
    return {"out": str(out), "metrics": dict(model.metrics)}


def train_anomaly(
    *, dataset: Path, run: str, seed: int, effort: str, threads: int, out: Path, progress: Progress
) -> dict[str, Any]:
    """Trains the anomaly detector and sets its threshold."""
    from hydatis_pipelines import anomaly_step
    from hydatis_pipelines.node_record import read_record
    from hydatis_pipelines.trained_model import write_trained

    model = anomaly_step.train_anomaly(
        read_record(dataset),
        dataset_version=digest_of(dataset),
        training_run=run,
        seed=seed,
        effort=effort_named(effort),
        threads_count=threads,
        progress=progress,
    )
    write_trained(out, model)
    return {"out": str(out), "metrics": dict(model.metrics)}


def train_policy(
    *,
    workload: Path,
    cpu_model: Path | None,
    memory_model: Path | None,
    run: str,
    seed: int,
    effort: str,
    out: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Trains the placement policy and compares it with what does not learn."""
    from hydatis_forecasting.model import QuantileForecaster

    from hydatis_pipelines import policy_step
    from hydatis_pipelines.trained_model import read_trained, write_trained
    from hydatis_pipelines.workload import read_workload

    if (cpu_model is None) != (memory_model is None):
        raise InvalidValue("one forecaster alone is no forecast", field="cpu_model, memory_model", expected="both or none")
    forecaster = None
    if cpu_model is not None and memory_model is not None:
        cpu, memory = (QuantileForecaster.from_files(dict(read_trained(path).files)) for path in (cpu_model, memory_model))
        forecaster = policy_step.forecast_with(cpu, memory)
    trace, nodes = read_workload(workload)
    model = policy_step.train_placement_policy(
        trace,
        nodes,
        dataset_version=digest_of(workload),
        training_run=run,
        seed=seed,
        effort=effort_named(effort),
        forecaster=forecaster,
        progress=progress,
    )
    write_trained(out, model)
    return {"out": str(out), "metrics": dict(model.metrics)}


def publish(*, model: Path, models_dir: Path, signing_key: Path | None, progress: Progress) -> dict[str, Any]:
    """Gives a trained model its version, signs it and puts it where servers look."""
    from hydatis_lifecycle.adapters.signers import signer_of
    from hydatis_lifecycle.adapters.sigstore_signer import SigstoreIdentity

    from hydatis_pipelines import publish_step
    from hydatis_pipelines.trained_model import read_trained

    identity = SigstoreIdentity.of(os.environ)
    signer = signer_of(signing_key or Path(), identity) if signing_key is not None or identity is not None else None
    published = publish_step.publish(read_trained(model), models_dir, signer)
    progress(1, 1, f"{published.manifest.name} {published.manifest.version}")
    return {
        "out": str(published.path),
        "name": published.manifest.name,
        "version": published.manifest.version,
        "signer": signer.identity if signer is not None else "",
    }
