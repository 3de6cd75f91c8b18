"""What feature-service can be told.

What a decision depends on (window, tick, source) is told here once and travels with the table, so that no subscriber needs a
setting of the same name that could differ.
"""

from __future__ import annotations

from typing import Literal

from hydatis_serving.kube.pod_resources import GPU_RESOURCES, GpuMeaning
from hydatis_serving.settings import ServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict

__all__ = ["FeatureServiceSettings"]


class FeatureServiceSettings(ServiceSettings):
    """Keeps the node table and the workload profiles, and streams them."""

    model_config = SettingsConfigDict(env_prefix="HYDATIS_FEATURE_SERVICE_")

    grpc_port: int = Field(default=7010, ge=0, le=65535)
    """Port of the gRPC server; 0: any free one."""
    metrics_port: int = Field(default=7110, ge=0, le=65535)
    """Port of the HTTP endpoint with /metrics, /healthz and /readyz; 0: any free one."""
    cluster_source: Literal["replay", "kubernetes"] = "replay"
    """Where nodes and pods come from. replay: a driver says them by ReplaySourceService, in lock-step. kubernetes: they are watched
    at an API server."""
    kubeconfig: str = ""
    """Kubeconfig file that leads to the API server. Empty: the pod's service account inside a cluster, else KUBECONFIG or
    ~/.kube/config."""
    kube_context: str = ""
    """Context of the kubeconfig file. Empty: its current one."""
    gpu_resources: dict[str, GpuMeaning] = Field(default_factory=lambda: dict(GPU_RESOURCES))
    """Of a live cluster: what extended resources say of GPUs, as JSON, the same as scheduler-plugin is told."""
    metric_source: Literal["replay", "prometheus"] = "replay"
    """Where samples come from, and with them the ticks. replay: a driver says them by ReplaySourceService, in lock-step.
    prometheus: a Prometheus server is asked at every tick of the wall clock."""
    prometheus_url: str = "http://prometheus:9090"
    """Base URL of a server that speaks Prometheus' API: Prometheus, Thanos, Mimir, VictoriaMetrics."""
    prometheus_token_file: str = ""
    """File with a bearer token for it, read at every query. Empty: none."""
    prometheus_ca_file: str = ""
    """Certificates to trust beside the system's when its URL is https. Empty: none."""
    prometheus_matchers: str = ""
    """More label matchers for every series, where one server has several clusters: cluster="north"."""
    prometheus_timeout_seconds: float = Field(default=8.0, gt=0, le=300)
    """An answer later than this, or than 0.6 ticks, is none: what it would have said is unknown at that tick."""
    prometheus_rate_window_seconds: int = Field(default=120, ge=2, le=3600)
    """Over which rates are taken: four times the interval of scrapes."""
    prometheus_sample_age_seconds: int = Field(default=90, ge=1, le=3600)
    """A sample older than this is none: what it measured is unknown. Three times the interval of scrapes."""
    prometheus_history_within_seconds: float = Field(default=60.0, ge=0, le=600)
    """How long, at the start, the windows may be filled from what Prometheus remembers before the service is ready all the same.
    0: the past is not asked for."""
    tick_seconds: float = Field(default=15.0, ge=1, le=300, multiple_of=1)
    """Of a live cluster: length of a tick, whole seconds. Tables are made at its multiples by the wall clock."""
    scrape_delay_seconds: float = Field(default=15.0, ge=0, le=300)
    """Of a live cluster: how old the newest sample is when it is seen, about the interval of scrapes."""
    metric_window_seconds: float = Field(default=900.0, gt=0, le=86_400)
    """Seconds until the measured windows show all of a new pod; credits decay over it."""
    warm_store: str = "sqlite:///hydatis-state/warm.sqlite"
    """Where the state is kept for a warm start: sqlite:///PATH, redis://HOST:PORT/DB, rediss:// for TLS, or none."""
    warm_ca_file: str = ""
    """PEM file with the authorities by which a Redis over TLS is believed. Empty: the system's."""
    warm_timeout_seconds: float = Field(default=2.0, gt=0, le=60)
    """How long one read or write of the warm store may take."""
    warm_least_gap_seconds: float = Field(default=1.0, ge=0, le=3600)
    """Least time between two writes of the state; after a costly write ten times its cost is waited instead."""
    max_message_bytes: int = Field(default=64 * 2**20, ge=2**16, le=2**30)
    """Largest gRPC message that is taken: a tick of 5,000 nodes with 100,000 pods is about 6 MiB."""
