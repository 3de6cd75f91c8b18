"""A capture of any size without a cluster: replicas of a seeded workload, their days shifted, on as many nodes as one likes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from hydatis_assessment.capture.folder import CaptureFolder
from hydatis_assessment.capture.question import question
from hydatis_assessment.capture.whole_store import Head, use_file, write_whole
from hydatis_assessment.cluster_use import DAY_SECONDS, ContainerRow
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_core.seeds import generator
from hydatis_simulator.generator import generate_trace
from hydatis_sizing.recommendation import Amounts, ContainerName

__all__ = ["write_synthetic_capture"]

_MACHINES_COUNT, _REPLICAS_COUNT, _NAMESPACES_COUNT = 400, 10, 40
#: Share of the nodes that is requested.
_REQUEST_RATIO = 0.8
_NAMELESS = "http://synthetic.invalid"


def write_synthetic_capture(path: Path, *, pods_count: int, nodes_count: int, days: int, seed: int) -> None:
    """Writes a finished capture.

    Args:
        path: its folder, not there yet.
        pods_count: pods of one container, ten to a Deployment.
        nodes_count: nodes, all alike, large enough that four fifths of them are requested.
        days: days of five minutes.
        seed: of everything random.
    """
    trace = generate_trace(seed, _MACHINES_COUNT, days=days, arrival_window_seconds=0.0)
    steps = round(DAY_SECONDS / trace.step_seconds)
    random = generator(seed, "synthetic capture")
    machine = np.repeat(random.integers(0, _MACHINES_COUNT, math.ceil(pods_count / _REPLICAS_COUNT)), _REPLICAS_COUNT)[:pods_count]
    shift = random.integers(0, days, pods_count)
    rows = [_row(number, trace.pods[of].pod.requests) for number, of in enumerate(machine)]
    order = sorted(range(pods_count), key=lambda number: (rows[number].name, rows[number].pod))
    machine, shift, rows = machine[order], shift[order], [rows[number] for number in order]
    series = np.stack([trace.cpu_used_cores, trace.memory_used_bytes]).reshape(2, _MACHINES_COUNT, days, steps)
    folder = CaptureFolder(path)
    folder.begin(question(_NAMELESS, trace.start_seconds + days * DAY_SECONDS, days))
    with use_file(path, (2, pods_count, days * steps)) as put:
        for day in range(days):
            put(day * steps, series[:, machine, (day - shift) % days])
    unknown = np.full((pods_count, days), np.nan)
    on = np.repeat(random.integers(0, nodes_count, pods_count)[:, None], days, axis=1)
    write_whole(
        folder,
        Head(source=f"synthetic, seed {seed}", start_seconds=trace.start_seconds, step_seconds=trace.step_seconds),
        _nodes(rows, nodes_count),
        rows,
        {
            "node_by_day": on.astype(np.int32),
            "throttled_ratio": unknown.astype(np.float32),
            "kills_count": unknown.astype(np.float32),
            "killed_at_bytes": unknown,
        },
    )


def _row(number: int, asked: Resources) -> ContainerRow:
    workload, replica = divmod(number, _REPLICAS_COUNT)
    name = ContainerName(f"team-{workload % _NAMESPACES_COUNT:02d}", f"Deployment/app-{workload:05d}", "main")
    return ContainerRow(name, f"app-{workload:05d}-{replica}", requests=Amounts(asked.cpu_cores, asked.memory_bytes))


def _nodes(rows: list[ContainerRow], count: int) -> list[Node]:
    cores, memory = (
        math.ceil(sum(amounts) / (_REQUEST_RATIO * count))
        for amounts in zip(*((row.requests.cpu_cores, row.requests.memory_bytes) for row in rows), strict=True)
    )
    return [Node(f"node-{number:04d}", Resources(float(cores), float(memory))) for number in range(count)]
