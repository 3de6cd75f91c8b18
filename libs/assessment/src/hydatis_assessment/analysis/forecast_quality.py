"""How good forecasts are on this very cluster: of all workloads, of all nodes, and which are foreseen worst."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hydatis_assessment.analysis.forecasts import ForecastSums, judge_forecasts
from hydatis_assessment.analysis.judged_days import JudgedDays
from hydatis_assessment.analysis.node_series import node_series
from hydatis_assessment.analysis.series import Series, summed
from hydatis_assessment.analysis.waste import Figures, Progress, workloads_of
from hydatis_assessment.cluster_use import ClusterUse

__all__ = ["POOR_ABOVE_RATIO", "POOR_COVERAGE", "forecast_quality"]

#: A level that a workload passes more often than this, 15 % of its time in place of 5, is poor
POOR_COVERAGE = 0.85
#: where what is above it is more than this share of all its use: much may hang on it.
POOR_ABOVE_RATIO = 0.05
_BLOCK = 128
_WORST_COUNT = 15
_NAMES = ("cpu", "memory")


def forecast_quality(use: ClusterUse, days: JudgedDays, progress: Progress) -> Figures:
    """The figures.

    Args:
        use: the capture.
        days: forecasts are judged from ``judged_from_day`` on; each sees only days before the one that it is of.
        progress: told as workloads are done.

    Returns:
        ``workloads`` and ``nodes`` (None: the source has none), each with ``cpu`` and ``memory``: pooled ``coverage_ratio``, skills
        ``level_skill_over_stays``, ``.._over_yesterday``, ``course_skill_over_stays``, ``.._over_yesterday``, ``above_ratio``,
        ``coverage_percentiles`` (5, 25, 50, 75, 95 over series), ``series_count``, ``poor_count``, ``coverages`` (counts in 20
        bins) and ``worst``, a list. And ``poor``: (namespace, workload, resource) of every workload that is foreseen poorly.
    """
    groups = workloads_of(use)
    names = [{"namespace": namespace, "workload": workload} for namespace, workload in groups]
    parts: list[ForecastSums] = []
    block: list[Series] = []
    for number, rows in enumerate(groups.values(), start=1):
        block.append(summed(np.asarray(use.use[:, rows])))
        if len(block) == _BLOCK or number == len(groups):
            parts.append(judge_forecasts(np.stack(block, axis=1), use.steps_a_day, judged_from_day=days.judged_from_day))
            block = []
            progress(number, len(groups), "forecasts")
    workloads = ForecastSums.joined(parts)
    figures: Figures = {"workloads": _told(workloads, names), "nodes": None}
    if use.nodes_told:
        nodes = judge_forecasts(node_series(use), use.steps_a_day, judged_from_day=days.judged_from_day)
        figures["nodes"] = _told(nodes, [{"node": node.name} for node in use.nodes])
    poor = _poor(workloads)
    figures["poor"] = [[*names[at].values(), _NAMES[resource]] for resource, at in zip(*np.nonzero(poor), strict=True)]
    return figures


def _poor(found: ForecastSums) -> NDArray[np.bool_]:
    """shape (2, series)."""
    with np.errstate(invalid="ignore"):
        return np.asarray((found.coverage() < POOR_COVERAGE) & (found.above_ratio() > POOR_ABOVE_RATIO))


def _told(found: ForecastSums, names: Sequence[dict[str, str]]) -> Figures:
    return {name: _of_resource(found, resource, names) for resource, name in enumerate(_NAMES)}


def _of_resource(found: ForecastSums, resource: int, names: Sequence[dict[str, str]]) -> Figures:
    coverage = found.coverage()[resource]
    known = np.flatnonzero(~np.isnan(coverage))
    above = found.above_ratio()[resource]
    whole = found.pooled()
    worst = known[np.argsort(-np.nan_to_num(found.of("above")[resource][known]), kind="stable")][:_WORST_COUNT]
    return {
        "series_count": int(known.size),
        "coverage_ratio": float(whole.coverage()[resource, 0]),
        "coverage_percentiles": np.percentile(coverage[known], (5, 25, 50, 75, 95)).tolist() if known.size else [],
        "coverages": np.histogram(coverage[known], bins=20, range=(0.0, 1.0))[0].tolist(),
        "poor_count": int(_poor(found)[resource].sum()),
        "above_ratio": float(whole.above_ratio()[resource, 0]),
        "level_skill_over_stays": float(whole.skill("pinball", "stays")[resource, 0]),
        "level_skill_over_yesterday": float(whole.skill("pinball", "yesterday")[resource, 0]),
        "course_skill_over_stays": float(whole.skill("error", "stays")[resource, 0]),
        "course_skill_over_yesterday": float(whole.skill("error", "yesterday")[resource, 0]),
        "worst": [
            {
                **names[at],
                "coverage_ratio": float(coverage[at]),
                "above_ratio": float(above[at]),
                "level_skill_over_stays": float(found.skill("pinball", "stays")[resource, at]),
                "days": float(found.of("samples_count")[resource, at]),
            }
            for at in worst
        ],
    }
