"""What is known of a published version beside its manifest: gathered from the stage book, the lineage and the catalogue.

Each of them may be missing or down, and a card is still worth having: what cannot be asked is unknown, and the card says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hydatis_core.errors import HydatisError
from hydatis_lifecycle.adapters.stage_book import StageBook
from hydatis_lifecycle.cards.card import CardContext
from hydatis_lifecycle.lineage.record import EntityKind, StepRecord
from hydatis_lifecycle.manifest import Manifest
from hydatis_lifecycle.quality.report import QualityReport
from hydatis_lifecycle.signing.statement import artifact_digest
from hydatis_lifecycle.stages import Stage

from hydatis_pipelines.lifecycle_catalogue import open_catalogue
from hydatis_pipelines.lifecycle_home import LifecycleHome

__all__ = ["card_context"]

_SQLITE = "sqlite:///"


def card_context(home: LifecycleHome, manifest: Manifest, *, signer: str = "") -> CardContext:
    """What is known of a version.

    Args:
        home: where to ask.
        manifest: of the version.
        signer: whose good signature it bears.
    """
    lineage = _lineage(home, manifest)
    return CardContext(
        signer=signer,
        stage=StageBook(home.stages).stages(manifest.name).get(manifest.version, Stage.NONE).value,
        lineage=lineage,
        quality=_quality(home, lineage),
    )


def _lineage(home: LifecycleHome, manifest: Manifest) -> Sequence[StepRecord]:
    if not _is_there(home.catalogue_url):
        return ()
    with suppress(HydatisError, ImportError):
        from hydatis_lifecycle.adapters.lineage_store import LineageStore

        return tuple(LineageStore(home.catalogue_url).upstream(artifact_digest(manifest)).derivations.values())
    return ()


def _quality(home: LifecycleHome, lineage: Sequence[StepRecord]) -> Mapping[str, tuple[float, int]]:
    """Scores of the raw data: of the first dataset whose version has a report."""
    raw = [entity for record in lineage for entity in (*record.inputs, *record.outputs) if entity.kind is EntityKind.DATASET]
    if not raw:
        return {}
    with suppress(HydatisError, ImportError):
        catalogue = open_catalogue(home)
        for entity in raw:
            with suppress(HydatisError):
                said = catalogue.get(entity.name, entity.version or None).quality
                if said is not None:
                    scores = QualityReport.from_json(said).scores
                    return {name: (score.ratio, score.checked_count) for name, score in scores.items() if score.checked_count}
    return {}


def _is_there(url: str) -> bool:
    """Whether asking would not make a new database."""
    return not url.startswith(_SQLITE) or Path(url.removeprefix(_SQLITE)).exists()
