"""Which workloads not to touch, and why: what no machine sizes by rule, and what this very data warns of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_sizing.untouched import REASONS

from hydatis_assessment.analysis.forecast_quality import POOR_ABOVE_RATIO, POOR_COVERAGE
from hydatis_assessment.analysis.growth import GROWTH_DAYS, growth_ratio
from hydatis_assessment.analysis.series import summed
from hydatis_assessment.analysis.waste import Figures, workloads_of
from hydatis_assessment.cluster_use import MEMORY, ClusterUse

__all__ = ["CAUTIONS", "handle_with_care"]

#: Growth of memory in two weeks that is too much to size by the past.
_MOST_GROWTH_RATIO = 0.2
#: Code -> what a reader is told; beside ``hydatis_sizing.untouched.REASONS``.
CAUTIONS: dict[str, str] = {
    "poorly-forecast": f"it is above its forecast level more than {1 - POOR_COVERAGE:.0%} of the time, with more than"
    f" {POOR_ABOVE_RATIO:.0%} of all that it uses",
    "memory-grows": f"its daily peaks of memory grow by more than {_MOST_GROWTH_RATIO:.0%} in {GROWTH_DAYS} days",
    "killed": "it was killed for want of memory: what it wanted is not known",
    "throttled": "it was held back at its CPU limit a quarter of the time or more: what it wanted is not known",
}
_THROTTLED_RATIO = 0.25


def handle_with_care(use: ClusterUse, reasons: Sequence[tuple[str, str]], poor: Sequence[Sequence[str]]) -> Figures:
    """The workloads.

    Args:
        use: the capture.
        reasons: by row, ``left_alone.reasons``.
        poor: (namespace, workload, resource) of what is foreseen poorly.

    Returns:
        ``texts`` of the codes found, ``counts`` of workloads by code, and ``workloads``: namespace, workload, ``cpu``, ``memory``
        (lists of codes), most CPU requested first. Workloads of which nothing runs are left out.
    """
    foreseen_poorly = {tuple(one) for one in poor}
    found: list[Figures] = []
    counts: dict[str, int] = {}
    for (namespace, workload), rows in workloads_of(use).items():
        running = rows[use.running[rows]]
        if not running.size:
            continue
        codes = {"cpu": {reasons[row][0] for row in running}, "memory": {reasons[row][1] for row in running}}
        for resource in ("cpu", "memory"):
            if (namespace, workload, resource) in foreseen_poorly:
                codes[resource].add("poorly-forecast")
        memory = summed(np.asarray(use.use[:, running]))[MEMORY]
        if growth_ratio(memory[None], use.steps_a_day)[0] > _MOST_GROWTH_RATIO:
            codes["memory"].add("memory-grows")
        if np.nansum(use.kills_count[running]) > 0:
            codes["memory"].add("killed")
        if (np.nan_to_num(use.throttled_ratio[running]).mean(axis=1) >= _THROTTLED_RATIO).any():
            codes["cpu"].add("throttled")
        told = {resource: sorted(names - {""}) for resource, names in codes.items()}
        if told["cpu"] or told["memory"]:
            for code in {*told["cpu"], *told["memory"]}:
                counts[code] = counts.get(code, 0) + 1
            requested = float(np.nansum(use.requests[0, running]))
            found.append({"namespace": namespace, "workload": workload, "requested_cpu_cores": requested, **told})
    found.sort(key=lambda one: -one["requested_cpu_cores"])
    texts = {code: text for code, text in (REASONS | CAUTIONS).items() if code in counts}
    return {"texts": texts, "counts": dict(sorted(counts.items(), key=lambda item: -item[1])), "workloads": found}
