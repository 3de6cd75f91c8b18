"""What is asked for, what is used and what is wasted, by namespace, workload and node.

    wasted = sum over running containers of max(request - mean use, 0)

so that a container that uses more than it asked for does not hide another's waste. Use of a group is of the sum of its containers
at each moment: peaks that never meet are not added up. A container without a request wastes nothing, and is counted; of one that
nobody measured nothing can be said, and it is counted too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from hydatis_simulator.limits import CPU_LIMIT_RATIO, MEMORY_LIMIT_RATIO
from numpy.typing import NDArray

from hydatis_assessment.analysis.node_series import node_series
from hydatis_assessment.analysis.series import FIGURES, Series, SeriesFigures, add_known, figures_of, means_of, summed, unknown
from hydatis_assessment.cluster_use import ClusterUse

__all__ = ["RESOURCES", "Figures", "Progress", "waste", "workloads_of"]

#: Told of (done, of, what).
Progress = Callable[[int, int, str], None]
#: As JSON holds them.
Figures = dict[str, Any]
#: Ends of names of figures, in the order of the first axis of use.
RESOURCES = ("cpu_cores", "memory_bytes")
_LIMIT_RATIOS = np.array([CPU_LIMIT_RATIO, MEMORY_LIMIT_RATIO])[:, None, None]


def workloads_of(use: ClusterUse) -> dict[tuple[str, str], NDArray[np.intp]]:
    """Rows by (namespace, workload), sorted by name."""
    found: dict[tuple[str, str], list[int]] = {}
    for name, rows in use.rows_of.items():
        found.setdefault((name.namespace, name.workload), []).extend(rows.tolist())
    return {name: np.array(rows, dtype=np.intp) for name, rows in found.items()}


def waste(use: ClusterUse, progress: Progress) -> Figures:
    """The figures.

    Args:
        use: at least one row and one day.
        progress: told as workloads are done.

    Returns:
        ``cluster``, a dict, and ``namespaces``, ``workloads``, ``nodes``, lists of dicts, most CPU wasted first. Each holds
        ``requested_``, ``mean_``, ``p95_``, ``max_`` and ``wasted_`` of ``RESOURCES``, ``containers_count`` (running) and of those
        ``unsized_count`` (no request for CPU, or none for memory) and ``unmeasured_count``. Nodes and the cluster have
        ``allocatable_`` and ``violation_ratio`` too, node-time above 90 % CPU or 95 % memory. NaN: not known.
    """
    groups = workloads_of(use)
    namespaces = sorted({namespace for namespace, _ in groups})
    number_of = {namespace: number for number, namespace in enumerate(namespaces)}
    namespace_of = np.zeros(len(use.rows), dtype=np.intp)
    workload_of = np.zeros(len(use.rows), dtype=np.intp)
    row_means = np.full((2, len(use.rows)), np.nan)
    by_workload = {name: np.full((2, len(groups)), np.nan) for name in FIGURES}
    by_namespace = unknown(2, len(namespaces), use.steps_count)
    for number, ((namespace, _), rows) in enumerate(groups.items()):
        if number % 50 == 0:
            progress(number, len(groups), "waste")
        series = np.asarray(use.use[:, rows])
        row_means[:, rows] = means_of(series)
        namespace_of[rows], workload_of[rows] = number_of[namespace], number
        total = summed(series)
        found = figures_of(total[:, None])
        for name in FIGURES:
            by_workload[name][:, number] = getattr(found, name)[:, 0]
        add_known(by_namespace[:, number_of[namespace]], total)
    progress(len(groups), len(groups), "waste")
    by_node = node_series(use)
    asked = _Asked(use, row_means)
    everyone = np.zeros(len(use.rows), dtype=np.intp)
    node_of = use.node_by_day[:, -1].astype(np.intp)
    nodes = asked.by_group(node_of, [{"node": node.name} for node in use.nodes] if use.nodes_told else [])
    whole = asked.by_group(everyone, [{}])
    _add_figures(nodes, figures_of(by_node))
    _add_figures(whole, figures_of(summed(by_namespace)[:, None]))
    _add_allocatable(use, whole[0], nodes, by_node)
    in_namespaces = asked.by_group(namespace_of, [{"namespace": name} for name in namespaces])
    _add_figures(in_namespaces, figures_of(by_namespace))
    in_workloads = asked.by_group(workload_of, [{"namespace": name, "workload": of} for name, of in groups])
    _add_figures(in_workloads, SeriesFigures(**by_workload))
    return {
        "cluster": whole[0],
        "namespaces": _worst_first(in_namespaces),
        "workloads": _worst_first(in_workloads),
        "nodes": _worst_first(nodes),
    }


class _Asked:
    """What rows ask for now, and how much of it they waste."""

    def __init__(self, use: ClusterUse, row_means: NDArray[np.float64]) -> None:
        running = use.running
        self._requested = np.where(running & ~np.isnan(use.requests), use.requests, 0.0)
        self._wasted = np.maximum(np.nan_to_num(self._requested - row_means), 0.0)
        self._counts = {
            "containers_count": running,
            "unsized_count": running & np.isnan(use.requests).any(axis=0),
            "unmeasured_count": running & np.isnan(row_means).any(axis=0),
        }

    def by_group(self, group_of: NDArray[np.intp], names: Sequence[Mapping[str, str]]) -> list[Figures]:
        """Sums by group; rows of group -1 count nowhere."""
        rows = np.flatnonzero(group_of >= 0)

        def sums(values: NDArray[np.generic]) -> NDArray[np.float64]:
            return np.asarray(np.bincount(group_of[rows], values[rows].astype(np.float64), len(names)), dtype=np.float64)

        columns: dict[str, NDArray[np.generic]] = {name: sums(flags).astype(np.intp) for name, flags in self._counts.items()}
        for resource, end in enumerate(RESOURCES):
            columns[f"requested_{end}"] = sums(self._requested[resource])
            columns[f"wasted_{end}"] = sums(self._wasted[resource])
        return [{**name} | {column: values[at].item() for column, values in columns.items()} for at, name in enumerate(names)]


def _add_figures(rows: list[Figures], found: SeriesFigures) -> None:
    for at, row in enumerate(rows):
        for name in FIGURES:
            for resource, end in enumerate(RESOURCES):
                row[f"{name}_{end}"] = float(getattr(found, name)[resource, at])


def _add_allocatable(use: ClusterUse, cluster: Figures, nodes: list[Figures], by_node: Series) -> None:
    """Room, and how often it was too little: over the time at which a node's use is known."""
    amounts = np.array([[node.allocatable.cpu_cores, node.allocatable.memory_bytes] for node in use.nodes]).reshape(-1, 2).T
    for resource, end in enumerate(RESOURCES):
        cluster[f"allocatable_{end}"] = float(amounts[resource].sum()) if use.nodes_told else float("nan")
    cluster["nodes_count"] = len(nodes)
    cluster["violation_ratio"] = float("nan")
    if not nodes:
        return
    above = (by_node > amounts[:, :, None] * _LIMIT_RATIOS).any(axis=0).sum(axis=1)
    known = (~np.isnan(by_node)).any(axis=0).sum(axis=1)
    for at, node in enumerate(nodes):
        node["violation_ratio"] = float(above[at] / known[at]) if known[at] else float("nan")
        for resource, end in enumerate(RESOURCES):
            node[f"allocatable_{end}"] = float(amounts[resource, at])
    if known.sum():
        cluster["violation_ratio"] = float(above.sum() / known.sum())


def _worst_first(rows: list[Figures]) -> list[Figures]:
    return sorted(rows, key=lambda row: -row["wasted_cpu_cores"])
