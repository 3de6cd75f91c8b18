"""The whole assessment, phase by phase; what was done is not done again when the same capture is asked about once more."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, MutableMapping
from dataclasses import asdict

import numpy as np
from hydatis_core.errors import InvalidValue

from hydatis_assessment.analysis.forecast_quality import forecast_quality
from hydatis_assessment.analysis.handle_with_care import handle_with_care
from hydatis_assessment.analysis.judged_days import LEAST_DAYS, cut
from hydatis_assessment.analysis.left_alone import history_days, reasons
from hydatis_assessment.analysis.savings import PODS_COUNT, SAMPLES_COUNT, savings
from hydatis_assessment.analysis.waste import Figures, Progress, waste
from hydatis_assessment.cluster_use import ClusterUse

__all__ = ["assess", "digest_of_use"]

#: Rows that are read together for the digest.
_BLOCK = 256


def assess(
    use: ClusterUse,
    known: MutableMapping[str, Figures],
    progress: Progress,
    *,
    samples_count: int = SAMPLES_COUNT,
    pods_count: int = PODS_COUNT,
) -> Figures:
    """Assesses a cluster.

    Args:
        use: its past.
        known: parts that were done before, by name; what is done is added.
        progress: told of what is done, phase by phase.
        samples_count: samples of pods that levers are measured on.
        pods_count: pods of a sample.

    Returns:
        ``capture`` (what was read), ``waste``, ``forecasts`` and ``savings`` (None, with a reason in ``not_told``, where the past
        is too short or no pod can be placed), and ``care``.

    Raises:
        InvalidValue: there is no container, or nothing is known of any.
    """
    if not use.rows or not use.days_count:
        raise InvalidValue(f"{use.source}: no container", field="pods", expected="containers with a day or more of use")
    days = history_days(use)
    if not days.any():
        raise InvalidValue(f"{use.source}: no container was measured", field="use", expected="CPU and memory of containers")
    found: Figures = {"capture": _capture(use, days), "not_told": []}
    found["waste"] = _once(known, "waste", lambda: waste(use, progress))
    judged = cut(use.days_count)
    why = reasons(use, days)
    found["forecasts"] = found["savings"] = None
    if judged is None:
        needed = f"{LEAST_DAYS} are needed (one to learn from, one of arrivals, one to judge)"
        found["not_told"].append(f"forecasts and savings: the past is {use.days_count} whole days long, {needed}")
    else:
        found["forecasts"] = _once(known, "forecasts", lambda: forecast_quality(use, judged, progress))
        try:
            found["savings"] = savings(use, judged, why, known, progress, samples_count=samples_count, pods_count=pods_count)
        except InvalidValue as wrong:
            found["not_told"].append(f"savings: {wrong}")
    poor = found["forecasts"]["poor"] if found["forecasts"] else []
    found["care"] = _once(known, "care", lambda: handle_with_care(use, why, poor))
    return found


def digest_of_use(use: ClusterUse) -> str:
    """Of all that figures depend on: what was done for one capture is not taken for another's."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(repr((use.start_seconds, use.step_seconds, use.rows, use.nodes, use.nodes_told)).encode())
    for first in range(0, len(use.rows), _BLOCK):
        digest.update(np.ascontiguousarray(use.use[:, first : first + _BLOCK]).tobytes())
    for array in (use.node_by_day, use.throttled_ratio, use.kills_count, use.killed_at_bytes):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _capture(use: ClusterUse, days: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Figures:
    return {
        "source": use.source,
        "start_seconds": use.start_seconds,
        "end_seconds": use.end_seconds,
        "days": use.days_count,
        "step_seconds": use.step_seconds,
        "nodes_count": len(use.nodes) if use.nodes_told else 0,
        "nodes_told": use.nodes_told,
        "pods_count": sum(bool(use.running[rows].any()) for _, rows in use.pods()),
        "containers_count": int(use.running.sum()),
        "workloads_count": len({(row.name.namespace, row.name.workload) for row in use.rows}),
        "known_ratio": float(days.sum() / (len(days) * use.days_count)),
        "gaps": [asdict(gap) for gap in use.gaps],
        "gap_days": math.fsum(gap.end_seconds - gap.start_seconds for gap in use.gaps) / 86_400,
        "notes": list(use.notes),
    }


def _once(known: MutableMapping[str, Figures], name: str, run: Callable[[], Figures]) -> Figures:
    if name not in known:
        known[name] = run()
    return known[name]
