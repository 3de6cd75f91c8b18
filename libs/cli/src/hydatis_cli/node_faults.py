"""Nodes of a replayed trace with faults in them: what the product's detector is judged on.

Virtual machines of Bitbrains are placed on nodes by a stock scheduler; a week stays quiet, then every node has faults. The features
come from the engine that serves, the detector is the one that is trained by the pipeline or a frozen one, on other machines and
earlier days; each node's trailing threshold begins with its quiet week.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hydatis_anomaly.forest import IsolationForestArrays
from hydatis_anomaly.metrics import wilson_interval
from hydatis_anomaly.trailing_threshold import LEAST_RISK
from hydatis_features.usage import METRICS
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_pipelines.anomaly_step import train_anomaly
from hydatis_pipelines.effort import effort_named
from hydatis_pipelines.node_record import NodeRecord, NodeRecorder
from hydatis_simulator.benchmark.anomaly.detectors import Judged
from hydatis_simulator.benchmark.anomaly.fault_plan import Fault, labels_of, plan_faults, with_faults
from hydatis_simulator.benchmark.anomaly.faults import FAULTS
from hydatis_simulator.benchmark.anomaly.flags import confirmed
from hydatis_simulator.benchmark.anomaly.machine_run import DEFAULT_RATE, RATES, Progress, run_machines, trailing_flags
from hydatis_simulator.benchmark.anomaly.observed import Observed
from hydatis_simulator.cluster_shape import SHAPES, make_nodes
from hydatis_simulator.labelled.machine import LabelledMachine, Segment
from hydatis_simulator.policy import StockPolicy
from hydatis_simulator.replay import replay
from hydatis_simulator.traces.registry import read_trace
from numpy.typing import NDArray

__all__ = ["NODE_TABLE", "Sizes", "run_nodes"]

#: Name of the product's detector.
NODE_TABLE = "node-table forest (product)"
TICK_SECONDS = 300.0
_DAY_TICKS = 288
_CONFIRM_TICKS = 3
_REQUEST_FACTOR = 0.3


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is replayed."""

    pods: int
    train_days: int
    test_start_day: int
    quiet_days: int
    fault_days: int
    faults_per_node: int


#: Two weeks train, three weeks are judged, a month later and on other machines.
FULL = Sizes(400, 14, 31, 7, 14, 5)
QUICK = Sizes(60, 2, 31, 2, 3, 2)


def run_nodes(data: Path, models: Path | None, *, seed: int, quick: bool, progress: Progress) -> dict[str, Any]:
    """Figures over nodes with injected faults, as JSON values.

    Args:
        data: folder of traces.
        models: folder of frozen models; None: the detector is trained here.
        seed: of everything random.
        quick: a small slice.
        progress: told of steps.

    Raises:
        TraceRefused: the trace cannot be read.
        ArtifactRefused: there is no such model.
    """
    sizes = QUICK if quick else FULL
    forest, version = _detector(data, models, sizes, seed, progress)
    days = sizes.quiet_days + sizes.fault_days
    observed = _observe(data, sizes.pods, sizes.test_start_day, days, (0.7, 1.0), seed)
    clean = observed.usage
    quiet = sizes.quiet_days * _DAY_TICKS
    faults = plan_faults(
        len(clean), len(observed.nodes), TICK_SECONDS, quiet_ticks=quiet, per_node=sizes.faults_per_node, seed=seed
    )
    usage = with_faults(clean, observed.nodes, faults, seed)
    recorder = NodeRecorder()
    observed.tell(recorder, usage)
    judged = _judge(forest, recorder.record(), quiet)
    machines = _machines(observed, usage, faults, quiet)
    figures = run_machines(machines, seed=seed, progress=progress, given={NODE_TABLE: judged})
    figures["by_fault"] = _by_fault(judged, machines, faults, quiet)
    return figures | {"model_version": version, "nodes": len(machines), "faults": len(faults), "quiet_days": sizes.quiet_days}


def _observe(data: Path, pods: int, start_day: int, days: int, share: tuple[float, float], seed: int) -> Observed:
    trace = read_trace(
        "bitbrains",
        data,
        seed=seed,
        pod_count=pods,
        start_day=start_day,
        days=days,
        machine_share=share,
        request_factor=_REQUEST_FACTOR,
    )
    observed = Observed()
    nodes = make_nodes(trace, target_request_ratio=0.75, shapes=[SHAPES["general-32"]])
    replay(trace, nodes, StockPolicy(), [observed], seed=seed, tick_seconds=TICK_SECONDS)
    return observed


def _detector(data: Path, models: Path | None, sizes: Sizes, seed: int, progress: Progress) -> tuple[IsolationForestArrays, str]:
    if models is not None:
        artifact = ArtifactFolder(models).load("anomaly-detector")
        return IsolationForestArrays.from_files(dict(artifact.files)), f"{artifact.manifest.version} (frozen)"
    progress(0, 1, "training the node-table detector")
    observed = _observe(data, sizes.pods, 0, sizes.train_days, (0.0, 0.7), seed)
    recorder = NodeRecorder()
    observed.tell(recorder, observed.usage)
    effort = effort_named("demo" if sizes is QUICK else "full")
    trained = train_anomaly(recorder.record(), dataset_version="bench", training_run="bench", seed=seed, effort=effort)
    return IsolationForestArrays.from_files(dict(trained.files)), "trained here"


def _judge(forest: IsolationForestArrays, record: NodeRecord, quiet: int) -> list[Judged]:
    """Risks by node, the quiet ticks as what was seen before."""
    rows = record.rows(forest.columns)
    thresholds = dict.fromkeys(RATES, LEAST_RISK)
    risks = [forest.risk(np.ascontiguousarray(rows[:, node])) for node in range(len(record.tables[0].node_names))]
    return [Judged(risk[:quiet], risk[quiet:], thresholds) for risk in risks]


def _machines(observed: Observed, usage: NDArray[np.float32], faults: tuple[Fault, ...], quiet: int) -> list[LabelledMachine]:
    """Every node's own measurements, for detectors that look at one machine."""
    labels = labels_of(faults, len(usage), len(observed.nodes))
    return [
        LabelledMachine(
            node.name,
            METRICS,
            TICK_SECONDS,
            usage[:quiet, place],
            usage[quiet:, place],
            labels[quiet:, place],
            tuple(Segment(fault.first - quiet, fault.end - quiet) for fault in faults if fault.node == place),
        )
        for place, node in enumerate(observed.nodes)
    ]


def _by_fault(
    judged: list[Judged], machines: list[LabelledMachine], faults: tuple[Fault, ...], quiet: int
) -> dict[str, dict[str, Any]]:
    """How many faults of each kind the product's alarms (default rate, confirmed) find."""
    flags = trailing_flags(judged, DEFAULT_RATE, machines[0].tick_seconds)
    kept = [confirmed(one, _CONFIRM_TICKS) for one in flags]
    answer = {}
    for kind in FAULTS:
        found = [bool(kept[fault.node][fault.first - quiet : fault.end - quiet].any()) for fault in faults if fault.kind == kind]
        answer[kind] = {"faults": len(found), "found": sum(found), "recall_95": wilson_interval(sum(found), len(found))}
    return answer
