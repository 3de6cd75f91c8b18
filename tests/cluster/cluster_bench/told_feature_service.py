"""feature-service as the benchmark runs it: nodes and pods are watched at the API server, samples are told.

The shipped one takes the samples of a watched cluster from Prometheus alone; here a tick must say what the benchmark wants.
"""

from __future__ import annotations

import sys

from hydatis.features.v1 import features_pb2_grpc
from hydatis_feature_service.app import FeatureServiceApp
from hydatis_feature_service.replay_source import ReplayCluster, ReplayMetrics
from hydatis_feature_service.servicer import ReplaySourceServicer
from hydatis_feature_service.settings import FeatureServiceSettings
from hydatis_serving.process import run
from hydatis_serving.settings import load_settings

__all__ = ["ToldFeatureService"]


class ToldFeatureService(FeatureServiceApp):
    """A feature-service whose ticks are told, whatever its cluster is."""

    def __init__(self, settings: FeatureServiceSettings) -> None:
        super().__init__(settings)
        assert isinstance(self._metric_source, ReplayMetrics)
        replay = ReplaySourceServicer(ReplayCluster(), self._metric_source)
        self.server.add(
            lambda server: features_pb2_grpc.add_ReplaySourceServiceServicer_to_server(replay, server),
            "hydatis.features.v1.ReplaySourceService",
        )


if __name__ == "__main__":
    told = load_settings(FeatureServiceSettings, program="python -m cluster_bench.told_feature_service")
    sys.exit(run("feature-service", told, lambda: ToldFeatureService(told)))
