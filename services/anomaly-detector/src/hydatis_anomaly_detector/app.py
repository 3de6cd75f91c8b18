"""Composition root of the anomaly-detector: the one place where its objects are made.

Table in from feature-service, rows out to the model, scores out to whoever subscribes.
"""

from __future__ import annotations

from importlib.metadata import version

from hydatis.anomaly.v1 import anomaly_pb2, anomaly_pb2_grpc
from hydatis_anomaly.risk_table import RiskTable
from hydatis_features.table import NodeTable
from hydatis_serving.broadcast import Latest
from hydatis_serving.convert.anomaly import risk_to_proto
from hydatis_serving.metrics import StreamMetrics, TickMetrics, new_registry
from hydatis_serving.model_client import ModelClient
from hydatis_serving.server import GrpcServer
from hydatis_serving.subscriber import TableSubscriber
from hydatis_serving.tick_book import TickBook
from hydatis_serving.tick_worker import TickWorker
from hydatis_serving.transport_security import service_security

from hydatis_anomaly_detector.anomaly_metrics import AnomalyMetrics
from hydatis_anomaly_detector.flagging import Flagging
from hydatis_anomaly_detector.risk_maker import MODEL_NAME, RiskMaker
from hydatis_anomaly_detector.scoring import Scoring
from hydatis_anomaly_detector.servicer import AnomalyServicer
from hydatis_anomaly_detector.settings import AnomalyDetectorSettings

__all__ = ["AnomalyDetectorApp"]


class AnomalyDetectorApp:
    """The anomaly-detector, made inside the event loop that runs it."""

    def __init__(self, settings: AnomalyDetectorSettings) -> None:
        self.registry = registry = new_registry("anomaly-detector", version("hydatis-anomaly-detector"))
        self._security = security = service_security(settings, registry)
        self._model = ModelClient(settings.model_address, MODEL_NAME, security=security)
        maker = RiskMaker(self._model, settings.shard_count, settings.model_timeout_seconds, settings.fallback_threshold)
        self._metrics = AnomalyMetrics(registry)
        self._book: TickBook[RiskTable] = TickBook("score")
        self._newest: Latest[anomaly_pb2.WatchScoresResponse] = Latest()
        self._worker = TickWorker(
            "score",
            Scoring(maker, Flagging(settings.confirm_ticks_count, settings.false_alarm_rate)).make,
            self._publish,
            TickMetrics(registry, "risk"),
            retry_first_seconds=settings.retry_first_seconds,
            retry_longest_seconds=settings.retry_longest_seconds,
        )
        self._tables = TableSubscriber(
            settings.features_address,
            "anomaly-detector",
            self._worker.take,
            metrics=StreamMetrics(registry),
            security=security,
        )
        self.server = GrpcServer(settings, registry, security=security)
        servicer = AnomalyServicer(self._book, self._newest)
        self.server.add(
            lambda server: anomaly_pb2_grpc.add_AnomalyServiceServicer_to_server(servicer, server),
            "hydatis.anomaly.v1.AnomalyService",
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
        await self._model.close()
        await self._security.stop()

    def _publish(self, table: NodeTable, risk: RiskTable) -> None:
        self._metrics.flagged(risk)
        self._book.put(table, risk)
        self._newest.publish(risk_to_proto(risk))
