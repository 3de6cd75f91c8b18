"""Opens an anomaly detector (an Isolation Forest in numpy).

Who asks for risks also needs the threshold they were calibrated with and, for the few nodes that may be flagged, the columns to
blame; both belong to the version that computed them. So the threshold rides with each answer as a parameter, and the blame in
columns after the risk.
"""

from __future__ import annotations

import numpy as np
from hydatis_anomaly.forest import IsolationForestArrays
from hydatis_anomaly.trailing_threshold import LEAST_RISK
from hydatis_lifecycle.artifacts import Artifact
from numpy.typing import NDArray

from hydatis_model_server.runtimes.table import Runtime

__all__ = ["CONTRIBUTION_PREFIX", "MAX_EXPLAINED_COUNT", "open_model"]

#: ``contribution_<column>``: share of the node's risk that a column has, 0..1; 0 outside the largest five.
CONTRIBUTION_PREFIX = "contribution_"
#: Explaining takes about 1 ms per node; when more are flagged at once, it is the cluster that is odd and not a node.
MAX_EXPLAINED_COUNT = 32


def open_model(artifact: Artifact) -> Runtime:
    """The detector of these files.

    It answers ``risk`` (0..1, high = more anomalous, NaN unknown) and ``contribution_<column>`` for every column it reads; the
    parameter ``threshold`` is a number 0..1 as text.

    Raises:
        ArtifactRefused: the files are not a detector.
    """
    forest = IsolationForestArrays.from_files(dict(artifact.files))
    names = [name for name, _ in forest.columns]
    place = {name: 1 + position for position, name in enumerate(names)}
    # A node's own threshold may be lower than the model's, so what could be flagged is explained.
    explained_from = np.float32(min(forest.threshold, LEAST_RISK))

    def compute(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        values = np.zeros((len(rows), 1 + len(names)), dtype=np.float32)
        risk = values[:, 0] = forest.risk(rows)
        flagged = np.flatnonzero(risk >= explained_from)  # NaN is not
        flagged = flagged[np.argsort(-risk[flagged], kind="stable")[:MAX_EXPLAINED_COUNT]]
        if flagged.size:
            for row, parts in zip(flagged, forest.contributions(np.ascontiguousarray(rows[flagged])), strict=True):
                for name, share in parts:
                    values[row, place[name]] = share
        return values

    outputs = (*forest.outputs, *(CONTRIBUTION_PREFIX + name for name in names))
    return Runtime(forest.columns, outputs, compute, {"threshold": repr(forest.threshold)})
