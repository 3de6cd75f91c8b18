"""Makes the Prometheus source of the settings."""

from __future__ import annotations

from hydatis_serving.prometheus.client import PrometheusClient
from hydatis_serving.prometheus.queries import Asking
from prometheus_client import CollectorRegistry

from hydatis_feature_service.prometheus_asker import PrometheusAsker
from hydatis_feature_service.prometheus_metrics import PrometheusSourceMetrics
from hydatis_feature_service.prometheus_source import PrometheusMetrics
from hydatis_feature_service.settings import FeatureServiceSettings

__all__ = ["prometheus_metrics"]


def prometheus_metrics(settings: FeatureServiceSettings, registry: CollectorRegistry) -> PrometheusMetrics:
    """A source that asks the server named, with the windows and matchers named."""
    asking = Asking(
        settings.prometheus_rate_window_seconds, settings.prometheus_sample_age_seconds, settings.prometheus_matchers.strip(", ")
    )
    client = PrometheusClient(settings.prometheus_url, settings.prometheus_token_file, settings.prometheus_ca_file)
    metrics = PrometheusSourceMetrics(registry)
    asker = PrometheusAsker(client, asking, metrics)
    return PrometheusMetrics(
        asker, client, asking, metrics, settings.prometheus_timeout_seconds, settings.prometheus_history_within_seconds
    )
