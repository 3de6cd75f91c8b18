"""The real descheduler, with the policy that is shipped, and the real Prometheus that it asks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import yaml

from control_plane.descheduler_program import descheduler_program
from control_plane.processes import Program, free_port

__all__ = ["Descheduler", "ScrapingPrometheus"]

SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "scheduler" / "descheduler-policy.yaml"
#: Where it looks for a token and for certificates whenever it asks Prometheus, in a pod or not.
MOUNTED = "/run/secrets/kubernetes.io/serviceaccount"


class ScrapingPrometheus:
    """A Prometheus that asks one target every half second.

    Args:
        program: prometheus.
        folder: new.
        target: URL of its /metrics.
    """

    def __init__(self, program: str, folder: Path, target: str) -> None:
        folder.mkdir()
        address, port = target.removeprefix("http://").partition("/")[0], free_port()
        job: dict[str, Any] = {"job_name": "right-sizer", "scrape_interval": "500ms", "scrape_timeout": "500ms"}
        job |= {"static_configs": [{"targets": [address]}]}
        (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
        self.url = f"http://127.0.0.1:{port}"
        options = {
            "config.file": folder / "prometheus.yml",
            "storage.tsdb.path": folder / "series",
            "web.listen-address": f"127.0.0.1:{port}",
        }
        command = [program, *(f"--{name}={value}" for name, value in options.items())]
        self._program = Program(command, folder / "log", f"{self.url}/-/ready")

    def stop(self) -> None:
        """Ends it."""
        self._program.stop()


class Descheduler:
    """A running descheduler.

    Args:
        kubeconfig: who it is.
        folder: new.
        prometheus_url: whom it asks.
        interval_seconds: between two rounds.
    """

    def __init__(self, kubeconfig: Path, folder: Path, prometheus_url: str, interval_seconds: int) -> None:
        program = descheduler_program()
        (folder / "pod").mkdir(parents=True)
        (folder / "policy.yaml").write_text(yaml.safe_dump(_shipped(prometheus_url)))
        (cluster,) = yaml.safe_load(kubeconfig.read_text())["clusters"]
        shutil.copy(cluster["cluster"]["certificate-authority"], folder / "pod" / "ca.crt")
        (folder / "pod" / "token").write_text("nobody looks at it")
        port = free_port()
        options = {
            "kubeconfig": kubeconfig,
            "policy-config-file": folder / "policy.yaml",
            "descheduling-interval": f"{interval_seconds}s",
            "bind-address": "127.0.0.1",
            "secure-port": port,
            "cert-dir": folder,
            "v": 3,
        }
        options_text = " ".join(f"--{name}={value}" for name, value in options.items())
        # as in a pod, where the kubelet mounts it: in a mount namespace of its own
        script = f"mount -t tmpfs none /run && mkdir -p {MOUNTED} && cp {folder}/pod/* {MOUNTED} && exec {program} {options_text}"
        pod = ["env", "KUBERNETES_SERVICE_HOST=127.0.0.1", "KUBERNETES_SERVICE_PORT=1"]
        namespaces = [shutil.which("unshare") or "unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        self.log = folder / "log"
        self.url = f"https://127.0.0.1:{port}"
        self._program = Program([*pod, *namespaces, "sh", "-c", script], self.log, f"{self.url}/healthz")

    def rounds(self) -> int:
        """Rounds that ended so far."""
        return self.log.read_text(errors="replace").count("Number of evictions/requests")

    def stop(self) -> None:
        """Ends it."""
        self._program.stop()


def _shipped(prometheus_url: str) -> dict[str, Any]:
    """The policy that is shipped, asking another Prometheus and taking pods however young."""
    policy: dict[str, Any] = yaml.safe_load(SHIPPED.read_text())
    policy["metricsProviders"][0]["prometheus"]["url"] = prometheus_url
    policy["profiles"][0]["pluginConfig"][0]["args"].pop("minPodAge")
    return policy
