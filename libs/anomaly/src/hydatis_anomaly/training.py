"""Trains an Isolation Forest with scikit-learn and lifts it out into plain arrays.

scikit-learn grows the trees well and serves them slowly and by pickle; so it is used here, once, and never again. Training rows are
taken to be mostly normal: an Isolation Forest bears a few anomalies among them, since each tree sees only a small sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.seeds import generator
from numpy.typing import NDArray

from hydatis_anomaly.deviations import Deviations
from hydatis_anomaly.forest import MAX_UNKNOWN_RATIO, IsolationForestArrays
from hydatis_anomaly.inputs import INPUTS, Input, columns_of, engineer
from hydatis_anomaly.risk_map import RiskMap
from hydatis_anomaly.threshold import DEFAULT_FALSE_ALARM_RATE, calibrate_threshold
from hydatis_anomaly.trees import LEAF, IsolationTrees

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

_MOST_STRETCH = 3.0

__all__ = ["ForestParameters", "Progress", "grow", "train", "trees_of"]

#: Called with (steps done, steps in total, what is being done).
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class ForestParameters:
    """How the forest is grown; the defaults are those of the paper."""

    tree_count: int = 100
    rows_per_tree: int = 256
    """psi: rows drawn for each tree, at most 4,096."""
    input_share: float = 1.0
    """Share of the inputs each tree may cut, in (0, 1]."""
    stretched_share: float = 0.2
    """Rows added for growing, as a share of the training rows: training rows stretched by a factor of 1 to 3, so that the trees cut
    beyond the range of training too and far is told from very far."""

    def __post_init__(self) -> None:
        if self.tree_count < 1 or not 2 <= self.rows_per_tree <= 4096 or not 0.0 < self.input_share <= 1.0:
            raise InvalidValue(f"{self}", field="parameters", expected="1 or more trees of 2 to 4096 rows, a share in (0, 1]")
        if not 0.0 <= self.stretched_share <= 1.0:
            raise InvalidValue(f"{self.stretched_share!r}", field="stretched_share", expected="a share in [0, 1]")


def _at_or_below(threshold: float) -> np.float32:
    """The largest float32 <= threshold: for a float32 x, x <= threshold is the same question of either."""
    rounded = np.float32(threshold)
    return rounded if float(rounded) <= threshold else np.nextafter(rounded, np.float32(-np.inf))


def trees_of(fitted: IsolationForest, input_count: int) -> IsolationTrees:
    """The trees of a fitted scikit-learn forest; ``scores`` equals its ``-score_samples`` to 1e-6.

    Args:
        fitted: a forest fitted without bootstrap.
        input_count: how many inputs it was fitted on.
    """
    depth = max(1, *(estimator.tree_.max_depth for estimator in fitted.estimators_))
    shape = (len(fitted.estimators_), 2 ** (depth + 1) - 1)
    cut_inputs = np.full(shape, LEAF, dtype=np.int32)
    cut_values = np.zeros(shape, dtype=np.float32)
    row_counts = np.zeros(shape, dtype=np.int32)
    for number, (estimator, chosen) in enumerate(zip(fitted.estimators_, fitted.estimators_features_, strict=True)):
        tree: Any = estimator.tree_
        waiting = [(0, 0)]
        while waiting:
            node, place = waiting.pop()
            row_counts[number, place] = tree.n_node_samples[node]
            if tree.children_left[node] != tree.children_right[node]:
                cut_inputs[number, place] = chosen[tree.feature[node]]
                cut_values[number, place] = _at_or_below(float(tree.threshold[node]))
                waiting += [(tree.children_left[node], 2 * place + 1), (tree.children_right[node], 2 * place + 2)]
    return IsolationTrees(cut_inputs, cut_values, row_counts, input_count)


def grow(values: NDArray[np.float32], *, seed: int, parameters: ForestParameters | None = None, nthread: int = 1) -> IsolationTrees:
    """Grows trees on rows of inputs, shape (m, inputs), float32, finite. The same seed and rows give the same trees."""
    from sklearn.ensemble import IsolationForest  # seconds, for every command of the command line

    parameters = parameters or ForestParameters()
    fitted = IsolationForest(
        n_estimators=parameters.tree_count,
        max_samples=min(parameters.rows_per_tree, len(values)),
        max_features=parameters.input_share,
        random_state=int(generator(seed, "anomaly-forest").integers(2**31)),
        n_jobs=nthread,
    ).fit(values)
    return trees_of(fitted, values.shape[1])


def _with_stretched(values: NDArray[np.float32], share: float, seed: int) -> NDArray[np.float32]:
    """Training rows, and some of them times a factor between 1 and ``_MOST_STRETCH`` (one factor a row)."""
    random = generator(seed, "anomaly-stretched")
    count = int(len(values) * share)
    chosen = values[random.integers(len(values), size=count)]
    factors = 1.0 + (_MOST_STRETCH - 1.0) * random.random((count, 1))
    return np.concatenate([values, (chosen * factors).astype(np.float32)])


def _untold(*_: object) -> None:
    """Nobody wants to know."""


def train(
    rows: NDArray[np.float32],
    *,
    seed: int,
    inputs: Sequence[Input] = INPUTS,
    columns: tuple[tuple[str, str], ...] | None = None,
    parameters: ForestParameters | None = None,
    calibration_rows: NDArray[np.float32] | None = None,
    false_alarm_rate: float = DEFAULT_FALSE_ALARM_RATE,
    nthread: int = 1,
    progress: Progress = _untold,
) -> IsolationForestArrays:
    """Trains a detector and calibrates its threshold.

    Args:
        rows: shape (m, columns), float32, rows of node tables with the columns of ``inputs.columns_of(inputs)`` in that order;
            mostly normal. NaN: unknown. Rows with more than half of the inputs unknown are left out. Not changed.
        seed: all that is random follows from it.
        inputs: what the detector looks at.
        columns: (name, definition) of the columns of the rows; None: those of the node table.
        parameters: how the forest is grown; None: the defaults.
        calibration_rows: later rows, taken to be normal, for the threshold; None: the training rows. The threshold is the higher
                of what these and the training rows give: a short quiet slice must not make the detector touchy.
        false_alarm_rate: share of such rows that may be flagged.
        nthread: threads to grow with.
        progress: told after each of four steps.

    Raises:
        InvalidValue: too few rows that are known well enough.
    """
    columns = columns_of(inputs) if columns is None else columns
    if rows.ndim != 2 or rows.shape[1] != len(columns):
        raise InvalidValue(f"rows of shape {rows.shape}", field="rows", expected=f"(m, {len(columns)})")
    values = engineer(inputs, [name for name, _ in columns], rows)
    unknown = ~np.isfinite(values)
    kept = unknown.mean(axis=1) <= MAX_UNKNOWN_RATIO
    if np.count_nonzero(kept) < 2:
        raise InvalidValue("too few rows are known well enough", field="rows", expected="2 or more with half of the inputs known")
    values = np.where(unknown, np.float32(np.nan), values)[kept]
    deviations = Deviations.of_training(values, [one.group for one in inputs])
    summaries = deviations.summaries(values)
    progress(1, 4, "inputs")
    grown_on = _with_stretched(summaries, (parameters or ForestParameters()).stretched_share, seed)
    trees = grow(grown_on, seed=seed, parameters=parameters, nthread=nthread)
    progress(2, 4, "trees")
    risk_map = RiskMap.of_training(trees.scores(summaries))
    progress(3, 4, "risk map")
    uncalibrated = IsolationForestArrays(columns, tuple(inputs), trees, deviations, risk_map, 1.0)
    threshold = calibrate_threshold(uncalibrated.risk(rows[kept]), false_alarm_rate)
    if calibration_rows is not None:
        threshold = max(threshold, calibrate_threshold(uncalibrated.risk(calibration_rows), false_alarm_rate))
    progress(4, 4, "threshold")
    return IsolationForestArrays(columns, tuple(inputs), trees, deviations, risk_map, threshold)
