"""What model-server can be told.

One process serves one model, so the model's name is the only setting without a default that could be right for everybody; the ports
differ per model and are given by whoever runs several on one machine.
"""

from __future__ import annotations

from pathlib import Path

from hydatis_serving.settings import ServiceSettings
from hydatis_serving.signature_settings import SignatureSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict

__all__ = ["ModelServerSettings"]


class ModelServerSettings(SignatureSettings, ServiceSettings):
    """Serves one model by the Open Inference Protocol (gRPC and REST)."""

    model_config = SettingsConfigDict(env_prefix="HYDATIS_MODEL_SERVER_", protected_namespaces=())

    model_name: str = Field(min_length=1)
    """Model to serve, a folder of the models folder: cpu-forecaster, memory-forecaster, anomaly-detector or placement-policy."""
    models_dir: Path = Path("models")
    """Folder with the published artifacts, as <model>/<version>/manifest.json and <model>/CURRENT."""
    http_port: int = Field(default=8080, ge=0, le=65535)
    """Port of the REST side of the protocol; 0: any free one."""
    grpc_port: int = Field(default=8081, ge=0, le=65535)
    """Port of the gRPC side of the protocol; 0: any free one."""
    metrics_port: int = Field(default=8082, ge=0, le=65535)
    """Port of the HTTP endpoint with /metrics, /healthz and /readyz; 0: any free one. (/metrics is on the REST port as well.)"""
    max_connections_count: int = Field(default=256, ge=2, le=100_000)
    """Connections to the REST port at a time, of one address half as many; one more is closed at once."""
    arrival_seconds: float = Field(default=10.0, gt=0, le=600)
    """How long a REST request may take to arrive."""
    poll_seconds: float = Field(default=1.0, gt=0, le=3600)
    """How often the folder is asked whether another version became current."""
