"""The cluster of the latency benchmark: equal nodes with random use, and pods that come and go.

The figures are of no trace, because the benchmark asks how long a decision takes and not how good it is. What must be right is the
shape: as many nodes, candidates in random order, a tick now and then, and binds between the decisions.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import DependencyUnavailable
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.usage import METRICS

from hydatis_cli.extender_client import ExtenderClient, pod_json
from hydatis_cli.stack import Stack
from hydatis_cli.stack_feed import StackFeed

__all__ = ["BenchCluster", "BenchRequest"]

GIB = 2.0**30
START_SECONDS = 1_700_000_100
TICK_SECONDS = 60


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """A pod to place. Bodies are written outside of what is timed: kube-scheduler's own work is not ours."""

    pod: Pod
    node_names: list[str]
    """Candidates in random order."""

    def body(self, node_names: Sequence[str]) -> bytes:
        """Body of a verb for some of the candidates."""
        value = {"Pod": pod_json(self.pod), "Nodes": None, "NodeNames": node_names}
        return json.dumps(value, separators=(",", ":")).encode()


class BenchCluster:
    """Tells a stack, by its replay source, what happens in the cluster.

    Args:
        stack: it runs, and nothing else uses it.
        node_count: nodes of the cluster.
        random: of use, pods and candidates.
    """

    def __init__(self, stack: Stack, node_count: int, random: np.random.Generator) -> None:
        self.names = [f"node-{i:05d}" for i in range(node_count)]
        self._nodes = [Node(name, Resources(32.0, 128 * GIB)) for name in self.names]
        self._random = random
        self._level = random.uniform(0.05, 0.4, (node_count, 1)).astype(np.float32)
        self._feed = StackFeed(stack.features_address, stack.extender_url)
        self._feed.on_nodes(self._nodes, TICK_SECONDS, 15.0)
        self._time = START_SECONDS - START_SECONDS % TICK_SECONDS
        self._made = 0
        self._extender_url = stack.extender_url

    def tick(self) -> tuple[float, float]:
        """One tick of samples for every node.

        Returns:
            Seconds until the node table was published, and until every service held table, forecasts and risk.
        """
        self._time += TICK_SECONDS
        share = np.clip(self._level + self._random.normal(0, 0.03, self._level.shape), 0.01, 1)
        # Network and disk are not measured: random figures would be anomalies, and the filter would take most nodes away.
        usage = np.full((len(self.names), len(METRICS)), np.nan, dtype=np.float32)
        usage[:, :1], usage[:, 1:2] = share * 32, share * 128 * GIB
        self._feed.on_tick(self._time, self._time - 15.0, usage, [], np.zeros((0, 2), np.float32))
        return self._feed.publish_seconds[-1], self._feed.tick_seconds[-1]

    def requests(self, how_many: int, candidates: int) -> list[BenchRequest]:
        """Requests of new pods, each with candidates of its own."""
        made = []
        for _ in range(how_many):
            cpu_cores = float(self._random.choice([0.25, 0.5, 1, 2]))
            rows = self._random.choice(len(self.names), candidates, replace=False)
            made.append(BenchRequest(self._pod(cpu_cores), [self.names[row] for row in rows]))
        return made

    def come_and_go(self, requests: Sequence[BenchRequest]) -> None:
        """Reports that the pods were bound, and after them ended, so that the cluster neither fills nor empties."""
        for request in requests:
            self._feed.on_bind(request.pod, request.node_names[0], float(self._time))
        for request in requests:
            self._feed.on_end(request.pod.uid, request.node_names[0], float(self._time))

    def bind_visible(self) -> float:
        """Seconds from reporting a bind to the extender's holding its credit."""
        pod = self._pod(1.0)
        client = ExtenderClient(self._extender_url)
        try:
            begin = time.perf_counter()
            self._feed.on_bind(pod, self.names[0], float(self._time))
            while not client.get_json(f"/state?pod={pod.uid}", timeout_seconds=5).get("credited"):
                if time.perf_counter() - begin > 5:
                    raise DependencyUnavailable("a bind was not seen within 5 s", field="extender")
            return time.perf_counter() - begin
        finally:
            client.close()

    def close(self) -> None:
        """Closes the connections."""
        self._feed.close()

    def _pod(self, cpu_cores: float) -> Pod:
        self._made += 1
        uid = f"bench-{self._made:07d}"
        return Pod(uid, uid, "bench", f"Deployment/app-{self._made % 50}", Resources(cpu_cores, GIB))
