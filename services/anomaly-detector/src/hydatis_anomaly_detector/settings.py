"""What the anomaly-detector can be told.

Every address has a loopback default, so that a laptop needs no settings at all; every wait has a bound here, because a model server
that hangs must cost a retry and never the process.
"""

from __future__ import annotations

from hydatis_serving.settings import ServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict

__all__ = ["AnomalyDetectorSettings"]


class AnomalyDetectorSettings(ServiceSettings):
    """Scores every node once per tick through the model server."""

    model_config = SettingsConfigDict(env_prefix="HYDATIS_ANOMALY_DETECTOR_")

    grpc_port: int = Field(default=7012, ge=0, le=65535)
    """Port of the gRPC server; 0: any free one."""
    metrics_port: int = Field(default=7112, ge=0, le=65535)
    """Port of the HTTP endpoint with /metrics, /healthz and /readyz; 0: any free one."""
    features_address: str = "127.0.0.1:7010"
    """host:port of feature-service, whose node table is scored."""
    model_address: str = "127.0.0.1:7303"
    """host:port where the model anomaly-detector is served (gRPC, Open Inference Protocol)."""
    shard_count: int = Field(default=1, ge=1, le=1000)
    """In how many calls a tick's nodes are sent to the model. A canary of 10 % needs 20 or more: the server splits by call."""
    model_timeout_seconds: float = Field(default=5.0, gt=0, le=300)
    """How long one call to the model may take."""
    retry_first_seconds: float = Field(default=0.1, gt=0, le=60)
    """Wait before a failed tick is tried again; it doubles with each failure."""
    retry_longest_seconds: float = Field(default=1.0, gt=0, le=300)
    """Longest such wait. A newer table ends it at once."""
    fallback_threshold: float = Field(default=0.65, ge=0, le=1)
    """Risk at which a node is flagged when the model's answer names no threshold, 0..1."""
    confirm_ticks_count: int = Field(default=3, ge=1, le=1000)
    """For how many ticks in a row a node must be flagged until its anomaly counts as confirmed."""
    false_alarm_rate: float = Field(default=0.01, gt=0, lt=1)
    """Share of a node's own ticks of the last week that may lie above its threshold, which counts after a day of record."""
