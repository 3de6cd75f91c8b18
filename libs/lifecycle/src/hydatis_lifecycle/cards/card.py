"""A model card as values: everything that is known of a version, and what is not known said as unknown.

A card is made when it is asked for, from the manifest, the stage book, the lineage and the catalogue, so that it cannot go stale
beside the artifact; whoever needs one that stays finds the one that was logged with the run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydatis_lifecycle.cards.kinds import PURPOSES, Purpose
from hydatis_lifecycle.lineage.record import StepRecord
from hydatis_lifecycle.manifest import Manifest
from hydatis_lifecycle.signing.statement import artifact_digest

__all__ = ["UNKNOWN", "CardContext", "Figure", "ModelCard", "card_of"]

UNKNOWN = "unknown"

_INTERVAL = re.compile(r"(.+)_(low|high)")


@dataclass(frozen=True, slots=True)
class CardContext:
    """What a manifest does not know of its own version."""

    signer: str = ""
    """Whose good signature it bears; empty: none, or none was checked."""
    stage: str = UNKNOWN
    lineage: Sequence[StepRecord] = ()
    """Steps that led to it, inputs first; none: lineage does not know it."""
    quality: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    """Quality of the data by dimension: score 0..1 and how much was checked; none: it was not checked, or nobody knows."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure."""

    name: str
    value: float
    interval: tuple[float, float] | None
    """Its 95 % interval; None: it was not measured."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a card says, in the order in which it says it."""

    name: str
    version: str
    digest: str
    kind: str
    purpose: Purpose
    stage: str
    signer: str
    training_run: str
    dataset_version: str
    columns: tuple[str, ...]
    outputs: tuple[str, ...]
    figures: tuple[Figure, ...]
    parameters: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, int, str], ...]
    """(name, bytes, SHA-256)."""
    quality: tuple[tuple[str, float, int], ...]
    """(dimension, score 0..1, how much was checked)."""
    steps: tuple[tuple[str, str, str, str], ...]
    """(step, what it read, what it made, version of the code)."""

    @property
    def unknown(self) -> tuple[str, ...]:
        """What a reader would look for and nobody knows."""
        missing = {
            "who signed it": not self.signer,
            "its stage": self.stage == UNKNOWN,
            "where its data came from (no lineage)": not self.steps,
            "quality scores of its data": not self.quality,
            "intervals of its figures": all(figure.interval is None for figure in self.figures),
        }
        return tuple(name for name, is_missing in missing.items() if is_missing)


def card_of(manifest: Manifest, context: CardContext) -> ModelCard:
    """The card of a version."""
    return ModelCard(
        name=manifest.name,
        version=manifest.version,
        digest=artifact_digest(manifest),
        kind=manifest.kind,
        purpose=PURPOSES[manifest.kind],
        stage=context.stage,
        signer=context.signer,
        training_run=manifest.training_run,
        dataset_version=manifest.dataset_version,
        columns=tuple(name for name, _ in manifest.columns),
        outputs=manifest.outputs,
        figures=_figures(manifest.metrics),
        parameters=tuple((name, _shown(value)) for name, value in sorted(manifest.parameters.items())),
        files=tuple((name, digest["bytes"], digest["sha256"]) for name, digest in sorted(manifest.files.items())),
        quality=tuple((dimension, *score) for dimension, score in context.quality.items()),
        steps=tuple(_step(record) for record in context.lineage),
    )


def _figures(metrics: Mapping[str, float]) -> tuple[Figure, ...]:
    """Figures with their intervals: ``X_low`` and ``X_high`` belong to ``X`` or ``X_ratio``."""
    found = []
    for name, value in metrics.items():
        end = _INTERVAL.fullmatch(name)
        if end and any(f"{end[1]}{suffix}" in metrics for suffix in ("", "_ratio")):
            continue
        base = name if f"{name}_low" in metrics else name.removesuffix("_ratio")
        low, high = metrics.get(f"{base}_low"), metrics.get(f"{base}_high")
        found.append(Figure(name, value, (low, high) if low is not None and high is not None else None))
    return tuple(found)


def _shown(value: Any) -> str:
    return f"{len(value)} entries" if isinstance(value, list | dict) and len(value) > 8 else str(value)


def _step(record: StepRecord) -> tuple[str, str, str, str]:
    read, made = (
        ", ".join(f"{entity.name} {entity.version}".strip() for entity in side) for side in (record.inputs, record.outputs)
    )
    return record.step, read, made, record.code_version or UNKNOWN
