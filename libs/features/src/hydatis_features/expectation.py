"""From summaries to an expected use: one formula, once for a pod and once for many.

The shim asks for one pod at a time and must be quick about it; the engine asks for every bound pod at each tick. Both forms do the
same float64 operations in the same order, so they agree to the last bit (tested).

Per resource, the first known of: the workload's profile, its classes from narrow to wide, the request itself. Then
``p50 = ratio_p50 x request x factor`` with ``factor`` the hour's share of the day for CPU when the profile answers (else 1),
``p95 = max(ratio_p95 x request, p50)``, and neither passes the pod's limit. The law of use falls back in the same order, last to
that of workloads of which nothing is known, and no effective use passes the limit: e = min(e, limit / request).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hydatis_core.event_time import hour_of_day
from hydatis_core.pods import Pod
from numpy.typing import NDArray

from hydatis_features.enrolment import EnrolledPods
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_features.profile_summaries import ColdStart, WorkloadProfile
from hydatis_features.request_classes import base_amounts
from hydatis_features.use_law import COLD_LAW, TAIL_WEIGHTS

__all__ = ["HOUR_FACTOR_RANGE", "expect_laws", "expect_many", "expect_one", "limit_amounts"]

#: A factor beyond this comes of a few samples, not of the shape of a day.
HOUR_FACTOR_RANGE = (0.25, 4.0)
_REQUEST_ITSELF = (1.0, 1.0, 1.0, 1.0)
_COLD = tuple(COLD_LAW.ravel().tolist())
#: Where a law of both resources turns from CPU to memory.
_MEMORY = TAIL_WEIGHTS.size
#: A limit of so many requests is none.
_NO_CAP = 2.0**100


def limit_amounts(pod: Pod) -> tuple[float, float]:
    """What use cannot pass: (CPU cores, memory bytes); infinite where there is no limit."""
    return pod.limits.cpu_cores or math.inf, pod.limits.memory_bytes or math.inf


def expect_one(
    pod: Pod, profile: WorkloadProfile | None, cold_starts: Sequence[ColdStart | None], time_seconds: float
) -> ExpectedUse:
    """Expected use of one pod.

    Args:
        pod: the pod.
        profile: its workload's profile, or None.
        cold_starts: its classes' cold starts, narrowest first; None: not known.
        time_seconds: event time it would start at.
    """
    levels: list[tuple[Sequence[float], UseSource]] = []
    if profile is not None:
        levels.append((profile.use_per_request_ratio, UseSource.PROFILE))
    levels.extend((cold.use_per_request_ratio, UseSource.COLD_START) for cold in cold_starts if cold is not None)
    levels.append((_REQUEST_ITSELF, UseSource.REQUEST))
    cpu, source = next((ratios, source) for ratios, source in levels if not math.isnan(ratios[0]))
    memory = next(ratios for ratios, _ in levels if not math.isnan(ratios[2]))
    factor = 1.0
    if source is UseSource.PROFILE and profile is not None and profile.cpu_hour_factor:
        factor = profile.cpu_hour_factor[int(hour_of_day(time_seconds))]
        factor = 1.0 if math.isnan(factor) else min(max(factor, HOUR_FACTOR_RANGE[0]), HOUR_FACTOR_RANGE[1])
    cpu_base, memory_base = base_amounts(pod)
    cpu_limit, memory_limit = limit_amounts(pod)
    cpu_p50 = min(cpu[0] * cpu_base * factor, cpu_limit)
    memory_p50 = min(memory[2] * memory_base, memory_limit)
    return ExpectedUse(
        cpu_p50_cores=cpu_p50,
        cpu_p95_cores=max(min(cpu[1] * cpu_base, cpu_limit), cpu_p50),
        memory_p50_bytes=memory_p50,
        memory_p95_bytes=max(min(memory[3] * memory_base, memory_limit), memory_p50),
        source=source,
        effective_use_ratio=_law(
            [one.effective_use_ratio for one in (profile, *cold_starts) if one is not None],
            _cap(cpu_limit / cpu_base),
            _cap(memory_limit / memory_base),
        ),
    )


def _law(laws: list[tuple[float, ...]], cpu_cap: float, memory_cap: float) -> tuple[float, ...]:
    """The first known law of each resource, capped. Nothing is copied when there is nothing to change: many pods share a law."""
    laws.append(_COLD)
    cpu = next(law for law in laws if not math.isnan(law[0]))
    memory = next(law for law in laws if not math.isnan(law[_MEMORY]))
    law = cpu if cpu is memory else cpu[:_MEMORY] + memory[_MEMORY:]
    if max(law[:_MEMORY]) > cpu_cap:
        law = tuple([min(value, cpu_cap) for value in law[:_MEMORY]]) + law[_MEMORY:]
    if max(law[_MEMORY:]) > memory_cap:
        law = law[:_MEMORY] + tuple([min(value, memory_cap) for value in law[_MEMORY:]])
    return law


def _cap(limit_ratio: float) -> float:
    """Limit over request as float32 rounds it, as everything in a law is."""
    return float(np.float32(min(limit_ratio, _NO_CAP)))


def expect_many(
    pods: EnrolledPods,
    workload_ratios: NDArray[np.float64],
    hour_factors: NDArray[np.float64],
    class_ratios: NDArray[np.float64],
    time_seconds: float,
) -> NDArray[np.float64]:
    """Expected use of many pods.

    Args:
        pods: m pods.
        workload_ratios: shape (w, 4), use per request by workload row, NaN: not known.
        hour_factors: shape (w, 24), CPU factor by workload row, NaN: not known.
        class_ratios: shape (c, 4), use per request by class row, NaN: not known.
        time_seconds: event time.

    Returns:
        shape (m, 4): cpu_p50_cores, cpu_p95_cores, memory_p50_bytes, memory_p95_bytes; finite, >= 0.
    """
    ratios = _taken(workload_ratios, pods.workload_rows)
    factor = _taken(hour_factors[:, int(hour_of_day(time_seconds))], pods.workload_rows)
    factor = np.clip(factor, *HOUR_FACTOR_RANGE)
    factor[np.isnan(factor) | np.isnan(ratios[:, 0])] = 1.0
    for level in range(pods.class_rows.shape[1]):
        unknown = np.isnan(ratios)
        if not unknown.any():
            break
        ratios = np.where(unknown, _taken(class_ratios, pods.class_rows[:, level]), ratios)
    ratios[np.isnan(ratios)] = 1.0
    use = ratios * np.repeat(pods.base_amounts, 2, axis=1)
    use[:, 0] *= factor
    np.minimum(use, np.repeat(pods.limit_amounts, 2, axis=1), out=use)
    np.maximum(use[:, 1::2], use[:, 0::2], out=use[:, 1::2])
    return use


def expect_laws(pods: EnrolledPods, workload_laws: NDArray[np.float64], class_laws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Laws of use of many pods.

    Args:
        pods: m pods.
        workload_laws: shape (w, 2, tail weights), by workload row; NaN: not known of that resource.
        class_laws: shape (c, 2, tail weights), by class row; NaN: not known of that resource.

    Returns:
        shape (m, 2, tail weights), what ``ExpectedUse.effective_use_ratio`` of each pod is; finite, >= 0.
    """
    laws = _taken(workload_laws, pods.workload_rows)
    for level in range(pods.class_rows.shape[1]):
        at, resource = np.nonzero(np.isnan(laws[:, :, 0]))
        if not at.size:
            break
        laws[at, resource] = _taken(class_laws, pods.class_rows[at, level])[np.arange(at.size), resource]
    at, resource = np.nonzero(np.isnan(laws[:, :, 0]))
    laws[at, resource] = COLD_LAW[resource]
    caps = np.minimum(pods.limit_amounts / pods.base_amounts, _NO_CAP).astype(np.float32).astype(np.float64)
    return np.minimum(laws, caps[:, :, None], out=laws)


def _taken(table: NDArray[np.float64], rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Rows of a table, NaN for row -1 and for rows it does not have yet."""
    padded = np.concatenate([table, np.full((1, *table.shape[1:]), np.nan)])
    return np.asarray(padded[np.where((rows >= 0) & (rows < len(table)), rows, len(table))])
