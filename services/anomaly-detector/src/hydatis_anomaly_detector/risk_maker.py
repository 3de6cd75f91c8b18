"""One tick's scores: every node through the model, joined to one column of risk.

The model says how unusual a node looks now and where it draws the line. What follows from that over time (flagged, confirmed) is
not its business and is decided elsewhere.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from hydatis_core.errors import DependencyUnavailable
from hydatis_features.table import NodeTable
from hydatis_serving.model_client import ModelAnswer
from numpy.typing import NDArray

from hydatis_anomaly_detector.shards import shards

__all__ = ["MODEL_NAME", "Model", "RiskMaker", "Scores"]

MODEL_NAME = "anomaly-detector"


class Model(Protocol):
    """A served model, as ``hydatis_serving.model_client.ModelClient`` reaches it."""

    async def infer(self, rows: NDArray[np.float32], columns: Sequence[tuple[str, str]], timeout_seconds: float) -> ModelAnswer:
        """Outputs for rows: float32 of shape (rows, outputs)."""
        ...


@dataclass(frozen=True, slots=True)
class Scores:
    """What the model says of all nodes at one tick."""

    risk: NDArray[np.float32]
    """shape (nodes,), float32: 0..1, high = more anomalous. NaN: unknown."""
    threshold: float
    """Risk at which a node is flagged, 0..1."""
    version: str
    """Version that scored most of the nodes: during a rollout several may have."""


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
        parts = shards(len(table.node_names), self._shard_count)
        columns = tuple(zip(table.columns, table.column_hashes, strict=True))
        calls = [self._model.infer(table.values[part], columns, self._timeout_seconds) for part in parts]
        answers = [_answered(answer) for answer in await asyncio.gather(*calls, return_exceptions=True)]
        risk = np.empty(len(table.node_names), dtype=np.float32)
        rows_by_version: Counter[str] = Counter()
        thresholds: dict[str, float] = {}
        for part, answer in zip(parts, answers, strict=True):
            risk[part] = _risk(answer, part.stop - part.start)
            rows_by_version[answer.version] += part.stop - part.start
            thresholds[answer.version] = self._threshold(answer)
        version = rows_by_version.most_common(1)[0][0] if rows_by_version else ""
        return Scores(risk, thresholds.get(version, self._fallback_threshold), version)

    def _threshold(self, answer: ModelAnswer) -> float:
        text = answer.parameters.get("threshold", "")
        if not text:
            return self._fallback_threshold
        try:
            threshold = float(text)
        except ValueError:
            threshold = -1.0
        if not 0.0 <= threshold <= 1.0:
            shown = f"{MODEL_NAME} {answer.version} names the threshold {text[:40]!r}"
            raise DependencyUnavailable(shown, field="threshold", expected="0..1")
        return threshold


def _answered(answer: ModelAnswer | BaseException) -> ModelAnswer:
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _risk(answer: ModelAnswer, row_count: int) -> NDArray[np.float32]:
    """The column named risk, among however many the model answers."""
    if answer.values.shape[0] != row_count or "risk" not in answer.outputs:
        shown = f"{MODEL_NAME} {answer.version} answered {answer.values.shape} of {', '.join(answer.outputs)[:200]}"
        raise DependencyUnavailable(shown, field="outputs", expected=f"{row_count} rows with a column risk")
    return answer.values[:, answer.outputs.index("risk")]
