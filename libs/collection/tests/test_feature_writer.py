"""What the writer stores of what it is told, and what it refuses; the stores themselves are in ``tests/lifecycle``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from hydatis_collection.feature_writer import FeatureWriter
from hydatis_collection.writer_metrics import WriterMetrics
from hydatis_core.errors import UnknownColumn
from hydatis_feature_store.repository import FeatureRepository
from hydatis_feature_store.stored_views import NODE_FEATURES, WORKLOAD_PROFILES
from hydatis_features.profile_summaries import ProfileChange, WorkloadProfile
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from prometheus_client import CollectorRegistry

DAY = 86_400
NOW = 1_700_000_100


def table(generation: int, hashes: tuple[str, ...] = SCHEMA.hashes) -> NodeTable:
    values = np.full((2, len(SCHEMA.names)), generation % 1000, dtype=np.float32)
    return NodeTable(generation, ("a", "b"), SCHEMA.names, values, hashes)


def profiles(*keys: str) -> ProfileChange:
    return ProfileChange(tuple(WorkloadProfile(key, 1.0, (0.1, 0.2, 0.3, 0.4)) for key in keys))


class Started:
    """A writer as it is after a start: it knows nothing but what is stored."""

    def __init__(self, folder: Path, keep_seconds: int = 0) -> None:
        self.repository = FeatureRepository(folder)
        self.metrics = WriterMetrics(CollectorRegistry())
        self.writer = FeatureWriter(self.repository, "127.0.0.1:1", self.metrics, keep_seconds=keep_seconds)

    async def told(self, told_table: NodeTable, change: ProfileChange | None = None) -> None:
        """Told profiles, then a table, and offline has them."""
        if change:
            self.writer._on_profiles(change, False)
        self.writer._on_table(told_table)
        lane = asyncio.create_task(self.writer.offline.run())
        async with asyncio.timeout(20):
            while not self.writer.offline.is_idle:  # noqa: ASYNC110  # what is waited for happens in a thread
                await asyncio.sleep(0.001)
        lane.cancel()
        await asyncio.gather(lane, return_exceptions=True)


async def test_tables_and_the_profiles_told_before_them_are_stored(tmp_path: Path) -> None:
    started = Started(tmp_path)
    await started.told(table(NOW), profiles("shop/web"))
    await started.told(table(NOW + 60))
    assert started.repository.offline().generations() == [NOW, NOW + 60]
    assert started.repository.offline(WORKLOAD_PROFILES).generations() == [NOW]
    keys, rows = started.repository.offline().read(NOW)
    assert keys == ("a", "b")
    assert rows.tobytes() == table(NOW).values.tobytes()


async def test_started_again_it_is_told_all_profiles_and_holds_what_it_wrote(tmp_path: Path) -> None:
    await Started(tmp_path).told(table(NOW), profiles("shop/web"))
    again = Started(tmp_path)
    await again.told(table(NOW), profiles("shop/web", "shop/cart"))
    assert again.metrics.counts("offline") == {"held": 1}
    assert again.repository.offline(WORKLOAD_PROFILES).read(NOW)[0] == ("shop/web",)


async def test_a_writer_killed_between_the_table_and_its_profiles_stores_them_when_it_is_back(tmp_path: Path) -> None:
    one = table(NOW)
    FeatureRepository(tmp_path).offline().write(NOW, one.node_names, one.values, NODE_FEATURES.names)
    again = Started(tmp_path)
    await again.told(one, profiles("shop/web"))
    assert again.repository.offline(WORKLOAD_PROFILES).generations() == [NOW]


async def test_what_is_older_than_it_is_to_be_kept_goes(tmp_path: Path) -> None:
    started = Started(tmp_path, keep_seconds=DAY)
    for generation in (NOW, NOW + DAY, NOW + DAY + 60):
        await started.told(table(generation), profiles("shop/web"))
    assert started.repository.offline().generations() == [NOW + DAY, NOW + DAY + 60]
    assert started.repository.offline(WORKLOAD_PROFILES).generations() == [NOW + DAY, NOW + DAY + 60]


async def test_a_column_of_another_definition_is_refused(tmp_path: Path) -> None:
    started = Started(tmp_path)
    with pytest.raises(UnknownColumn, match="another definition"):
        started.writer._on_table(table(NOW, ("000000000000", *SCHEMA.hashes[1:])))
    assert started.repository.offline().generations() == []
