"""The nodes and pod lists of openb as the arena needs them: requests only."""

from __future__ import annotations

from pathlib import Path

from hydatis_core.errors import TraceRefused

from hydatis_simulator.benchmark.fragmentation.cluster import GpuNode
from hydatis_simulator.benchmark.fragmentation.shapes import PodShape, Workload
from hydatis_simulator.traces.arrow import read_parquet
from hydatis_simulator.traces.folder import trace_folder

__all__ = ["read_nodes", "read_workload"]

_NODES = ("node_name", "cpu_milli", "memory_mib", "gpu_count", "gpu_model")
_PODS = ("cpu_milli", "memory_mib", "gpu_count", "gpu_milli_per_gpu", "gpu_spec")


def read_nodes(folder: Path, node_list: str = "gpu_node") -> tuple[GpuNode, ...]:
    """The cluster, from ``nodes_<list>.parquet``, in the order of the names.

    Raises:
        TraceRefused: the file is missing, damaged, or lacks a column.
    """
    table = read_parquet(_file(folder, f"nodes_{node_list}.parquet"), _NODES)
    nodes = [
        GpuNode(str(name), int(cpu), int(memory), int(gpus), str(model or ""))
        for name, cpu, memory, gpus, model in zip(*(table[column] for column in _NODES), strict=True)
    ]
    return tuple(sorted(nodes, key=lambda node: node.name))


def read_workload(folder: Path, pod_list: str) -> Workload:
    """One list of ``pods.parquet``.

    Raises:
        TraceRefused: the file is missing, damaged, lacks a column, or has no such list.
        InvalidValue: no pod of the list asks for a GPU.
    """
    path = _file(folder, "pods.parquet")
    table = read_parquet(path, _PODS, [("pod_list", "=", pod_list)])
    if not table["cpu_milli"].size:
        lists = sorted(set(read_parquet(path, ["pod_list"])["pod_list"].tolist()))
        raise TraceRefused(f"{path} has no list {pod_list!r} of pods", field="pod_list", expected=f"one of {', '.join(lists)}")
    rows = zip(*(table[column] for column in _PODS), strict=True)
    return Workload.of(
        [
            PodShape(int(cpu), int(memory), int(gpus), int(milli), frozenset(filter(None, str(spec or "").split("|"))))
            for cpu, memory, gpus, milli, spec in rows
        ]
    )


def _file(folder: Path, name: str) -> Path:
    path = trace_folder("openb", folder) / name
    if not path.is_file():
        raise TraceRefused(f"there is no {path}", field=name, expected="a folder laid out as the openb trace")
    return path
