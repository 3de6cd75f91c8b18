"""The processes of the stack on one machine: what runs, on which ports, told what.

This table is the laptop's counterpart of docker-compose.yaml and of the Helm chart: the same modules, the same settings, other
addresses. Ports are the defaults shifted by one base, so that several stacks can stand side by side.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydatis_cli.signed_models import trusting_settings
from hydatis_cli.state_folder import StateFolder

__all__ = ["MODELS", "Process", "Stack"]

#: Model name -> offset of its REST port; its gRPC port is 100 above.
MODELS: dict[str, int] = {"cpu-forecaster": 201, "memory-forecaster": 202, "anomaly-detector": 203, "placement-policy": 204}

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the stack."""

    name: str
    module: str
    """Run as ``python -m <module>``."""
    environment: dict[str, str] = field(default_factory=dict)
    """Settings, by environment variable."""
    ready_url: str = ""
    """Answers 200 once the process can do its work."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The whole stack of one state folder."""

    state: StateFolder
    base_port: int = 7000
    """Ports are this plus the offset in the table."""
    log_level: str = "INFO"
    host: str = LOOPBACK
    tls_folder: Path | None = None
    """Folder with tls.crt, tls.key and ca.crt for every process: mutual TLS between all of them. None: nothing is encrypted."""

    def address(self, offset: int) -> str:
        """host:port of one port of the table."""
        return f"{self.host}:{self.base_port + offset}"

    @property
    def extender_url(self) -> str:
        """Base URL of the scheduler extender."""
        return f"{self._scheme}://{self.address(80)}"

    @property
    def _scheme(self) -> str:
        return "http" if self.tls_folder is None else "https"

    @property
    def features_address(self) -> str:
        """gRPC address of feature-service."""
        return self.address(10)

    def told(self) -> dict[str, Any]:
        """What another command must know to find it."""
        return {"base_port": self.base_port, "tls_folder": str(self.tls_folder or "")}

    def processes(self) -> tuple[Process, ...]:
        """All processes, in the order they are started."""
        return (*self._model_servers(), *self._services())

    def _service(self, name: str, offset: int, settings: dict[str, str]) -> Process:
        module = "hydatis_" + name.replace("-", "_")
        ports = {"GRPC_PORT": str(self.base_port + offset), "METRICS_PORT": str(self.base_port + offset + 100)}
        return self._process(name, module, ports | settings, f"http://{self.address(offset + 100)}/readyz")

    def _process(self, name: str, module: str, settings: dict[str, str], ready_url: str) -> Process:
        prefix = module.upper() + "_"
        named = {"LOG_LEVEL": self.log_level, "HOST": self.host} | self._tls_settings() | settings
        return Process(name, module, {prefix + key: value for key, value in named.items()}, ready_url)

    def _tls_settings(self) -> dict[str, str]:
        if self.tls_folder is None:
            return {}
        files = (("TLS_CERTIFICATE_FILE", "tls.crt"), ("TLS_KEY_FILE", "tls.key"), ("TLS_CA_FILE", "ca.crt"))
        return {setting: str(self.tls_folder / name) for setting, name in files}

    def _model_servers(self) -> list[Process]:
        models = str(self.state.models.resolve())
        found = []
        for model, offset in MODELS.items():
            settings = {
                "MODEL_NAME": model,
                "MODELS_DIR": models,
                "HTTP_PORT": str(self.base_port + offset),
                "GRPC_PORT": str(self.base_port + offset + 100),
                "METRICS_PORT": str(self.base_port + offset + 200),
            } | trusting_settings(self.state)
            ready = f"{self._scheme}://{self.address(offset)}/v2/models/{model}/ready"
            found.append(self._process(f"model-{model}", "hydatis_model_server", settings, ready))
        return found

    def _services(self) -> list[Process]:
        features, forecaster, anomaly, placement = (self.address(offset) for offset in (10, 11, 12, 13))

        def model(name: str) -> str:
            return self.address(MODELS[name] + 100)

        return [
            self._service(
                "feature-service",
                10,
                {
                    "CLUSTER_SOURCE": "replay",
                    "METRIC_SOURCE": "replay",
                    "WARM_STORE": f"sqlite:///{self.state.warm_store.resolve()}",
                },
            ),
            self._service(
                "forecaster",
                11,
                {
                    "FEATURES_ADDRESS": features,
                    "CPU_MODEL_ADDRESS": model("cpu-forecaster"),
                    "MEMORY_MODEL_ADDRESS": model("memory-forecaster"),
                },
            ),
            self._service("anomaly-detector", 12, {"FEATURES_ADDRESS": features, "MODEL_ADDRESS": model("anomaly-detector")}),
            self._service(
                "placement-policy",
                13,
                {
                    "FEATURES_ADDRESS": features,
                    "FORECASTER_ADDRESS": forecaster,
                    "ANOMALY_ADDRESS": anomaly,
                    "MODEL_ADDRESS": model("placement-policy"),
                    "MODELS_DIR": str(self.state.models.resolve()),
                }
                | trusting_settings(self.state),
            ),
            self._process(
                "scheduler-plugin",
                "hydatis_scheduler_plugin",
                {
                    "HTTP_PORT": str(self.base_port + 80),
                    "FEATURES_ADDRESS": features,
                    "FORECASTER_ADDRESS": forecaster,
                    "ANOMALY_ADDRESS": anomaly,
                    "PLACEMENT_ADDRESS": placement,
                    "POLICY_FILE": str(self.state.policy_file.resolve()),
                    "DECISIONS_DIR": str(self.state.decisions.resolve()),
                },
                f"{self.extender_url}/readyz",
            ),
        ]

    def command(self, process: Process) -> list[str]:
        """How a process is started."""
        return [sys.executable, "-m", process.module]

    def inherited_environment(self) -> dict[str, str]:
        """What every process gets besides its settings: threads that do not spin against each other, and no colours."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HYDATIS_")}
        return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}
