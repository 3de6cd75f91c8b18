"""Which containers no machine sizes: the reasons of ``hydatis_sizing.untouched``, by what is known before any advice is made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hydatis_sizing.untouched import Facts, untouched
from numpy.typing import NDArray

from hydatis_assessment.cluster_use import ClusterUse, ContainerRow

__all__ = ["facts_of", "history_days", "reasons"]


def facts_of(row: ContainerRow) -> Facts:
    """What a container's row tells of it; history and advice are filled in by whoever makes advice."""
    return Facts(
        owned=row.requests,
        advised=row.requests,
        is_forbidden=row.right_size == "off",
        is_static=row.kind == "Static",
        is_daemon_set=row.kind == "DaemonSet",
        is_asked_for=row.right_size == "on",
        is_guaranteed=row.qos == "Guaranteed",
        has_vertical_autoscaler=row.vpa,
        scaled_on=row.hpa_resources,
    )


def history_days(use: ClusterUse) -> NDArray[np.float64]:
    """shape (rows,): days' worth of samples of CPU and memory that are known, of the less known one."""
    known = np.empty((2, len(use.rows)))
    for row in range(len(use.rows)):
        known[:, row] = (~np.isnan(use.use[:, row])).sum(axis=1)
    return np.asarray(known.min(axis=0) / use.steps_a_day)


def reasons(use: ClusterUse, days: NDArray[np.float64]) -> list[tuple[str, str]]:
    """Codes of ``REASONS`` by row, for CPU and for memory; empty: it may be sized. Replicas stand for each other's history.

    Args:
        use: rows.
        days: of history, by row.
    """
    told: list[tuple[str, str]] = [("", "")] * len(use.rows)
    for rows in use.rows_of.values():
        known = float(days[rows].sum())
        for row in rows:
            found = untouched(replace(facts_of(use.rows[row]), history_days=known))
            told[row] = (found.cpu, found.memory)
    return told
