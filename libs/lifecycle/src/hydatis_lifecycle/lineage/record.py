"""One step of a lineage: what it read, what it made, under which names and digests.

Records are the whole memory of where a model came from. They name things by digest, because names are given twice and files are
moved; a name is kept beside the digest for people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from hydatis_core.errors import InvalidValue

__all__ = ["Entity", "EntityKind", "StepRecord", "is_digest"]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class EntityKind(Enum):
    """What a thing of a lineage is, from raw metrics to what serves; in that order."""

    DATASET = "dataset"
    """Raw data: a registered version of a dataset."""
    WORKLOAD = "workload"
    """A trace with its cluster, as it is placed."""
    FEATURES = "features"
    """Rows of the node table."""
    MODEL = "model"
    """A trained model that is not published."""
    EVALUATION = "evaluation"
    """What a model was judged to be worth."""
    ARTIFACT = "artifact"
    """A published, signed version of a model."""
    DEPLOYMENT = "deployment"
    """A version that servers were told to serve."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing that steps read and make.

    Raises:
        InvalidValue: it has no name, or its digest is none.
    """

    kind: EntityKind
    name: str
    """Its name for people: ``bitbrains``, ``cpu-forecaster``."""
    digest: str
    """``sha256:<64 hexadecimal digits>``: what it is known by."""
    version: str = ""
    """Semantic version; empty: it has none."""

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidValue("an entity without a name", field="name", expected="a name such as cpu-forecaster")
        if not is_digest(self.digest):
            raise InvalidValue(f"{self.digest[:80]!r} is no digest", field="digest", expected="sha256: and 64 hexadecimal digits")


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One run of one step."""

    step: str
    """The step: ``train-forecaster``."""
    run: str
    """Identity of the run it was part of."""
    inputs: tuple[Entity, ...]
    outputs: tuple[Entity, ...]
    started_seconds: float
    """Unix time."""
    ended_seconds: float
    """Unix time; not before it started."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """JSON values: what it was told beside its inputs."""
    code_version: str = ""
    """Version of the packages, or the source commit; empty: not known."""
    cached: bool = False
    """Its outputs were made by an earlier run of the same step on the same inputs."""

    def __post_init__(self) -> None:
        if not self.step or not self.run:
            raise InvalidValue("a record without a step or a run", field="step, run", expected="both named")
        if not self.outputs:
            raise InvalidValue(f"step {self.step} made nothing", field="outputs", expected="one entity or more")
        if self.ended_seconds < self.started_seconds:
            raise InvalidValue(f"step {self.step} ended before it started", field="ended_seconds", expected="a later time")


def is_digest(text: str) -> bool:
    """Whether a text is ``sha256:<64 hexadecimal digits>``."""
    return _DIGEST.fullmatch(text) is not None
