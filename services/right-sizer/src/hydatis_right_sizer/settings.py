"""What the right-sizer can be told when it starts.

What may change while it runs (whether it does anything, bounds, cap) is not here but in its policy. Every setting is an
environment variable ``HYDATIS_RIGHT_SIZER_<NAME>`` or an option ``--<name>``; ``--help`` lists them.
"""

from __future__ import annotations

from hydatis_serving.settings import ServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict

__all__ = ["RightSizerSettings"]


class RightSizerSettings(ServiceSettings):
    """Right-sizes new and running pods within bounds, and relieves hot nodes."""

    model_config = SettingsConfigDict(env_prefix="HYDATIS_RIGHT_SIZER_")

    http_port: int = Field(default=7015, ge=0, le=65535)
    """Port of the admission webhook, /mutate; the API server calls it by https only. 0: any free one."""
    metrics_port: int = Field(default=7115, ge=0, le=65535)
    """Port of the HTTP endpoint with /metrics, /healthz and /readyz; 0: any free one."""
    kubeconfig: str = ""
    """Kubeconfig file that leads to the API server. Empty: the pod's service account inside a cluster, else KUBECONFIG or
    ~/.kube/config."""
    kube_context: str = ""
    """Context of the kubeconfig file. Empty: its current one."""
    namespace: str = "hydatis-system"
    """Namespace of its own: where its lease, its certificate and its policy are."""
    policy_config_map: str = "hydatis-right-sizer"
    """Name of the ConfigMap with its policy, key policy.yaml, watched: a switch acts at once. Until it is found nothing is done."""
    identity: str = ""
    """Who it is among its replicas, in the lease and in events. Empty: the host's name, which is the pod's."""
    lease_seconds: float = Field(default=15.0, ge=2, le=600)
    """How long the other replicas wait for a leader that is silent."""
    webhook_configuration: str = ""
    """Name of the MutatingWebhookConfiguration whose caBundle it keeps right while it leads. Empty: somebody else does."""
    webhook_service: str = "right-sizer"
    """Name of the Service by which the API server calls it; its own certificate is good for it."""
    webhook_secret: str = "hydatis-right-sizer-webhook"
    """Secret with the authority and the certificate that it makes for itself, where tls_certificate_file is empty."""
    webhook_folder: str = ""
    """Folder into which the Secret's certificate is written, for this process alone. Empty: a temporary one that goes with it."""
    certificate_hours: float = Field(default=2160.0, gt=0, le=87_600)
    """How long a certificate of its own is good for; it is made anew after two thirds of that."""
    certificate_settle_seconds: float = Field(default=60.0, gt=0, le=86_400)
    """How long the API server is given to hear of a new authority before a certificate of it is served."""
    max_body_bytes: int = Field(default=4 * 2**20, ge=2**16)
    """Largest admission review that is read. etcd takes objects of 1.5 MiB."""
    max_connections_count: int = Field(default=256, ge=2, le=100_000)
    """HTTPS connections at a time, of one address half as many; one more is closed at once."""
    arrival_seconds: float = Field(default=2.0, gt=0, le=600)
    """How long the head of a request may take to arrive, and then its body."""
    cap_seconds: float = Field(default=1.0, gt=0, le=600)
    """Pause between two looks at whether all nodes still advertise what may be reclaimed of them."""
    resize_seconds: float = Field(default=5.0, gt=0, le=600)
    """Pause between two looks at what running pods should ask for, and how they fare."""
    features_address: str = "127.0.0.1:7010"
    """host:port of feature-service, for the names of nodes; only relief asks it."""
    forecaster_address: str = "127.0.0.1:7011"
    """host:port of the forecaster, for how hot nodes will get; only relief asks it."""
    relief_seconds: float = Field(default=900.0, gt=0, le=3600)
    """Pause between two looks at which nodes stay hot. Three in a row must say so before a node is closed, or opened."""
    prometheus_url: str = ""
    """Base URL of the Prometheus that says how resized pods fare. Empty: kills and restarts alone say it."""
    prometheus_token_file: str = ""
    """File with a bearer token for Prometheus, read at every query. Empty: none is sent."""
    prometheus_ca_file: str = ""
    """File with certificates to trust for Prometheus, besides the system's. Empty: only the system's."""
