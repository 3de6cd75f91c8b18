"""The three families of experiments, as a table by kind of model: what counts in each, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydatis_lifecycle.artifacts import Artifact

from hydatis_pipelines.tracking import importance, plots

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["FAMILIES", "Family", "family_of"]


@dataclass(frozen=True, slots=True)
class Family:
    """What the models of a kind share in MLflow."""

    experiment: str
    importance_of: str
    """What the importance of an input is, in words."""
    importance: Callable[[Artifact], Mapping[str, float]]
    figures: tuple[Callable[[Artifact], go.Figure | None], ...]
    """Plots beside that of the importance; None: there is nothing to draw."""


#: By ``hydatis_lifecycle.manifest.KINDS``.
FAMILIES: dict[str, Family] = {
    "xgboost_quantile": Family(
        "hydatis-forecasting",
        "gain of the splits on it, share of all",
        importance.gain_of_forecaster,
        (plots.calibration, plots.accuracy),
    ),
    "q_function": Family(
        "hydatis-placement",
        "norm of the first layer's weights from it, share of all",
        importance.weight_of_q_function,
        (plots.learning_curve, plots.policies),
    ),
    "isolation_forest": Family("hydatis-anomaly", "cuts on it, share of all", importance.cuts_of_forest, ()),
}


def family_of(artifact: Artifact) -> Family:
    """The family of an artifact."""
    return FAMILIES[artifact.manifest.kind]
