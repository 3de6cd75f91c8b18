"""Counts binds as the API server tells them, and takes a reading at the first and at the last.

Between those two the scheduler does nothing but place pods: its start, and the making of the pods, are outside of what is measured.
A pod that is bound comes into a watch of bound pods as one event.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import psutil
from control_plane.api import Api
from control_plane.waiting import until

__all__ = ["BindWatch", "cpu_seconds"]

BOUND = "spec.nodeName!="


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """User and system time of processes so far, by name."""
    times = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items()}
    return {name: spent.user + spent.system for name, spent in times.items()}


class BindWatch:
    """Watches one namespace until a number of its pods are bound.

    Args:
        api: client of an administrator.
        pods_path: the pods of the namespace; none of them is bound yet.
        count: how many binds there will be.
        pids: processes whose CPU time is read.
    """

    def __init__(self, api: Api, pods_path: str, count: int, pids: Callable[[], Mapping[str, int]]) -> None:
        self._api = Api(api.kubeconfig)
        self._path = pods_path
        self._count = count
        self._pids = pids
        self.moments: list[float] = []
        """Monotonic seconds of each bind."""
        self._readings: list[dict[str, float]] = []
        self._failure: BaseException | None = None
        version = self._api.get(pods_path, fieldSelector=BOUND)["metadata"]["resourceVersion"]
        self._thread = threading.Thread(target=self._run, args=(version,), name="binds", daemon=True)
        self._thread.start()

    def wait(self, timeout_seconds: float) -> None:
        """Returns when all are bound."""
        until(lambda: len(self._readings) == 2 or self._failure, f"{self._count} pods bound", timeout_seconds)
        if len(self._readings) < 2 and self._failure is not None:
            raise self._failure
        self._api.close()

    @property
    def seconds(self) -> float:
        """From the first bind to the last."""
        return self.moments[-1] - self.moments[0]

    @property
    def pods_per_second(self) -> float:
        """Binds in that time."""
        return (self._count - 1) / self.seconds

    def cpu_ms_per_pod(self) -> dict[str, float]:
        """CPU milliseconds a pod in that time, by process."""
        first, last = self._readings
        return {name: 1000 * (spent - first[name]) / (self._count - 1) for name, spent in last.items() if name in first}

    def _run(self, version: str) -> None:
        try:
            while len(self.moments) < self._count:  # the server may end a watch at any time
                for kind, pod in self._api.watch(self._path, version, fieldSelector=BOUND):
                    version = pod["metadata"]["resourceVersion"]
                    if kind == "ADDED":
                        self._bound()
        except Exception as failure:  # told by who waits; a watch that was waited for enough is closed
            self._failure = failure

    def _bound(self) -> None:
        self.moments.append(time.monotonic())
        if len(self.moments) in (1, self._count):
            self._readings.append(cpu_seconds(self._pids()))
