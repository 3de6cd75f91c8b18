"""What a training run made, for a person and for a program.

The figures are those of the manifests, so that the table somebody sees after training is what a server will load.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ModelReport", "TrainingReport"]


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One published model."""

    name: str
    version: str
    path: str
    """Folder of the version."""
    kind: str
    metrics: dict[str, float]
    seconds: float
    """How long its training step took."""


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """One run."""

    training_run: str
    effort: str
    seed: int
    workload_version: str
    """Digest of the trace and cluster."""
    dataset_version: str
    """Digest of the record of the node table."""
    rows_count: int
    """Rows of the dataset: nodes x sampled ticks."""
    models: tuple[ModelReport, ...]
    seconds: float
    """How long the whole run took."""

    def model(self, name: str) -> ModelReport:
        """The report of a model; KeyError: it was not trained."""
        for model in self.models:
            if model.name == name:
                return model
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)
