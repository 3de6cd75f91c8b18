"""Composition root of feature-service: the one place where its objects are made.

Nodes, pods and samples in from a source; the node table, profiles and deltas out to whoever subscribes.
"""

from __future__ import annotations

from importlib.metadata import version

from hydatis.features.v1 import features_pb2_grpc
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.watch_metrics import KubernetesMetrics
from hydatis_serving.metrics import new_registry
from hydatis_serving.server import GrpcServer
from hydatis_serving.transport_security import service_security
from prometheus_client import CollectorRegistry

from hydatis_feature_service.feature_metrics import FeatureMetrics
from hydatis_feature_service.kubernetes_source import KubernetesCluster
from hydatis_feature_service.prometheus_setup import prometheus_metrics
from hydatis_feature_service.replay_source import ReplayCluster, ReplayMetrics
from hydatis_feature_service.servicer import FeatureServicer, ReplaySourceServicer
from hydatis_feature_service.settings import FeatureServiceSettings
from hydatis_feature_service.sources import ClusterSource, MetricSource
from hydatis_feature_service.table_keeper import TableKeeper
from hydatis_feature_service.table_stream import TableStream
from hydatis_feature_service.warm_keeper import WarmKeeper
from hydatis_feature_service.warm_store import warm_store_from_url

__all__ = ["FeatureServiceApp"]


class FeatureServiceApp:
    """feature-service, made inside the event loop that runs it."""

    def __init__(self, settings: FeatureServiceSettings) -> None:
        self.registry = registry = new_registry("feature-service", version("hydatis-feature-service"))
        self._security = service_security(settings, registry)
        metrics = FeatureMetrics(registry)
        self._stream = TableStream()
        metrics.subscribers.set_function(lambda: self._stream.subscribers_count)
        store = warm_store_from_url(settings.warm_store, settings.warm_timeout_seconds, settings.warm_ca_file)
        self.keeper = TableKeeper(self._stream, metrics, settings.metric_window_seconds)
        self._warm = WarmKeeper(store, self.keeper.snapshot, metrics, settings.warm_least_gap_seconds)
        self.keeper.on_tick = self._warm.due
        replay_cluster, replay_metrics = ReplayCluster(), ReplayMetrics()
        self._cluster_source: ClusterSource = (
            replay_cluster if settings.cluster_source == "replay" else _watched_cluster(settings, registry)
        )
        self._metric_source: MetricSource = (
            replay_metrics if settings.metric_source == "replay" else prometheus_metrics(settings, registry)
        )
        self.server = GrpcServer(settings, registry, security=self._security)
        features = FeatureServicer(self._stream)
        replay = ReplaySourceServicer(replay_cluster, replay_metrics)
        self.server.add(
            lambda server: features_pb2_grpc.add_FeatureServiceServicer_to_server(features, server),
            "hydatis.features.v1.FeatureService",
        )
        if settings.cluster_source == "replay":  # of a watched cluster nobody may say what happens in it
            self.server.add(
                lambda server: features_pb2_grpc.add_ReplaySourceServiceServicer_to_server(replay, server),
                "hydatis.features.v1.ReplaySourceService",
            )

    async def start(self) -> None:
        """Restores what was kept, serves, then lets the sources push: nodes and pods, then what was and is measured of them.

        Ready when all of that is known that can be.
        """
        await self._warm.load(self.keeper.restore)
        self._security.start()
        await self.server.start()
        self._warm.start()
        await self._cluster_source.start(self.keeper, self._synced)

    async def _synced(self) -> None:
        await self._metric_source.start(self.keeper, self._recalled)

    async def _recalled(self) -> None:
        await self.server.set_ready(True)

    async def stop(self) -> None:
        """Takes nothing new, lets calls in flight finish, ends the streams, and keeps the state once more."""
        await self.server.set_ready(False)
        self._stream.close()
        await self.server.stop()
        await self._metric_source.stop()
        await self._cluster_source.stop()
        await self._warm.stop()
        await self._security.stop()


def _watched_cluster(settings: FeatureServiceSettings, registry: CollectorRegistry) -> KubernetesCluster:
    return KubernetesCluster(
        KubernetesApi(settings.kubeconfig, settings.kube_context),
        KubernetesMetrics(registry),
        settings.gpu_resources,
        settings.tick_seconds,
        settings.scrape_delay_seconds,
    )
