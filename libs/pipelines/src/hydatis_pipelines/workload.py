"""A workload as a file: a trace and the cluster it is placed on, ready for any step.

Reading and shaping a published trace takes choices (which days, how many pods, which nodes); every step of a run must see the
same. So they are made once and written down, and the steps take the file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from hydatis_core.errors import ArtifactRefused, HydatisError
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_simulator.trace import AppliedRule, Trace, TracePod, TraceReport
from numpy.typing import NDArray

from hydatis_pipelines.whole_files import read_arrays, write_arrays

__all__ = ["read_workload", "write_workload"]

FORMAT = "hydatis-workload/1"


def write_workload(path: Path, trace: Trace, nodes: Sequence[Node]) -> str:
    """Writes a trace and its cluster; returns the digest of the file."""
    header = {
        "format": FORMAT,
        "name": trace.name,
        "step_seconds": trace.step_seconds,
        "start_seconds": trace.start_seconds,
        "steps_count": trace.steps_count,
        "pods": [_pod_out(pod) for pod in trace.pods],
        "trace_nodes": [asdict(node) for node in trace.nodes],
        "nodes": [asdict(node) for node in nodes],
        "report": asdict(trace.report),
    }
    arrays: dict[str, NDArray[np.generic]] = {
        "header": np.frombuffer(json.dumps(header, allow_nan=False).encode(), dtype=np.uint8),
        "cpu_used_cores": _narrow(trace.cpu_used_cores),
        "memory_used_bytes": _narrow(trace.memory_used_bytes),
    }
    if trace.io is not None:
        arrays["io"] = trace.io
    return write_arrays(path, arrays)


def read_workload(path: Path) -> tuple[Trace, tuple[Node, ...]]:
    """The trace and the cluster of a file; the trace's digest is the same as before.

    Raises:
        ArtifactRefused: the file is not a workload.
    """
    arrays = read_arrays(path, "workload")
    try:
        header = json.loads(arrays["header"].tobytes())
        if header["format"] != FORMAT:
            raise ArtifactRefused(f"format {header['format']!r}", field="workload", expected=FORMAT)
        shape = (len(header["pods"]), int(header["steps_count"]))
        report = header["report"]
        trace = Trace(
            name=header["name"],
            step_seconds=header["step_seconds"],
            start_seconds=header["start_seconds"],
            pods=tuple(_pod_in(pod) for pod in header["pods"]),
            cpu_used_cores=_wide(arrays["cpu_used_cores"], shape),
            memory_used_bytes=_wide(arrays["memory_used_bytes"], shape),
            nodes=tuple(_node_in(node) for node in header["trace_nodes"]),
            io=arrays["io"].astype(np.float32, copy=False) if "io" in arrays else None,
            report=TraceReport(
                report["source"],
                report["rows_count"],
                tuple(AppliedRule(**rule) for rule in report["rules"]),
                tuple(report["assumptions"]),
            ),
        )
        return trace, tuple(_node_in(node) for node in header["nodes"])
    except ArtifactRefused:
        raise
    except (KeyError, TypeError, ValueError, HydatisError) as cause:
        shown = f"{path} is not a workload: {str(cause)[:200]}"
        raise ArtifactRefused(shown, field="workload", expected="a file that make-workload wrote") from cause


def _pod_out(trace_pod: TracePod) -> dict[str, Any]:
    ends = math.isfinite(trace_pod.end_seconds)
    return asdict(trace_pod) | {"end_seconds": trace_pod.end_seconds if ends else None}


def _pod_in(value: dict[str, Any]) -> TracePod:
    pod = dict(value["pod"])
    pod["requests"], pod["limits"] = Resources(**pod["requests"]), Resources(**pod["limits"])
    end = math.inf if value["end_seconds"] is None else value["end_seconds"]
    return TracePod(Pod(**pod), value["arrival_seconds"], end, tuple(value["gpu_models"]))


def _node_in(value: dict[str, Any]) -> Node:
    devices = tuple(GpuDevice(**device) for device in value["gpu_devices"])
    return Node(value["name"], Resources(**value["allocatable"]), value["pod_limit_count"], devices)


def _narrow(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """One column, where a reader repeats it as a view (use that does not change): it would be written thousands of times."""
    return np.ascontiguousarray(matrix[:, :1] if matrix.strides[1] == 0 else matrix)


def _wide(matrix: NDArray[np.generic], shape: tuple[int, int]) -> NDArray[np.float32]:
    values = matrix.astype(np.float32, copy=False)
    return np.broadcast_to(values, shape) if values.shape == (shape[0], 1) else values
