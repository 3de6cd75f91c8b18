"""feature-service and the forecaster as a test has them: streams of how hot nodes will get, from real gRPC servers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import numpy as np
from hydatis.forecast.v1 import forecast_pb2_grpc
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.targets import COLUMNS
from hydatis_serving.broadcast import Latest
from hydatis_serving.convert.forecast import forecast_to_protos
from hydatis_serving.testing import FakeFeatures, Peer

__all__ = ["ToldForecasts"]


class ToldForecasts(forecast_pb2_grpc.ForecastServiceServicer):
    """Both services on loopback, in a thread of their own. A forecast is made anew three times a second."""

    def __init__(self) -> None:
        self._features = FakeFeatures()
        self._newest: Latest[Sequence[Any]] = Latest()
        self._ratios: Mapping[str, float] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="told-forecasts", daemon=True)
        self._thread.start()
        self._peers = (
            Peer(self._features.register),
            Peer(lambda server: forecast_pb2_grpc.add_ForecastServiceServicer_to_server(self, server)),
        )
        asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result()
        self.settings = {"features_address": self._peers[0].address, "forecaster_address": self._peers[1].address}
        """The right-sizer's settings that lead here."""

    def say(self, ratios: Mapping[str, float]) -> None:
        """How hot each node will get, from now on."""
        self._ratios = dict(ratios)

    def stop(self) -> None:
        """Ends both."""
        for peer in self._peers:
            asyncio.run_coroutine_threadsafe(peer.kill(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def WatchForecasts(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """The newest forecast, then every newer one."""
        async for parts in self._newest.subscribe():
            for part in parts:
                yield part

    async def _begin(self) -> None:
        for peer in self._peers:
            await peer.start()
        self._saying = asyncio.create_task(self._say())

    async def _say(self) -> None:
        generation = 0
        while True:
            ratios, generation = self._ratios, max(int(time.time()), generation + 1)
            if ratios:
                use = np.full((len(ratios), len(SCHEMA.names)), np.nan, dtype=np.float32)
                self._features.publish(NodeTable(generation, tuple(ratios), SCHEMA.names, use, SCHEMA.hashes))
                values = np.repeat(np.array(list(ratios.values()), dtype=np.float32)[:, None], len(COLUMNS), axis=1)
                self._newest.publish(forecast_to_protos(ForecastTable(generation, values)))
            await asyncio.sleep(0.3)
