"""openb (Alibaba cluster-trace-gpu-v2023): pods and nodes of a production GPU cluster, with requests and lives but no use.

Published in alibaba/clusterdata; Weng, Yang et al., "Beware of Fragmentation", USENIX ATC 2023. Good for placement and
fragmentation; since nobody measured use, a pod here uses what it asked for, which says nothing about forecasts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hydatis_core.errors import TraceRefused
from hydatis_core.event_time import DAY_SECONDS
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_core.seeds import generator
from numpy.typing import NDArray

from hydatis_simulator.trace import Trace, TracePod, TraceReport
from hydatis_simulator.traces.arrow import Columns, check_columns, read_parquet, read_text
from hydatis_simulator.traces.folder import find, trace_folder
from hydatis_simulator.traces.options import TraceOptions
from hydatis_simulator.traces.rules import RuleCounts

__all__ = ["NAME", "ORIGIN_SECONDS", "RULES", "TRACE_END_SECONDS", "read"]

NAME = "openb"
STEP_SECONDS = 300.0
MIB = 2.0**20
#: The trace counts from its own start; its clock is set to 2023-01-01 00:00 UTC.
ORIGIN_SECONDS = 1_672_531_200.0
#: Deletion times are capped at this (seconds from the start): such a pod runs on.
TRACE_END_SECONDS = 12_902_960.0
#: A life of no length cannot be replayed.
SHORTEST_LIFE_SECONDS = 1.0

RULES = {
    "unparsable_line": "A line of the raw layout has another number of fields or something that is no number: set aside.",
    "negative_value": "A pod or node with a negative amount, or a node without CPU or memory: set aside.",
    "name_repeated": "A pod repeats a name of its list: its uid carries its row.",
    "memory_request_zero": "A pod asks for no memory: kept, it is taken to use none.",
    "life_zero": "A pod ends when or before it is created: it lives one second.",
    "times_missing": "A pod without creation time: it arrives within the arrival window (seeded) and runs on.",
    "alive_at_start": "A pod created before the window and alive in it: it arrives at the window's start.",
    "outside_window": "A pod that lives in other days than those chosen: not used.",
    "capped_at_end": "A pod's end is the trace's: it runs on.",
    "gpu_spec": "A pod that may run on some GPU models only: honoured.",
}

ASSUMPTIONS = (
    "Use is taken to be the request: the trace has none.",
    "The clock is set to 2023-01-01 00:00 UTC at the trace's start: hours of the day are not the true ones.",
    "Pods are never copied: asking for more than the list has gives the list.",
    "A pod's namespace is its quality of service, its workload the pods that ask for the same.",
)

_POD_COLUMNS = {
    "name": "pod_name",
    "cpu_milli": "cpu_milli",
    "memory_mib": "memory_mib",
    "num_gpu": "gpu_count",
    "gpu_milli": "gpu_milli_per_gpu",
    "gpu_spec": "gpu_spec",
    "qos": "qos",
    "pod_phase": "pod_phase",
    "creation_time": "creation_time_s",
    "deletion_time": "deletion_time_s",
    "scheduled_time": "scheduled_time_s",
}
_NODE_COLUMNS = {"sn": "node_name", "cpu_milli": "cpu_milli", "memory_mib": "memory_mib", "gpu": "gpu_count", "model": "gpu_model"}
_POD_NUMBERS = ("cpu_milli", "memory_mib", "gpu_count", "gpu_milli_per_gpu", "creation_time_s", "deletion_time_s")
_POD_KEPT = ("pod_name", "gpu_spec", "qos", *_POD_NUMBERS)
#: Lists made for fragmentation tests only have no times (nor quality of service): missing columns of these are read as empty.
_POD_NEEDED = ("pod_name", "cpu_milli", "memory_mib", "gpu_count", "gpu_milli_per_gpu")


@dataclass(frozen=True, slots=True)
class _RawColumns:
    """Columns of a raw file: wanted, not to be missed, and those that are text."""

    kept: tuple[str, ...]
    needed: tuple[str, ...]
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Window:
    start: float
    end: float


def read(folder: Path, options: TraceOptions) -> Trace:
    """Reads the trace: ``pods.parquet`` and ``nodes_<list>.parquet``, or raw ``openb_{pod,node}_list_<list>.csv``.

    Usage matrices repeat one column as a view (use does not change), so that months of thousands of pods take no memory.

    Raises:
        TraceRefused: the folder, a file, a list or a column is missing or damaged, or no pod lives in the window.
    """
    folder = trace_folder(NAME, folder)
    rules = RuleCounts(RULES)
    pods_table = _pods_table(folder, options.pod_list, rules)
    nodes = _nodes(folder, options.node_list, rules)
    rules.rows_count = len(pods_table["pod_name"])
    if rules.rows_count < 2:
        raise TraceRefused(f"list {options.pod_list!r} has {rules.rows_count} pods", field="pods", expected="at least two")
    start = options.start_day * DAY_SECONDS
    last = math.ceil(TRACE_END_SECONDS / STEP_SECONDS) * STEP_SECONDS
    window = _Window(start, last if options.days is None else min(last, start + options.days * DAY_SECONDS))
    if window.end <= window.start:
        days = math.ceil(TRACE_END_SECONDS / DAY_SECONDS)
        raise TraceRefused(f"the trace has no day {options.start_day}", field="start_day", expected=f"0 to {days - 1}")
    pods = _pods(pods_table, options, window, rules)
    if not pods:
        raise TraceRefused(f"no pod of list {options.pod_list!r} lives in these days", field="start_day, days")
    steps_count = round((window.end - window.start) / STEP_SECONDS)
    report = TraceReport(f"list {options.pod_list} on {options.node_list}", rules.rows_count, rules.applied(), ASSUMPTIONS)
    return Trace(
        name=NAME,
        step_seconds=STEP_SECONDS,
        start_seconds=ORIGIN_SECONDS + window.start,
        pods=pods,
        nodes=nodes,
        cpu_used_cores=_constant([p.pod.requests.cpu_cores for p in pods], steps_count),
        memory_used_bytes=_constant([p.pod.requests.memory_bytes for p in pods], steps_count),
        report=report,
    )


def _constant(values: list[float], steps_count: int) -> NDArray[np.float32]:
    return np.broadcast_to(np.array(values, dtype=np.float32)[:, None], (len(values), steps_count))


def _pods_table(folder: Path, pod_list: str, rules: RuleCounts) -> Columns:
    parquet = find(folder, ["pods.parquet"])
    if parquet is not None:
        table = read_parquet(parquet[1][0], _POD_KEPT, [("pod_list", "=", pod_list)])
        if not len(table["pod_name"]):
            lists = sorted(set(read_parquet(parquet[1][0], ["pod_list"])["pod_list"].tolist()))
            raise TraceRefused(f"there is no list {pod_list!r} of pods", field="pod_list", expected=f"one of {', '.join(lists)}")
        return table
    path = _list_path(folder, "pod", pod_list)
    return _raw_table(path, _POD_COLUMNS, _RawColumns(_POD_KEPT, _POD_NEEDED, ("pod_name", "gpu_spec", "qos")), rules)


def _nodes(folder: Path, node_list: str, rules: RuleCounts) -> tuple[Node, ...]:
    kept = tuple(_NODE_COLUMNS.values())
    parquet = find(folder, [f"nodes_{node_list}.parquet"])
    if parquet is not None:
        table = read_parquet(parquet[1][0], kept)
    elif find(folder, ["nodes_*.parquet"]) is not None:
        raise TraceRefused(f"there is no list {node_list!r} of nodes", field="node_list", expected="gpu_node or all_node")
    else:
        columns = _RawColumns(kept, kept[:3], ("node_name", "gpu_model"))
        table = _raw_table(_list_path(folder, "node", node_list), _NODE_COLUMNS, columns, rules)
    nodes = []
    for name, cpu, memory, gpus, model in zip(*(table[column] for column in kept), strict=True):
        if not (cpu > 0 and memory > 0):
            rules.add("negative_value", 1)
            continue
        count = int(gpus) if gpus > 0 else 0
        devices = tuple(GpuDevice(index, str(model or "")) for index in range(count))
        nodes.append(Node(str(name), Resources(float(cpu) / 1000, float(memory) * MIB, gpu_count=count), gpu_devices=devices))
    if not nodes:
        raise TraceRefused(f"list {node_list!r} has no node", field="node_list", expected="at least one")
    return tuple(nodes)


def _list_path(folder: Path, kind: str, name: str) -> Path:
    found = find(folder, [f"openb_{kind}_list_{name}.csv", f"csv/openb_{kind}_list_{name}.csv"])
    if found is None:
        expected = f"{kind}s.parquet or openb_{kind}_list_{name}.csv"
        raise TraceRefused(f"{folder} holds no list {name!r} of {kind}s", field=f"{kind}_list", expected=expected)
    return found[1][0]


def _raw_table(path: Path, labels: dict[str, str], columns: _RawColumns, rules: RuleCounts) -> Columns:
    kept, needed, text = columns.kept, columns.needed, columns.text
    with path.open(encoding="utf-8", errors="replace") as lines:
        header = [labels.get(label.strip(), label.strip()) for label in next(lines, "").split(",")]
    check_columns(path, header, needed)
    present = [name for name in kept if name in header]
    blocks = list(read_text(path, header, keep=present, text=[n for n in text if n in present], skip_lines=1))
    rules.add("unparsable_line", sum(block.unparsable_count for block in blocks))
    count = sum(len(block.columns[present[0]]) for block in blocks)
    table: Columns = {}
    for name in kept:
        if name in present and blocks:
            table[name] = np.concatenate([block.columns[name] for block in blocks])
        else:
            table[name] = np.full(count, "", dtype=object) if name in text else np.full(count, np.nan)
    return table


def _pods(table: Columns, options: TraceOptions, window: _Window, rules: RuleCounts) -> tuple[TracePod, ...]:
    numbers = {name: table[name].astype(np.float64) for name in _POD_NUMBERS}
    random = generator(options.shape.seed, "trace/openb/arrivals")
    spread = options.shape.arrival_window_seconds
    spread = (window.end - window.start) / 4 if spread is None else spread
    arrivals_without_times = window.start + random.uniform(0.0, 1.0, len(table["pod_name"])) * spread
    pods: list[TracePod] = []
    names: set[str] = set()
    for row, name in enumerate(table["pod_name"]):
        amounts = {key: float(values[row]) for key, values in numbers.items()}
        if not all(amounts[key] >= 0 for key in _POD_NUMBERS[:4]) or amounts["gpu_milli_per_gpu"] > 1000:
            rules.add("negative_value", 1)
            continue
        life = _life(amounts, float(arrivals_without_times[row]), window, rules)
        if life is None:
            continue
        uid = str(name)
        if uid in names:
            rules.add("name_repeated", 1)
            uid = f"{uid}-row-{row}"
        names.add(uid)
        rules.add("memory_request_zero", amounts["memory_mib"] == 0)
        models = tuple(model for model in str(table["gpu_spec"][row] or "").split("|") if model)
        rules.add("gpu_spec", bool(models))
        pods.append(_pod(uid, amounts, str(table["qos"][row] or ""), models, life))
    pods.sort(key=lambda trace_pod: (trace_pod.arrival_seconds, trace_pod.pod.uid))
    wanted = options.shape.pod_count
    if wanted is None or wanted >= len(pods):
        return tuple(pods)
    chosen = generator(options.shape.seed, "trace/openb/pods").choice(len(pods), wanted, replace=False)
    return tuple(pods[int(i)] for i in np.sort(chosen))


def _life(amounts: dict[str, float], arrival: float, window: _Window, rules: RuleCounts) -> tuple[float, float] | None:
    """Arrival and end in Unix seconds; None: outside the window."""
    created, deleted = amounts["creation_time_s"], amounts["deletion_time_s"]
    if math.isnan(created):
        rules.add("times_missing", 1)
        return ORIGIN_SECONDS + arrival, math.inf
    if math.isnan(deleted) or deleted >= TRACE_END_SECONDS:
        rules.add("capped_at_end", 1)
        deleted = math.inf
    elif deleted <= created:
        rules.add("life_zero", 1)
        deleted = created + SHORTEST_LIFE_SECONDS
    if created >= window.end or deleted <= window.start:
        rules.add("outside_window", 1)
        return None
    if created < window.start:
        rules.add("alive_at_start", 1)
        created = window.start
    return ORIGIN_SECONDS + created, ORIGIN_SECONDS + deleted


def _pod(uid: str, amounts: dict[str, float], qos: str, models: tuple[str, ...], life: tuple[float, float]) -> TracePod:
    cpu, memory, gpus, share = (int(amounts[key]) for key in _POD_NUMBERS[:4])
    requests = Resources(cpu / 1000, memory * MIB, gpu_count=gpus, gpu_milli_per_device=share if gpus else 0)
    workload = f"c{cpu}-m{memory}-g{gpus}x{share}"
    pod = Pod(uid=uid, name=uid, namespace=f"openb-{qos.lower() or 'unknown'}", workload=workload, requests=requests)
    return TracePod(pod, life[0], life[1], gpu_models=models)
