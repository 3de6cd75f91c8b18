"""Composition root of placement-policy: the one place where its objects are made.

Tables, forecasts and risks in ahead of any decision; a pod and its candidates in, one utility per candidate out.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from hydatis.placement.v1 import placement_pb2_grpc
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_serving.metrics import StreamMetrics, new_registry
from hydatis_serving.model_client import ModelClient
from hydatis_serving.server import GrpcServer
from hydatis_serving.signature_settings import tell_signatures
from hydatis_serving.subscriber import ForecastSubscriber, RiskSubscriber, TableSubscriber
from hydatis_serving.transport_security import service_security

from hydatis_placement_policy.circuit import Circuit
from hydatis_placement_policy.local_policy import MODEL_NAME, LocalPolicyShelf
from hydatis_placement_policy.placement_metrics import PlacementMetrics
from hydatis_placement_policy.policy import Policy
from hydatis_placement_policy.ranking import Ranker
from hydatis_placement_policy.served_policy import ServedPolicy
from hydatis_placement_policy.servicer import PlacementServicer
from hydatis_placement_policy.settings import PlacementPolicySettings
from hydatis_placement_policy.view_book import ViewBook

__all__ = ["PlacementPolicyApp"]

_NAME = "placement-policy"


class PlacementPolicyApp:
    """placement-policy, made inside the event loop that runs it."""

    def __init__(self, settings: PlacementPolicySettings) -> None:
        self.registry = registry = new_registry(_NAME, version("hydatis-placement-policy"))
        metrics = PlacementMetrics(registry)
        streams = StreamMetrics(registry)
        self._security = security = service_security(settings, registry)
        self._model = ModelClient(settings.model_address, MODEL_NAME, security=security)
        self._served = ServedPolicy(
            self._model,
            Circuit(settings.circuit_failures_count),
            metrics,
            timeout_seconds=settings.model_timeout_ms / 1000.0,
            probe_seconds=settings.probe_seconds,
            probe_timeout_seconds=settings.probe_timeout_seconds,
        )
        signatures = settings.signature_check()
        tell_signatures(signatures, registry)
        folder = ArtifactFolder(Path(settings.models_dir), signatures)
        self._shelf = LocalPolicyShelf(folder, settings.models_check_seconds, metrics.refused)
        policy = Policy(self._served, self._shelf, metrics, settings.deadline_reserve_ms / 1000.0)
        self.views = ViewBook(on_held=metrics.generations.held)
        self._subscribers = (
            TableSubscriber(settings.features_address, _NAME, self.views.take_table, metrics=streams, security=security),
            ForecastSubscriber(settings.forecaster_address, _NAME, self.views.take_forecast, metrics=streams, security=security),
            RiskSubscriber(settings.anomaly_address, _NAME, self.views.take_risk, metrics=streams, security=security),
        )
        self.server = GrpcServer(settings, registry, security=security)
        servicer = PlacementServicer(Ranker(self.views, policy, metrics, settings.max_rows_count), self.views, policy, metrics)
        self.server.add(
            lambda server: placement_pb2_grpc.add_PlacementServiceServicer_to_server(servicer, server),
            "hydatis.placement.v1.PlacementService",
        )

    async def start(self) -> None:
        """Loads the local policy, serves, subscribes. Ready without the others: a decision that needs them says so."""
        await self._shelf.start()
        self._security.start()
        await self.server.start()
        self._served.start()
        for subscriber in self._subscribers:
            subscriber.start()
        await self.server.set_ready(True)

    async def stop(self) -> None:
        """Lets calls in flight finish, then lets go of the others."""
        await self.server.stop()
        for subscriber in self._subscribers:
            await subscriber.stop()
        await self._served.stop()
        await self._shelf.stop()
        await self._model.close()
        await self._security.stop()
