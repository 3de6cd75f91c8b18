"""Mirrors our stages to MLflow's tags and aliases, in one direction only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hydatis_lifecycle.stages import Stage

from hydatis_pipelines.lifecycle_home import LifecycleHome

__all__ = ["mirror_stages"]

_SQLITE = "sqlite:///"


def mirror_stages(home: LifecycleHome, name: str, stages: Mapping[str, Stage]) -> int:
    """Writes the stages of a model to MLflow; returns how many registered versions stand otherwise now.

    An embedded MLflow that was never used has nothing to mirror to, and is not made for that.

    Raises:
        DependencyUnavailable: MLflow does not answer; the same call later brings it up to date.
    """
    if home.mlflow_uri.startswith(_SQLITE) and not Path(home.mlflow_uri.removeprefix(_SQLITE)).exists():
        return 0
    from hydatis_lifecycle.adapters.mlflow_registry import MlflowRegistry

    return MlflowRegistry(home.mlflow_uri, home.mlflow_artifacts).mirror(name, stages)
