"""The writer of the feature stores: subscribes to the node table, writes it offline by event time and pushes it online.

It is a role of its own (one process), because Feast is far too heavy and too slow for the services that decide: they hold the same
table in memory and never ask a store. Nothing is written twice, whatever is killed: offline a generation is a file of its name;
online the store itself is asked, at the first push and after every failure, for the event times that it holds.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import numpy as np
from hydatis_core.errors import UnknownColumn
from hydatis_feature_store.profile_rows import profile_rows
from hydatis_feature_store.repository import FeatureRepository
from hydatis_feature_store.stored_views import NODE_FEATURES, WORKLOAD_PROFILES
from hydatis_features.profile_summaries import ProfileChange, WorkloadProfile
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_serving.subscriber import TableSubscriber
from hydatis_serving.transport_security import PLAIN, TransportSecurity

from hydatis_collection.write_lane import Told, WriteLane
from hydatis_collection.writer_metrics import WriterMetrics

__all__ = ["FeatureWriter"]

#: Generations that wait for the offline store when the disk is full or slow. Online only the newest is of use.
_OFFLINE_CAPACITY = 64


class FeatureWriter:
    """Writes what feature-service streams into a feature repository; make it inside the event loop.

    Args:
        repository: applied.
        address: ``host:port`` of feature-service.
        metrics: where it is counted.
        offline_every_seconds: one generation per so many seconds of event time is kept offline; 0: all.
        online_every_seconds: and pushed online.
        keep_seconds: offline generations older than this, by event time, are dropped; 0: none.
        security: by which certificate it dials.
    """

    def __init__(
        self,
        repository: FeatureRepository,
        address: str,
        metrics: WriterMetrics,
        *,
        offline_every_seconds: float = 0,
        online_every_seconds: float = 0,
        keep_seconds: int = 0,
        security: TransportSecurity = PLAIN,
    ) -> None:
        self._repository = repository
        self._keep_seconds = keep_seconds
        self._online_is_ours = False
        self._profiles: dict[str, WorkloadProfile] = {}
        self.offline = WriteLane(
            "offline", self._write_offline, every_seconds=offline_every_seconds, capacity=_OFFLINE_CAPACITY, metrics=metrics
        )
        self.online = WriteLane("online", self._push, every_seconds=online_every_seconds, capacity=1, metrics=metrics)
        self.subscriber = TableSubscriber(
            address, "feature-writer", self._on_table, on_profiles=self._on_profiles, security=security
        )

    async def run(self) -> None:
        """Writes until cancelled. What waits then is not written: whoever starts next is told the newest table again."""
        lanes = [asyncio.create_task(lane.run(), name=f"feature-writer-{lane.store}") for lane in (self.offline, self.online)]
        self.subscriber.start()
        try:
            await asyncio.gather(*lanes)
        finally:
            await self.subscriber.stop()
            for lane in lanes:
                lane.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*lanes)

    def _on_table(self, table: NodeTable) -> None:
        expected = dict(zip(SCHEMA.names, SCHEMA.hashes, strict=True))
        for name, definition in zip(table.columns, table.column_hashes, strict=False):
            if expected.get(name) != definition:
                shown = f"column {name!r} of feature-service is of another definition than the one stored here"
                raise UnknownColumn(shown, field="columns", expected="feature-service and writer of one version")
        told = Told(table, self._profiles)
        self._profiles = {}
        self.offline.put(told)
        self.online.put(told)

    def _on_profiles(self, change: ProfileChange, replace_all: bool) -> None:
        self._profiles |= {profile.key: profile for profile in change.profiles}

    def _write_offline(self, told: Told) -> bool:
        table = told.table
        is_new = self._repository.offline().write(table.generation, table.node_names, table.values, table.columns)
        profiles = self._repository.offline(WORKLOAD_PROFILES)
        # Who starts anew is told all profiles, those of the newest table among them.
        if told.profiles and not profiles.has(table.generation):
            rows = profile_rows(list(told.profiles.values()))
            profiles.write(table.generation, list(told.profiles), rows, WORKLOAD_PROFILES.names)
        if self._keep_seconds:
            for files in (self._repository.offline(), profiles):
                files.drop_before(table.generation - self._keep_seconds)
        return is_new

    def _push(self, told: Told) -> bool:
        table = told.table
        ours, self._online_is_ours = self._online_is_ours, False
        if not ours and table.node_names and np.all(self._repository.online_times(table.node_names) >= table.generation):
            is_new = False
        else:
            self._repository.push(table.generation, table.node_names, table.values, table.columns, NODE_FEATURES)
            is_new = True
        if told.profiles:
            keys, rows = list(told.profiles), profile_rows(list(told.profiles.values()))
            if ours or np.any(self._repository.online_times(keys, WORKLOAD_PROFILES) < table.generation):
                self._repository.push(table.generation, keys, rows, WORKLOAD_PROFILES.names, WORKLOAD_PROFILES)
        self._online_is_ours = True
        return is_new
