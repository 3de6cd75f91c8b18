"""What placement-policy can be told.

Every address has a loopback default, so that a laptop needs no settings at all; every wait on a decision's path has a bound here,
because a decision that is late is worth less than one from the policy at hand.
"""

from __future__ import annotations

from hydatis_serving.settings import ServiceSettings
from hydatis_serving.signature_settings import SignatureSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict

__all__ = ["PlacementPolicySettings"]


class PlacementPolicySettings(SignatureSettings, ServiceSettings):
    """Ranks the candidates of a pod by the learned policy."""

    model_config = SettingsConfigDict(env_prefix="HYDATIS_PLACEMENT_POLICY_")

    grpc_port: int = Field(default=7013, ge=0, le=65535)
    """Port of the gRPC server; 0: any free one."""
    metrics_port: int = Field(default=7113, ge=0, le=65535)
    """Port of the HTTP endpoint with /metrics, /healthz and /readyz; 0: any free one."""
    features_address: str = "127.0.0.1:7010"
    """host:port of feature-service."""
    forecaster_address: str = "127.0.0.1:7011"
    """host:port of the forecaster."""
    anomaly_address: str = "127.0.0.1:7012"
    """host:port of the anomaly-detector."""
    model_address: str = "127.0.0.1:7304"
    """host:port where the model placement-policy is served (gRPC, Open Inference Protocol)."""
    models_dir: str = "hydatis-state/models"
    """Folder of model artifacts: the local policy is read from it. Without one, a late model server costs a rung."""
    models_check_seconds: float = Field(default=2.0, gt=0, le=3600)
    """How often the models folder is looked at for another current policy."""
    model_timeout_ms: float = Field(default=40.0, gt=0, le=10_000)
    """How long a decision waits for the model server before the local policy answers, milliseconds."""
    deadline_reserve_ms: float = Field(default=5.0, ge=0, le=10_000)
    """What of a call's deadline is kept for the local policy and the answer, milliseconds."""
    circuit_failures_count: int = Field(default=3, ge=1, le=1000)
    """After how many failures in a row the model server is not asked any more, until a probe succeeds."""
    probe_seconds: float = Field(default=0.5, gt=0, le=60)
    """How often a model server that failed is probed, off the decisions' path."""
    probe_timeout_seconds: float = Field(default=0.5, gt=0, le=60)
    """How long such a probe may take."""
    max_rows_count: int = Field(default=200_000, ge=1)
    """Most candidates, over all pods of a call, that are ranked at once; more are refused."""
