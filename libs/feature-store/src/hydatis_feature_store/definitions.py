"""Feast's objects, made from the views: entities, sources, feature views and the services that name what is read together."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, ValueType
from feast.types import Float32, String

from hydatis_feature_store.offline_files import OfflineFiles
from hydatis_feature_store.stored_views import EVENT_TIME, VIEWS, StoredView

__all__ = ["definitions", "push_source_name"]

_ENTITY_TEXTS = {"node": "A node of the cluster, by its name.", "workload": "A workload, as namespace/name."}


def definitions(folder: Path) -> list[Any]:
    """All that is applied: per view an entity, a push source over its Parquet files, the view, and a service of the same name.

    Args:
        folder: of the repository; the sources are files below it.
    """
    return [thing for view in VIEWS for thing in _of_view(view, folder)]


def push_source_name(view: StoredView) -> str:
    """Name by which rows are pushed."""
    return f"{view.name}_push"


def _of_view(view: StoredView, folder: Path) -> list[Any]:
    entity = Entity(name=view.entity, join_keys=[view.key], value_type=ValueType.STRING, description=_ENTITY_TEXTS[view.entity])
    files = FileSource(
        name=f"{view.name}_files",
        path=OfflineFiles(folder, view).pattern,
        timestamp_field=EVENT_TIME,
        description=f"{view.text} Parquet, by event time.",
    )
    pushed = PushSource(name=push_source_name(view), batch_source=files, description="Rows as the writer gets them.")
    feature_view = FeatureView(
        name=view.name,
        entities=[entity],
        ttl=timedelta(seconds=view.keep_seconds),
        schema=[Field(name=view.key, dtype=String), *(_field(view, position) for position in range(len(view.features)))],
        source=pushed,
        description=view.text,
        tags={"schema_digest": view.digest},
    )
    service = FeatureService(name=view.name, features=[feature_view], description=f"All of {view.name}, read at once.")
    return [entity, files, pushed, feature_view, service]


def _field(view: StoredView, position: int) -> Field:
    feature = view.features[position]
    tags = {
        "unit": feature.unit,
        "source": feature.source,
        "revision": str(feature.revision),
        "definition_hash": feature.definition_hash,
        "position": str(position),
    }
    return Field(name=feature.name, dtype=Float32, description=feature.text, tags=tags)
