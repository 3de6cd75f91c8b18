"""How long a decision takes, measured as kube-scheduler would feel it, beside an extender that answers constants.

Absolute milliseconds on a shared machine drift by a factor of two, so every block of decisions is preceded by a block against the
floor in the same run, and the ratio is reported with both. Candidates differ from pod to pod, as kube-scheduler's sampling makes
them. Between blocks binds are reported and ticks advance, as in a cluster; each block's timing holds decisions alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import psutil
from hydatis_core.errors import DependencyUnavailable
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_core.seeds import generator
from hydatis_features.usage import METRICS

from hydatis_cli.exposition import Samples, differences, scrape, total_by
from hydatis_cli.extender_client import ExtenderClient, pod_json
from hydatis_cli.stack import Stack
from hydatis_cli.stack_feed import StackFeed
from hydatis_cli.supervision import Supervision

__all__ = ["BLOCK_COUNT", "LatencyRun", "measure_latency"]

#: Decisions in a block; floor and stack take turns by blocks.
BLOCK_COUNT = 50
GIB = 2.0**30
START_SECONDS = 1_700_000_100
TICK_SECONDS = 60
#: Where a process exports how long its parts took: metric name prefix by what it is.
STAGES = "hydatis_stage_seconds"


@dataclass
class LatencyRun:
    """What was measured, in seconds unless the name says otherwise."""

    node_count: int
    floor: dict[int, list[float]] = field(default_factory=dict)
    """Decisions of the constant extender, by number of candidates."""
    stack: dict[int, list[float]] = field(default_factory=dict)
    """Decisions of the running stack, by number of candidates."""
    rungs: dict[int, dict[str, float]] = field(default_factory=dict)
    """Decisions by rung, by number of candidates."""
    cpu_milliseconds: dict[int, dict[str, float]] = field(default_factory=dict)
    """CPU per decision of each process, by number of candidates."""
    stage_milliseconds: dict[int, dict[str, float]] = field(default_factory=dict)
    """Mean of each stage of a decision, by number of candidates; nested stages are counted in their parents too."""
    table_publish: list[float] = field(default_factory=list)
    """From the samples' being sent to the node table's being published."""
    table_everywhere: list[float] = field(default_factory=list)
    """From the samples' being sent to every service's holding table, forecasts and risk."""
    bind_visible: list[float] = field(default_factory=list)
    """From a bind's being reported to the extender's holding it."""
    memory_bytes: dict[str, int] = field(default_factory=dict)
    """Resident memory of each process after the run."""


def measure_latency(
    stack: Stack,
    *,
    node_count: int,
    candidates: Sequence[int],
    decisions: dict[int, int],
    seed: int,
    progress: Callable[[int, int, str], None],
) -> LatencyRun:
    """Measures a running stack.

    Args:
        stack: it runs, and nothing else uses it.
        node_count: nodes of the cluster.
        candidates: numbers of candidate nodes to measure at, each <= node_count.
        decisions: how many decisions to measure, by number of candidates.
        seed: of usage, pods and candidates.
        progress: told (done, total, text).
    """
    run = LatencyRun(node_count)
    random = generator(seed, "bench/latency")
    cluster = _Cluster(stack, node_count, random)
    total = sum(decisions.values())
    done = 0
    try:
        for _ in range(6):
            cluster.tick(run)
        for count in candidates:
            floor = _Floor(cluster.names[:count])
            try:
                told = partial(_told, progress, total, count)
                done = _measure_at(count, decisions[count], stack, cluster, floor, run, random, told, done)
            finally:
                floor.stop()
        run.bind_visible = [cluster.bind_visible() for _ in range(50)]
        for status in Supervision(stack).status():
            run.memory_bytes[status.name] = psutil.Process(status.pid).memory_info().rss if status.pid else 0
    finally:
        cluster.close()
    return run


def _told(progress: Callable[[int, int, str], None], total: int, candidates: int, done: int) -> None:
    progress(done, total, f"{candidates} candidates")


def _measure_at(
    count: int,
    decisions: int,
    stack: Stack,
    cluster: _Cluster,
    floor: _Floor,
    run: LatencyRun,
    random: np.random.Generator,
    told: Callable[[int], None],
    done: int,
) -> int:
    asked = ExtenderClient(stack.extender_url, timeout_seconds=5)
    flat = ExtenderClient(floor.url, timeout_seconds=5)
    floor_seconds: list[float] = []
    stack_seconds: list[float] = []
    # both are warmed up: connections, caches, first allocations
    _block(flat, cluster.requests(BLOCK_COUNT, count, random))
    _block(asked, cluster.requests(BLOCK_COUNT, count, random))
    rungs: dict[str, float] = {}
    stages: dict[str, list[float]] = {}
    cpu: dict[str, float] = {}
    for block in range(max(1, decisions // BLOCK_COUNT)):
        if block % 4 == 0:
            cluster.tick(run)
        floor_seconds += _block(flat, cluster.requests(BLOCK_COUNT, count, random))
        requests = cluster.requests(BLOCK_COUNT, count, random)
        before, cpu_before = _scrapes(stack), _cpu_seconds(stack)
        stack_seconds += _block(asked, requests)
        for name, seconds in _cpu_seconds(stack).items():
            cpu[name] = cpu.get(name, 0.0) + seconds - cpu_before[name]
        _count(differences(before, _scrapes(stack)), rungs, stages)
        cluster.bound(requests)
        done += BLOCK_COUNT
        told(done)
    asked.close()
    flat.close()
    run.floor[count], run.stack[count], run.rungs[count] = floor_seconds, stack_seconds, rungs
    run.cpu_milliseconds[count] = {name: seconds / len(stack_seconds) * 1000 for name, seconds in cpu.items()}
    run.stage_milliseconds[count] = {name: seconds / max(times, 1) * 1000 for name, (seconds, times) in stages.items()}
    return done


@dataclass(frozen=True, slots=True)
class _Request:
    pod: Pod
    node_name: str
    filter_body: bytes
    prioritize_body: bytes


def _block(client: ExtenderClient, requests: Sequence[_Request]) -> list[float]:
    """Seconds of each decision; the bodies were made before, so that only being asked and answering counts."""
    taken = []
    for request in requests:
        begin = time.perf_counter()
        first = client.post("filter", request.filter_body)
        second = client.post("prioritize", request.prioritize_body)
        taken.append(time.perf_counter() - begin)
        if first[0] != 200 or second[0] != 200:
            raise DependencyUnavailable(f"the extender answered {first[0]} and {second[0]}", field="extender")
    return taken


class _Cluster:
    """A cluster of equal nodes with random use, told to the stack by its replay source."""

    def __init__(self, stack: Stack, node_count: int, random: np.random.Generator) -> None:
        self.names = [f"node-{i:05d}" for i in range(node_count)]
        self._nodes = [Node(name, Resources(32.0, 128 * GIB)) for name in self.names]
        self._random = random
        self._level = random.uniform(0.1, 0.6, (node_count, 1)).astype(np.float32)
        self._feed = StackFeed(stack.features_address, stack.extender_url)
        self._feed.on_nodes(self._nodes, TICK_SECONDS, 15.0)
        self._time = START_SECONDS - START_SECONDS % TICK_SECONDS
        self._made = 0
        self._metrics_url = f"{stack.extender_url}/metrics"

    def tick(self, run: LatencyRun) -> None:
        """One tick of samples for every node."""
        self._time += TICK_SECONDS
        count = len(self.names)
        noise = self._random.normal(0, 0.03, (count, 1)).astype(np.float32)
        usage = np.zeros((count, len(METRICS)), np.float32)
        usage[:, :1] = np.clip(self._level + noise, 0.01, 1) * 32
        usage[:, 1:2] = np.clip(self._level + noise, 0.01, 1) * 128 * GIB
        usage[:, 2:] = self._random.uniform(1e5, 1e7, (count, len(METRICS) - 2))
        self._feed.on_tick(self._time, self._time - 15.0, usage, [], np.zeros((0, 2), np.float32))
        run.table_publish.append(self._feed.publish_seconds[-1])
        run.table_everywhere.append(self._feed.tick_seconds[-1])

    def requests(self, how_many: int, candidates: int, random: np.random.Generator) -> list[_Request]:
        """Requests of new pods, each with candidates of its own in random order."""
        made = []
        for _ in range(how_many):
            self._made += 1
            uid = f"bench-{self._made:07d}"
            pod = Pod(
                uid, uid, "bench", f"Deployment/app-{self._made % 50}", Resources(float(random.choice([0.25, 0.5, 1, 2])), GIB)
            )
            names = [self.names[i] for i in random.choice(len(self.names), candidates, replace=False)]
            body = json.dumps({"Pod": pod_json(pod), "Nodes": None, "NodeNames": names}, separators=(",", ":")).encode()
            # the filter keeps every node here (none is near its limit), so both bodies are the same, as from kube-scheduler
            made.append(_Request(pod, names[0], body, body))
        return made

    def bound(self, requests: Sequence[_Request]) -> None:
        """Reports that the pods were bound, and after them ended, so that the cluster neither fills nor empties."""
        for request in requests:
            self._feed.on_bind(request.pod, request.node_name, float(self._time))
        for request in requests:
            self._feed.on_end(request.pod.uid, request.node_name, float(self._time))

    def bind_visible(self) -> float:
        """Seconds from reporting a bind to the extender's holding its credit."""
        self._made += 1
        pod = Pod(f"bench-{self._made:07d}", "", "bench", "Deployment/app-0", Resources(1.0, GIB))
        path = f"/state?pod={pod.uid}"
        client = ExtenderClient(self._metrics_url.removesuffix("/metrics"))
        try:
            begin = time.perf_counter()
            self._feed.on_bind(pod, self.names[0], float(self._time))
            while not client.get_json(path, timeout_seconds=5).get("credited"):
                if time.perf_counter() - begin > 5:
                    raise DependencyUnavailable("a bind was not seen within 5 s", field="extender")
            return time.perf_counter() - begin
        finally:
            client.close()

    def close(self) -> None:
        self._feed.close()


class _Floor:
    """The constant extender, in a process of its own."""

    def __init__(self, names: Sequence[str]) -> None:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hydatis_cli.constant_extender", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write("\n".join(names))
        self._process.stdin.close()
        client = ExtenderClient(self.url)
        for _ in range(200):
            try:
                client.get_json("/readyz", timeout_seconds=1)
                break
            except DependencyUnavailable:
                time.sleep(0.05)
        client.close()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _cpu_seconds(stack: Stack) -> dict[str, float]:
    found = {}
    for status in Supervision(stack).status():
        if status.pid:
            times = psutil.Process(status.pid).cpu_times()
            found[status.name] = times.user + times.system
    return found


def _scrapes(stack: Stack) -> Samples:
    merged: dict[Any, float] = {}
    for url in (f"{stack.extender_url}/metrics", f"http://{stack.address(113)}/metrics", f"http://{stack.address(404)}/metrics"):
        merged |= scrape(url)
    return merged


def _count(rose: Samples, rungs: dict[str, float], stages: dict[str, list[float]]) -> None:
    for rung, times in total_by(rose, "hydatis_decisions_total", "rung").items():
        rungs[rung] = rungs.get(rung, 0.0) + times
    for (name, labels), value in rose.items():
        stage = dict(labels).get("stage", "")
        if name == f"{STAGES}_sum":
            stages.setdefault(stage, [0.0, 0.0])[0] += value
        elif name == f"{STAGES}_count":
            stages.setdefault(stage, [0.0, 0.0])[1] += value
