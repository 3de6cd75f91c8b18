"""Composition root of the forecaster: the one place where its objects are made.

Table in from feature-service, rows out to two models, forecasts out to whoever subscribes.
"""

from __future__ import annotations

from importlib.metadata import version

from hydatis.forecast.v1 import forecast_pb2_grpc
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_serving.broadcast import Latest
from hydatis_serving.convert.forecast import forecast_to_protos
from hydatis_serving.metrics import StreamMetrics, TickMetrics, new_registry
from hydatis_serving.model_client import ModelClient
from hydatis_serving.server import GrpcServer
from hydatis_serving.subscriber import TableSubscriber
from hydatis_serving.tick_book import TickBook
from hydatis_serving.tick_worker import TickWorker
from hydatis_serving.transport_security import service_security

from hydatis_forecaster.forecast_maker import MODELS, ForecastMaker
from hydatis_forecaster.servicer import ForecastServicer, Parts
from hydatis_forecaster.settings import ForecasterSettings

__all__ = ["ForecasterApp"]


class ForecasterApp:
    """The forecaster, made inside the event loop that runs it."""

    def __init__(self, settings: ForecasterSettings) -> None:
        self.registry = registry = new_registry("forecaster", version("hydatis-forecaster"))
        self._security = security = service_security(settings, registry)
        self._cpu = ModelClient(settings.cpu_model_address, MODELS[0][0], security=security)
        self._memory = ModelClient(settings.memory_model_address, MODELS[1][0], security=security)
        maker = ForecastMaker((self._cpu, self._memory), settings.shard_count, settings.model_timeout_seconds)
        self._book: TickBook[ForecastTable] = TickBook("forecast")
        self._newest: Latest[Parts] = Latest()
        self._worker = TickWorker(
            "forecast",
            maker.make,
            self._publish,
            TickMetrics(registry, "forecast"),
            retry_first_seconds=settings.retry_first_seconds,
            retry_longest_seconds=settings.retry_longest_seconds,
        )
        self._tables = TableSubscriber(
            settings.features_address, "forecaster", self._worker.take, metrics=StreamMetrics(registry), security=security
        )
        self.server = GrpcServer(settings, registry, security=security)
        servicer = ForecastServicer(self._book, self._newest)
        self.server.add(
            lambda server: forecast_pb2_grpc.add_ForecastServiceServicer_to_server(servicer, server),
            "hydatis.forecast.v1.ForecastService",
        )

    async def start(self) -> None:
        """Serves, then subscribes. Ready at once: without a table it says so to whoever asks."""
        self._security.start()
        await self.server.start()
        self._worker.start()
        self._tables.start()
        await self.server.set_ready(True)

    async def stop(self) -> None:
        """Ends the streams, lets calls in flight finish, then lets go of the others."""
        await self._tables.stop()
        await self._worker.stop()
        self._newest.close()
        await self.server.stop()
        await self._cpu.close()
        await self._memory.close()
        await self._security.stop()

    def _publish(self, table: NodeTable, forecast: ForecastTable) -> None:
        self._book.put(table, forecast)
        self._newest.publish(forecast_to_protos(forecast))
