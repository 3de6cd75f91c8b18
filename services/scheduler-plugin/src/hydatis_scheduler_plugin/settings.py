"""What the scheduler plugin can be told when it starts.

What may change while it runs (who is placed, thresholds, ramp) is not here but in the policy file. Every setting is an
environment variable ``HYDATIS_SCHEDULER_PLUGIN_<NAME>`` or an option ``--<name>``; ``--help`` lists them.
"""

from __future__ import annotations

from hydatis_serving.kube.pod_resources import GPU_RESOURCES, GpuMeaning
from hydatis_serving.settings import ServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict

__all__ = ["SchedulerPluginSettings"]


class SchedulerPluginSettings(ServiceSettings):
    """The kube-scheduler extender of HYDATIS."""

    model_config = SettingsConfigDict(env_prefix="HYDATIS_SCHEDULER_PLUGIN_")

    http_port: int = Field(default=7080, ge=0, le=65535)
    """Port of the extender, of /metrics, /healthz, /readyz, /generation and /decisions; 0: any free one."""
    url_prefix: str = ""
    """Path before /filter and /prioritize, as in the extender's urlPrefix ("/ext"). They answer without it too."""
    features_address: str = "127.0.0.1:7010"
    """gRPC address of feature-service."""
    forecaster_address: str = "127.0.0.1:7011"
    """gRPC address of forecaster."""
    anomaly_address: str = "127.0.0.1:7012"
    """gRPC address of anomaly-detector."""
    placement_address: str = "127.0.0.1:7013"
    """gRPC address of placement-policy."""
    policy_file: str = ""
    """YAML file with enablement, mode, ramp and thresholds, read again whenever it changes. Empty: the default policy."""
    policy_config_map: str = Field(default="", pattern=r"^([a-z0-9.-]+/[a-z0-9.-]+)?$")
    """In a cluster, NAMESPACE/NAME of the ConfigMap that the policy file is mounted from: the API server tells of a change at once,
    kubelet brings the file up to a minute and a half later. Empty: the file alone."""
    decisions_dir: str = ""
    """Folder of the decision records. Empty: a temporary folder that goes with the process."""
    decisions_limit_bytes: int = Field(default=256 * 2**20, ge=2**20)
    """Largest size of all decision records together; the oldest go first."""
    full_input_ratio: float = Field(default=0.01, ge=0.0, le=1.0)
    """Share of decisions recorded with their full input, so that they can be computed again; by stable hash of the pod's UID."""
    live: bool = False
    """True in a cluster: event time is the wall clock, and a table may grow too old by it. False: event time comes with ticks and
    binds alone, as in a replay."""
    provisional_seconds: float = Field(default=30.0, gt=0)
    """Event time that a first choice is credited for without a bind to confirm it."""
    freshness_limit_ticks: float = Field(default=3.0, gt=0)
    """Measurements older than this many ticks, in event time, are stale: the shim abstains."""
    fresh_nodes_ratio: float = Field(default=0.5, ge=0.0, le=1.0)
    """Abstain when fewer than this share of the nodes have fresh measurements. Single stale nodes are masked inputs, no more."""
    forecast_lag_limit_ticks: float = Field(default=2.0, ge=0)
    """How many ticks the newest forecast may lag behind the newest table before a decision does without forecasts."""
    decision_budget_ms: int = Field(default=100, ge=5, le=5000)
    """Milliseconds that one ranking may take before a lower rung answers: about half of kube-scheduler's httpTimeout."""
    fan_out_share_ratio: float = Field(default=0.4, gt=0.0, lt=1.0)
    """Share of the budget that asking for a missing forecast may take; the ranking gets what is left."""
    breaker_failures: int = Field(default=2, ge=1)
    """Failures of placement-policy in a row after which decisions take a lower rung at once."""
    breaker_probe_ms: int = Field(default=250, ge=10)
    """Longest pause between two probes of a placement-policy that failed; the first comes after a sixteenth of it."""
    cache_expiry_seconds: float = Field(default=10.0, gt=0)
    """Wall-clock life of a ranking that waits for the pod's /prioritize."""
    max_body_bytes: int = Field(default=32 * 2**20, ge=2**16)
    """Largest request that is read; a larger one gets 413. Of all requests together twice as much is held at a time."""
    max_connections_count: int = Field(default=512, ge=2, le=100_000)
    """HTTP connections at a time, of one address half as many; one more is closed at once."""
    arrival_seconds: float = Field(default=10.0, gt=0, le=600)
    """How long the head of a request may take to arrive, and then its body."""
    max_decisions_count: int = Field(default=32, ge=1, le=10_000)
    """Pods decided on at a time; one more gets a neutral answer at once. kube-scheduler asks for one at a time."""
    gpu_resources: dict[str, GpuMeaning] = Field(default_factory=lambda: dict(GPU_RESOURCES))
    """What extended resources say of GPUs, as JSON: "devices", "shared_devices" or "milli_per_device" by resource name."""
