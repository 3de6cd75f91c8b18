"""Where the benchmark happens: a control plane, nodes without kubelets, and schedulers that come and go.

A pod is bound here and never runs: what a kubelet costs, it costs on its own machine.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from control_plane.api import Api
from control_plane.binaries import PROGRAMS, Binaries
from control_plane.constant_extender import __file__ as constant_extender
from control_plane.fleet import Fleet
from control_plane.manifests import pod
from control_plane.plane import ControlPlane
from control_plane.processes import Program, free_port
from control_plane.scheduler import OUR_NAME, Scheduler

from cluster_bench.bind_watch import BindWatch

__all__ = ["Scene"]

PARALLEL = 8


class Scene:
    """A control plane with nodes.

    Args:
        folder: empty; everything goes there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plane = ControlPlane(folder / "plane", Binaries.chosen())
        self.kubeconfig = self.plane.kubeconfig("admin")
        self.api = Api(self.kubeconfig)
        self.fleet = Fleet(self.api, "bench")
        self._schedulers = 0
        self._made = 0

    def stop(self) -> None:
        """Ends it."""
        self.api.close()
        self.plane.stop()

    def grow(self, node_count: int) -> None:
        """Makes nodes until there are so many."""
        missing = node_count - len(self.fleet.node_names)
        if missing > 0:
            self.fleet.add_nodes(missing)

    @contextmanager
    def constant_extender(self) -> Iterator[tuple[str, int]]:
        """URL and process id of the extender that answers constants."""
        url = f"http://127.0.0.1:{(port := free_port())}"
        program = Program([sys.executable, constant_extender, str(port)], self.folder / "constant.log", f"{url}/readyz")
        try:
            yield url, program.pid
        finally:
            program.stop()

    @contextmanager
    def scheduler(self, configuration: dict[str, Any]) -> Iterator[Scheduler]:
        """A kube-scheduler."""
        self._schedulers += 1
        binary, folder = self.plane.binaries.path("kube-scheduler"), self.folder / f"scheduler-{self._schedulers}"
        running = Scheduler(binary, self.plane.kubeconfig("kube-scheduler"), configuration, folder)
        try:
            yield running
        finally:
            running.stop()

    def hold(self, count: int) -> None:
        """Makes pods that wait for our scheduler."""
        self._made += 1
        self.fleet.add_pods([f"r{self._made}-{index:05d}" for index in range(count)], scheduler=OUR_NAME)

    def place(self, configuration: dict[str, Any], count: int, pids: dict[str, int]) -> BindWatch:
        """Pods that wait, and how they were bound; they are gone afterwards."""
        self.hold(count)
        watch = BindWatch(self.api, self.fleet.pods_path, count, lambda: pids | _control_plane())
        with self.scheduler(configuration):
            watch.wait(120.0 + count / 2)
        self.fleet.remove_pods()
        return watch

    def fill(self, count: int) -> list[str]:
        """Makes pods that are bound from the first moment, spread over the nodes; returns their uids."""
        names = self.fleet.node_names

        def make(index: int) -> str:
            manifest = pod(f"old-{index:06d}", scheduler="nobody", cpu="100m", memory="256Mi", labels={"app": f"app-{index % 500}"})
            manifest["spec"]["nodeName"] = names[index % len(names)]
            return str(self.api.create(self.fleet.pods_path, manifest)["metadata"]["uid"])

        with ThreadPoolExecutor(PARALLEL) as pool:
            return list(pool.map(make, range(count)))


def _control_plane() -> dict[str, int]:
    """Process ids of what was started here, by program; a scheduler is among them before it says that it is ready."""
    return {child.name(): child.pid for child in psutil.Process().children() if child.name() in PROGRAMS}
