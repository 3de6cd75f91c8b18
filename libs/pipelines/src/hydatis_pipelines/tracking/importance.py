"""What the inputs of a model weigh: one measure per kind of model, each a share of all (they add up to 1).

They say what the model uses, not what causes what: of two inputs that say the same, one takes it all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from hydatis_lifecycle.artifacts import Artifact

__all__ = ["cuts_of_forest", "gain_of_forecaster", "weight_of_q_function"]


def gain_of_forecaster(artifact: Artifact) -> dict[str, float]:
    """Loss that the splits on each shape saved (XGBoost's total gain), over all boosters; by the names of the shapes."""
    import xgboost
    from hydatis_forecasting.shape import shape_names

    names = shape_names(artifact.manifest.name.partition("-")[0])
    total: Counter[str] = Counter()
    for name, data in sorted(artifact.files.items()):
        if name.endswith(".ubj"):
            gains = xgboost.Booster(model_file=bytearray(data)).get_score(importance_type="total_gain")
            total.update({names[int(str(shape).removeprefix("f"))]: float(np.sum(gain)) for shape, gain in gains.items()})
    return _shares(total)


def weight_of_q_function(artifact: Artifact) -> dict[str, float]:
    """Euclidean norm of what leads from each (normalised) input into the first layer; by the names of the columns."""
    from hydatis_placement.q_function import QFunction

    function = QFunction.from_files(dict(artifact.files), input_count=len(artifact.manifest.columns))
    norms = np.linalg.norm(function.weights[0], axis=1)
    return _shares(dict(zip((name for name, _ in artifact.manifest.columns), norms.tolist(), strict=True)))


def cuts_of_forest(artifact: Artifact) -> dict[str, float]:
    """How often the trees cut each summary, weighed by the rows that came there; by the names of the summaries."""
    from hydatis_anomaly.forest import IsolationForestArrays

    forest = IsolationForestArrays.from_files(dict(artifact.files))
    inputs, rows = forest.trees.cut_inputs.ravel(), forest.trees.row_counts.ravel()
    counts = np.bincount(inputs[inputs >= 0], weights=rows[inputs >= 0], minlength=forest.trees.input_count)
    return _shares(dict(zip(map(" ".join, forest.deviations.summary_names), counts.tolist(), strict=True)))


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    """Largest first; nothing where nothing weighs."""
    whole = sum(weights.values())
    if whole <= 0:
        return {}
    return {name: weight / whole for name, weight in sorted(weights.items(), key=lambda item: (-item[1], item[0]))}
