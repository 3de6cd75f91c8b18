"""One tick's scores: every node through the model, joined to one column of risk.

The model says how unusual a node looks now and where it draws the line. What follows from that over time (flagged, confirmed) is
not its business and is decided elsewhere.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from hydatis_core.errors import DependencyUnavailable
from hydatis_features.table import NodeTable
from hydatis_serving.model_client import ModelAnswer
from hydatis_serving.shards import Model, ShardAnswer, ask_in_shards
from numpy.typing import NDArray

__all__ = ["MODEL_NAME", "RiskMaker", "Scores"]

MODEL_NAME = "anomaly-detector"
#: Outputs of the model: the risk, its threshold (the same in every row), and each column's share in the risk of a flagged row.
RISK, THRESHOLD, CONTRIBUTION_PREFIX = "risk", "threshold", "contribution_"
_TOP_COUNT = 5

Contributions = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """What the model says of all nodes at one tick."""

    risk: NDArray[np.float32]
    """shape (nodes,), float32: 0..1, high = more anomalous. NaN: unknown."""
    threshold: float
    """Risk at which a node is flagged, 0..1."""
    version: str
    """Version that scored most of the nodes: during a rollout several may have."""
    contributions: dict[int, Contributions] = field(default_factory=dict)
    """By row, where the model explained its risk: (column, share of the risk 0..1), largest first, at most five."""


class RiskMaker:
    """Scores whole tables.

    Args:
        model: the served model.
        shard_count: in how many calls the nodes are sent to it.
        timeout_seconds: how long one call may take.
        fallback_threshold: the threshold when the model names none.
    """

    def __init__(self, model: Model, shard_count: int, timeout_seconds: float, fallback_threshold: float) -> None:
        self._model = model
        self._shard_count = shard_count
        self._timeout_seconds = timeout_seconds
        self._fallback_threshold = fallback_threshold

    async def make(self, table: NodeTable) -> Scores:
        """The scores of a table.

        Raises:
            HydatisError: the model did not answer, refused, or answered something else than one risk per node.
        """
        (shards,) = await ask_in_shards((self._model,), table, self._shard_count, self._timeout_seconds)
        risk = np.empty(len(table.node_names), dtype=np.float32)
        rows_by_version: Counter[str] = Counter()
        thresholds: dict[str, float] = {}
        contributions: dict[int, Contributions] = {}
        for shard in shards:
            risk[shard.rows] = _risk(shard)
            rows_by_version[shard.answer.version] += shard.row_count
            thresholds[shard.answer.version] = self._threshold(shard.answer)
            contributions.update(_contributions(shard))
        version = rows_by_version.most_common(1)[0][0] if rows_by_version else ""
        return Scores(risk, thresholds.get(version, self._fallback_threshold), version, contributions)

    def _threshold(self, answer: ModelAnswer) -> float:
        """The column of that name, or the response's parameter, or the setting."""
        text = answer.parameters.get(THRESHOLD, "")
        try:
            if THRESHOLD in answer.outputs:
                threshold = float(answer.values[0, answer.outputs.index(THRESHOLD)])
            else:
                threshold = float(text) if text else self._fallback_threshold
        except ValueError:
            threshold = math.nan
        if not 0.0 <= threshold <= 1.0:
            shown = f"{MODEL_NAME} {answer.version} names the threshold {text[:40] or threshold!r}"
            raise DependencyUnavailable(shown, field=THRESHOLD, expected="0..1")
        return threshold


def _risk(shard: ShardAnswer) -> NDArray[np.float32]:
    """The column named risk, among however many the model answers."""
    answer = shard.answer
    if answer.values.shape[0] != shard.row_count or RISK not in answer.outputs:
        shown = f"{MODEL_NAME} {answer.version} answered {answer.values.shape} of {', '.join(answer.outputs)[:200]}"
        raise DependencyUnavailable(shown, field="outputs", expected=f"{shard.row_count} rows with a column risk")
    return answer.values[:, answer.outputs.index(RISK)]


def _contributions(shard: ShardAnswer) -> dict[int, Contributions]:
    """What the model says of the rows that it explained: those with a share above 0."""
    answer = shard.answer
    places = [place for place, name in enumerate(answer.outputs) if name.startswith(CONTRIBUTION_PREFIX)]
    shares = answer.values[:, places]
    explained = {}
    for row in np.flatnonzero((shares > 0).any(axis=1)).tolist():
        best = np.argsort(-shares[row], kind="stable")[:_TOP_COUNT].tolist()
        named = ((answer.outputs[places[i]].removeprefix(CONTRIBUTION_PREFIX), float(shares[row, i])) for i in best)
        explained[shard.rows.start + row] = tuple((name, min(share, 1.0)) for name, share in named if share > 0)
    return explained
