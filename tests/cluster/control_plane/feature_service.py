"""A feature-service in a process of its own, that watches a cluster; it can be killed and started again."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from hydatis_cli.exposition import scrape, total_by

from control_plane.processes import free_port
from control_plane.waiting import until

__all__ = ["FeatureServiceProcess"]


class FeatureServiceProcess:
    """The process; it runs and is ready once made.

    Args:
        kubeconfig: leads to the cluster.
        folder: for its log and its kept state.
        timeout_seconds: how long it may take to become ready.
        settings: further ones, in upper case.
    """

    def __init__(self, kubeconfig: Path, folder: Path, timeout_seconds: float = 60.0, **settings: object) -> None:
        folder.mkdir(exist_ok=True)
        self._log = folder / "feature-service.log"
        self._timeout_seconds = timeout_seconds
        self._ports = {"GRPC_PORT": free_port(), "METRICS_PORT": free_port()}
        told = {"CLUSTER_SOURCE": "kubernetes", "METRIC_SOURCE": "prometheus", "KUBECONFIG": kubeconfig} | self._ports | settings
        told = {"WARM_STORE": f"sqlite:///{folder / 'warm.sqlite'}"} | told
        own = {key: value for key, value in os.environ.items() if not key.startswith("HYDATIS_")}
        self._environment = own | {f"HYDATIS_FEATURE_SERVICE_{key}": str(value) for key, value in told.items()}
        self.begin()

    @property
    def address(self) -> str:
        """Of its gRPC port."""
        return f"127.0.0.1:{self._ports['GRPC_PORT']}"

    @property
    def pid(self) -> int:
        """Process id."""
        return self._running.pid

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text()

    def begin(self) -> None:
        """Starts it; returns when it is ready."""
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "hydatis_feature_service"]
            self._running = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        until(self._ready, "feature-service is ready", self._timeout_seconds)

    def metric(self, name: str, label: str) -> dict[str, float]:
        """Sums of a metric by one of its labels."""
        return dict(total_by(scrape(f"http://127.0.0.1:{self._ports['METRICS_PORT']}/metrics"), name, label))

    def kill(self) -> None:
        """kill -9."""
        self._running.kill()
        self._running.wait()

    def stop(self) -> None:
        """Ends it in order."""
        self._running.terminate()
        self._running.wait(60)

    def _ready(self) -> bool:
        assert self._running.poll() is None, self.log[-2000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._ports['METRICS_PORT']}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
