"""kube-scheduler with the configuration files that are shipped, given the addresses and credentials of one machine."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from control_plane.processes import Program, free_port

__all__ = ["DEFAULT_NAME", "DROP_IN", "OUR_NAME", "SECOND", "SHIPPED", "Scheduler", "StartScheduler", "shipped", "stock"]

SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "scheduler"
#: For the default scheduler of a control plane that one owns.
DROP_IN = SHIPPED / "kube-scheduler-config.yaml"
#: For a scheduler of ours beside the default one.
SECOND = SHIPPED / "second-scheduler-config.yaml"

#: Scheduler names of the two.
DEFAULT_NAME, OUR_NAME = "default-scheduler", "hydatis-scheduler"

Configuration = dict[str, Any]


def shipped(path: Path, extender_url: str, *, patient: bool = False) -> Configuration:
    """A shipped configuration, asking an extender at another address.

    Args:
        path: ``DROP_IN`` or ``SECOND``.
        extender_url: the address.
        patient: whether answers are waited for longer than shipped, for tests of what is answered on a machine that is busy.
    """
    configuration: Configuration = yaml.safe_load(path.read_text())
    (extender,) = configuration["extenders"]
    extender["urlPrefix"] = extender_url
    if patient:
        extender["httpTimeout"] = "10s"
    return configuration


def stock(name: str = DEFAULT_NAME) -> Configuration:
    """kube-scheduler's own defaults."""
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "profiles": [{"schedulerName": name}],
    }


class Scheduler:
    """A running kube-scheduler.

    Args:
        binary: the program.
        kubeconfig: who it is.
        configuration: a KubeSchedulerConfiguration.
        folder: for its configuration and its log; made if need be.
        fast: whether the client's own rate limit (50 calls a second) is lifted, which else is all that one measures.
        alone: whether nothing is elected; False: by the lease that the configuration names.
        verbosity: of its log; 10 has every node's score.
    """

    def __init__(
        self,
        binary: Path,
        kubeconfig: Path,
        configuration: Configuration,
        folder: Path,
        *,
        fast: bool = True,
        alone: bool = True,
        verbosity: int = 2,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        whole = copy.deepcopy(configuration)
        whole["clientConnection"] = {"kubeconfig": str(kubeconfig)} | ({"qps": 5000, "burst": 5000} if fast else {})
        if alone:
            whole["leaderElection"] = {"leaderElect": False}
        path = folder / "config.yaml"
        path.write_text(yaml.safe_dump(whole))
        port = free_port()
        self.url = f"https://127.0.0.1:{port}"
        options = {
            "config": path,
            "bind-address": "127.0.0.1",
            "secure-port": port,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "authorization-always-allow-paths": "/healthz,/readyz,/livez,/metrics",
            "v": verbosity,
        }
        command = [str(binary), *(f"--{name}={value}" for name, value in options.items())]
        self.program = Program(command, folder / "scheduler.log", f"{self.url}/readyz")

    def stop(self) -> None:
        """Ends it."""
        self.program.stop()


StartScheduler = Callable[..., Scheduler]
