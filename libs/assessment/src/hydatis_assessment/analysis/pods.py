"""Pods as a scheduler sees them: what is placed together, what it asks for, and what of it may be sized.

DaemonSets and static pods are on every node whoever places: their share of a node is taken off its room. Replicas that are gone and
were there for less than half of the judged time (jobs, burst capacity), and those that nobody measured, are not placed; how much
they use is said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_features.request_classes import NOMINAL_CPU_CORES, NOMINAL_MEMORY_BYTES
from hydatis_simulator.peers.own_past import quantile_of_known
from numpy.typing import NDArray

from hydatis_assessment.analysis.judged_days import JudgedDays
from hydatis_assessment.analysis.series import summed
from hydatis_assessment.analysis.sized_rows import SizedRows
from hydatis_assessment.cluster_use import ClusterUse

__all__ = ["Pods", "pods_of"]

_NOMINAL = np.array([NOMINAL_CPU_CORES, NOMINAL_MEMORY_BYTES])
_EVERYWHERE = ("DaemonSet", "Static")
_LEAST_PRESENCE = 0.5


@dataclass(frozen=True)
class Pods:
    """Pods that are placed."""

    rows: tuple[NDArray[np.intp], ...]
    """Containers of each."""
    requests: NDArray[np.float64]
    """shape (2, pods), cores and bytes, > 0; a container without one counts as kube-scheduler's scores count it."""
    limits: NDArray[np.float64]
    """shape (2, pods); infinite: none."""
    sizable: NDArray[np.bool_]
    """shape (2, pods): every container of it may be sized in that resource."""
    sized: NDArray[np.float64]
    """shape (2, pods): what HYDATIS would ask for, > 0."""
    sized_memory_limits: NDArray[np.float64]
    """shape (pods,): memory limits that it would set; infinite: none, or the owner's."""
    on_every_node: NDArray[np.float64]
    """shape (2,): what DaemonSets and static pods take of a node, the greater of requests and 95th percentile of use."""
    left_out_use_ratio: NDArray[np.float64]
    """shape (2,): share of all use that pods which are not placed had, 0..1."""
    unmeasured_count: int
    """Running pods of which no use is known in the judged time."""


def pods_of(use: ClusterUse, days: JudgedDays, reasons: list[tuple[str, str]], sized: SizedRows) -> Pods:
    """Pods of a capture.

    Args:
        use: the capture.
        days: how it is cut.
        reasons: by row, ``left_alone.reasons``.
        sized: by row, what HYDATIS would ask for.
    """
    judged = slice(days.judged_from_day * use.steps_a_day, days.end_day * use.steps_a_day)
    kept: list[NDArray[np.intp]] = []
    everywhere: list[NDArray[np.intp]] = []
    used, left_out = np.zeros(2), np.zeros(2)
    unmeasured = 0
    for _, rows in use.pods():
        series = summed(np.asarray(use.use[:, rows, judged]))
        known = ~np.isnan(series)
        amount = np.where(known, series, 0.0).sum(axis=1, dtype=np.float64)
        used += amount
        if use.rows[rows[0]].kind in _EVERYWHERE:
            everywhere.append(rows)
        elif known.mean(axis=1).min() >= _LEAST_PRESENCE or (use.running[rows].any() and known.any(axis=1).all()):
            kept.append(rows)
        else:
            left_out += amount
            unmeasured += int(use.running[rows].any() and not known.any(axis=1).all())
    requests = np.where(np.isnan(use.requests), _NOMINAL[:, None], use.requests)
    requests = np.where(requests > 0, requests, _NOMINAL[:, None])
    limits = np.where(np.isnan(use.limits), np.inf, use.limits)
    advised = np.array([bool(row.name.workload) and not row.is_sidecar for row in use.rows], dtype=np.bool_)
    may = np.array([[not cpu for cpu, _ in reasons], [not memory for _, memory in reasons]]).reshape(2, len(reasons)) & advised
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.nan_to_num(left_out / used)
    asked = _by_pod(requests, kept)
    return Pods(
        rows=tuple(kept),
        requests=asked,
        limits=np.maximum(_by_pod(limits, kept), asked),
        sizable=np.array([may[:, rows].all(axis=1) for rows in kept]).reshape(-1, 2).T,
        sized=_by_pod(np.where(np.isnan(sized.requests), requests, sized.requests), kept),
        sized_memory_limits=np.array([np.nan_to_num(sized.memory_limits[rows], nan=np.inf).sum() for rows in kept]),
        on_every_node=_on_every_node(use, everywhere, judged),
        left_out_use_ratio=ratio,
        unmeasured_count=unmeasured,
    )


def _by_pod(values: NDArray[np.float64], pods: list[NDArray[np.intp]]) -> NDArray[np.float64]:
    return np.array([values[:, rows].sum(axis=1) for rows in pods]).reshape(-1, 2).T


def _on_every_node(use: ClusterUse, pods: list[NDArray[np.intp]], judged: slice) -> NDArray[np.float64]:
    if not pods or not use.nodes:
        return np.zeros(2)
    rows = np.concatenate(pods)
    rows = rows[use.running[rows]]
    if not rows.size:
        return np.zeros(2)
    high = np.nan_to_num(quantile_of_known(np.asarray(use.use[:, rows, judged]), 95.0))
    return np.asarray(np.maximum(np.nan_to_num(use.requests[:, rows]), high).sum(axis=1) / len(use.nodes))
