"""Use of nodes: the sum of the containers that ran on each, day by day."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from hydatis_assessment.analysis.series import Series, add_known, unknown
from hydatis_assessment.cluster_use import ClusterUse

__all__ = ["node_series"]


def node_series(use: ClusterUse) -> Series:
    """shape (2, nodes, steps), cores and bytes; NaN: nothing is known of any container there. No nodes: the source has none.

    A container counts for the whole day on the node where it was last that day. What runs outside of pods is not in it.
    """
    series = unknown(2, len(use.nodes) if use.nodes_told else 0, use.steps_count)
    if not use.nodes_told:
        return series
    for row, nodes in enumerate(use.node_by_day):
        bounds = [0, *(np.flatnonzero(np.diff(nodes)) + 1).tolist(), nodes.size]
        for first, last in pairwise(bounds):
            if nodes[first] >= 0:
                steps = slice(first * use.steps_a_day, last * use.steps_a_day)
                add_known(series[:, nodes[first], steps], use.use[:, row, steps])
    return series
