"""Opens a quantile forecaster (boosted trees).

The trees are the one model here that needs a heavy library, and this is the only module that leads to it.
"""

from __future__ import annotations

from hydatis_forecasting.model import QuantileForecaster
from hydatis_lifecycle.artifacts import Artifact

from hydatis_model_server.runtimes.table import Runtime

__all__ = ["open_model"]


def open_model(artifact: Artifact) -> Runtime:
    """The forecaster of these files.

    Raises:
        ArtifactRefused: the files are not a forecaster.
    """
    forecaster = QuantileForecaster.from_files(dict(artifact.files))
    return Runtime(forecaster.columns, forecaster.outputs, forecaster.predict)
