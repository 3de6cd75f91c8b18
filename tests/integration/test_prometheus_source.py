"""feature-service on a real Prometheus, over exporters that replay a trace: each node is exported in a naming habit of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hydatis_cli.exposition import scrape, total_by
from hydatis_cli.workloads import Workload
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_feature_service.prometheus_setup import prometheus_metrics
from hydatis_feature_service.scrape import Scrape
from hydatis_feature_service.settings import FeatureServiceSettings
from hydatis_feature_service.sources import Cluster
from hydatis_features.cluster_state import BoundPod
from hydatis_features.engine import FeatureEngine
from hydatis_features.table import NodeTable
from hydatis_serving.clients import PodEvent, ReplaySourceClient
from hydatis_serving.subscriber import TableSubscriber
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

RULES = Path(__file__).resolve().parents[2] / "deploy" / "monitoring" / "recording-rules.yaml"
GIB = 2.0**30
CORES, MEMORY_BYTES = 8.0, 32 * GIB
STEP_SECONDS = 8.0
RATE_SECONDS, AGE_SECONDS, DELAY_SECONDS = 3, 5, 1
#: One node per habit: labels of its target, and which of its exporters there are.
HABITS: dict[str, dict[str, str]] = {
    "node-label": {"node": "node-label", "instance": "exporter-7f9c:9100"},
    "old-label": {"kubernetes_node": "old-label", "instance": "172.16.0.9:9100"},
    "by-name": {"instance": "by-name:9100"},
    "by-address": {"instance": "10.0.0.3:9100"},
    "by-ipv6": {"instance": "[fd00:0::4]:9100"},
    "by-uname": {"instance": "192.168.7.5:9100"},
    "by-uuid": {"instance": "192.168.7.6:9100"},
    "short": {"instance": "short.rack-2.example.net:9100"},
    "twice-scraped": {"instance": "twice-scraped:9100"},
    "cadvisor-only": {"instance": "cadvisor-only:10250"},
    "contradicted": {"node": "contradicted", "instance": "by-name:9100"},
    "stands-still": {"node": "stands-still", "instance": "10.0.0.12:9100"},
}
NODES = tuple(HABITS)
UNKNOWN = ("contradicted", "stands-still")


@dataclass
class ReplayedTrace:
    """Use of the nodes and of three pods on each, by step; a step lasts some seconds from the first question on."""

    pods: Sequence[Pod]
    cpu_cores: NDArray[np.float64]
    """shape (pods, steps)"""
    memory_bytes: NDArray[np.float64]
    began: float = field(default_factory=time.time)

    def step(self, now: float) -> int:
        return min(int((now - self.began) / STEP_SECONDS), self.cpu_cores.shape[1] - 1)

    def cpu_seconds(self, now: float) -> NDArray[np.float64]:
        """Counters of the pods, which begin anew at the second step as after a restart of the node."""
        step = self.step(now)
        whole = self.cpu_cores[:, 1:step].sum(axis=1) if step > 1 else 0.0
        return 50.0 + whole * STEP_SECONDS + self.cpu_cores[:, step] * (now - self.began - step * STEP_SECONDS)

    def memory(self, now: float) -> NDArray[np.float64]:
        return self.memory_bytes[:, self.step(now)]

    def of_node(self, row: int, by_pod: NDArray[np.float64]) -> float:
        return float(by_pod[3 * row : 3 * row + 3].sum())


def exposition(trace: ReplayedTrace, path: str, now: float) -> list[tuple[str, dict[str, str], float]]:
    """What stands at a path: /node/ROW, /root, /kubelet/hidden, /kubelet/plain, /state."""
    what, _, which = path.strip("/").partition("/")
    cpu, memory = trace.cpu_seconds(now), trace.memory(now)
    if what == "node":
        row = int(which)
        cores, used = trace.of_node(row, cpu), trace.of_node(row, memory)
        series = [
            ("node_cpu_seconds_total", {"cpu": "0", "mode": "user"}, cores * 0.7),
            ("node_cpu_seconds_total", {"cpu": "1", "mode": "system"}, cores * 0.3),
            ("node_cpu_seconds_total", {"cpu": "0", "mode": "idle"}, now),
            ("node_cpu_seconds_total", {"cpu": "0", "mode": "iowait"}, now),
            ("node_memory_MemTotal_bytes", {}, MEMORY_BYTES),
            ("node_memory_MemAvailable_bytes", {}, MEMORY_BYTES - used),
            ("node_uname_info", {"nodename": NODES[row] if NODES[row] == "by-uname" else "container-1234"}, 1.0),
            ("node_dmi_info", {"product_uuid": f"4C4C4544-{row:04d}" if NODES[row] == "by-uuid" else ""}, 1.0),
        ]
        for device, share in (("eth0", 1.0), ("veth12ab", 1.0), ("lo", 3.0)):
            series.append(("node_network_receive_bytes_total", {"device": device}, 1000.0 * share * now))
            series.append(("node_network_transmit_bytes_total", {"device": device}, 2000.0 * share * now))
        for device in ("sda", "dm-0"):
            series.append(("node_disk_read_bytes_total", {"device": device}, 3000.0 * now))
            series.append(("node_disk_written_bytes_total", {"device": device}, 4000.0 * now))
        return series
    if what == "root":
        row = NODES.index("cadvisor-only")
        return [
            ("container_cpu_usage_seconds_total", {"id": "/"}, trace.of_node(row, cpu)),
            ("container_memory_working_set_bytes", {"id": "/"}, trace.of_node(row, memory)),
        ]
    if what == "kubelet":
        series = []
        for number, pod in enumerate(trace.pods):
            if (which == "hidden") != (number < 6):
                continue
            named = {"namespace": pod.namespace, "pod": pod.name}
            for container, image, share in (("app", "app", 0.75), ("sidecar", "proxy", 0.25), ("POD", "pause", 0.0), ("", "", 1.0)):
                labels = named | {"container": container, "image": image, "id": f"/kubepods/{pod.uid}/{container}"}
                series.append(("container_cpu_usage_seconds_total", labels, cpu[number] * share))
                series.append(("container_memory_working_set_bytes", labels, memory[number] * share))
        return series
    addresses = {"by-address": "10.0.0.3", "by-ipv6": "fd00::4"}
    return [
        (
            "kube_node_info",
            {"node": name, "internal_ip": addresses.get(name, f"10.9.0.{row}"), "system_uuid": f"4c4c4544-{row:04d}"},
            1.0,
        )
        for row, name in enumerate(NODES)
        if name not in ("twice-scraped",)
    ]


def serve(trace: ReplayedTrace) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            now = time.time()
            # An exporter behind an agent that has lost its way: its last samples come again and again.
            shown = trace.began - 60 if self.path == f"/node/{NODES.index('stands-still')}" else now
            lines = []
            for name, labels, value in exposition(trace, self.path, now):
                told = ",".join(f"{key}={json.dumps(text)}" for key, text in labels.items())
                lines.append(f"{name}{{{told}}} {float(value)} {int(shown * 1000)}")
            body = ("\n".join(lines) + "\n").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):  # Prometheus ended meanwhile
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def scrape_config(port: int) -> list[dict[str, Any]]:
    def target(path: str, **labels: str) -> dict[str, Any]:
        return {"targets": [f"127.0.0.1:{port}"], "labels": {"__metrics_path__": path, **labels}}

    nodes = [target(f"/node/{row}", **HABITS[name]) for row, name in enumerate(NODES) if name != "cadvisor-only"]
    nodes.append(target(f"/node/{NODES.index('twice-scraped')}", **HABITS["twice-scraped"], replica="second"))
    hidden = {"namespace": "kube-system", "pod": "kubelet-x", "node": "node-label", "instance": "10.0.0.1:10250"}
    return [
        {"job_name": "node-exporter", "static_configs": nodes},
        {"job_name": "cadvisor", "static_configs": [target("/kubelet/hidden", **hidden)]},
        {
            "job_name": "kubelet",
            "honor_labels": True,
            "static_configs": [target("/kubelet/plain", instance="by-name:10250"), target("/root", **HABITS["cadvisor-only"])],
        },
        # kube-state-metrics, whose own pod's node hides the label of the same name
        {"job_name": "kube-state-metrics", "static_configs": [target("/state", node="by-name", instance="10.1.2.3:8080")]},
    ]


@dataclass
class Prometheus:
    """A server that can be stopped and started again on what it has stored."""

    program: str
    folder: Path
    port: int
    running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.folder / "prometheus.log").open("ab") as log:
            self.running = subprocess.Popen(
                [
                    self.program,
                    f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'series'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=log,
                stderr=log,
            )

    def has_recorded(self) -> bool:
        """Whether the recording rules have been at work on samples of pods, and all exporters were met."""
        query = urllib.parse.quote("hydatis_pod:cpu_used_cores:rate and on () kube_node_info and on () node_uname_info")
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?query={query}", timeout=5) as answer:
                return bool(json.load(answer)["data"]["result"])
        except OSError:
            return False

    def stop(self) -> None:
        assert self.running is not None
        self.running.terminate()
        self.running.wait(30)


@pytest.fixture
def trace(small: Workload) -> ReplayedTrace:
    source = small.trace
    steps = slice(40, 46)
    known = ~(np.isnan(source.cpu_used_cores[:, steps]).any(axis=1) | np.isnan(source.memory_used_bytes[:, steps]).any(axis=1))
    rows = np.flatnonzero(known)[: 3 * len(NODES)]
    assert len(rows) == 3 * len(NODES)
    pods = [source.pods[row].pod for row in rows]
    named = [Pod(pod.uid, f"web-{n}", f"team-{n % 5}", pod.workload, pod.requests) for n, pod in enumerate(pods)]
    # Something is always in use: a true zero would prove nothing.
    return ReplayedTrace(named, source.cpu_used_cores[rows, steps] + 0.1, source.memory_used_bytes[rows, steps] + 0.1 * GIB)


@pytest.fixture
def prometheus(trace: ReplayedTrace, prometheus_path: str, free_port: Callable[[], int], tmp_path: Path) -> Iterator[Prometheus]:
    exporters = serve(trace)
    rules = RULES.read_text().replace("120s", f"{RATE_SECONDS}s").replace("90s", f"{AGE_SECONDS}s").replace("15s", "1s")
    (tmp_path / "rules.yaml").write_text(rules)
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "1s"},
        "rule_files": [str(tmp_path / "rules.yaml")],
        "scrape_configs": scrape_config(exporters.server_address[1]),
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    server = Prometheus(prometheus_path, tmp_path, free_port())
    server.start()
    yield server
    server.stop()
    exporters.shutdown()
    exporters.server_close()


@dataclass
class Sink:
    """What takes the scrapes of a source in this process."""

    cluster: Cluster
    pods: list[BoundPod]
    scrapes: list[Scrape] = field(default_factory=list)

    async def advance(self, scrape: Scrape) -> int:
        self.scrapes.append(scrape)
        return scrape.tick_time_seconds

    def bound_pods(self) -> list[BoundPod]:
        return self.pods


@dataclass
class Service:
    """A feature-service of its own, and the tables it makes."""

    running: subprocess.Popen[bytes]
    address: str
    metrics_url: str
    tables: list[NodeTable] = field(default_factory=list)


@pytest.fixture
def service(prometheus: Prometheus, free_port: Callable[[], int], tmp_path: Path, until: Callable[..., Any]) -> Iterator[Service]:
    ports = {"GRPC_PORT": free_port(), "METRICS_PORT": free_port()}
    settings = {
        "CLUSTER_SOURCE": "replay",
        "METRIC_SOURCE": "prometheus",
        "PROMETHEUS_URL": prometheus.url,
        "PROMETHEUS_RATE_WINDOW_SECONDS": RATE_SECONDS,
        "PROMETHEUS_SAMPLE_AGE_SECONDS": AGE_SECONDS + 1,  # other windows than the rules': the exporters' own series are read
        "PROMETHEUS_TIMEOUT_SECONDS": 1,
        "WARM_STORE": "none",
        **ports,
    }
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HYDATIS_")}
    environment |= {f"HYDATIS_FEATURE_SERVICE_{key}": str(value) for key, value in settings.items()}
    with (tmp_path / "feature-service.log").open("wb") as log:
        running = subprocess.Popen([sys.executable, "-m", "hydatis_feature_service"], env=environment, stdout=log, stderr=log)
    made = Service(running, f"127.0.0.1:{ports['GRPC_PORT']}", f"http://127.0.0.1:{ports['METRICS_PORT']}/metrics")

    def ready() -> bool:
        assert running.poll() is None, (tmp_path / "feature-service.log").read_text()[-2000:]
        try:
            with urllib.request.urlopen(made.metrics_url.replace("/metrics", "/readyz"), timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    until(ready, "feature-service is ready")
    yield made
    running.terminate()
    assert running.wait(30) == 0


async def until_seen(condition: Callable[[], bool], what: str, timeout_seconds: float = 40.0) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_seconds:g} s: {what}"
        await asyncio.sleep(0.05)


def whole_windows(trace: ReplayedTrace, table: NodeTable) -> int | None:
    """The step that a table's samples and rates are of; None: of two, or of none."""
    newest = table.generation - DELAY_SECONDS
    first, last = trace.step(newest - RATE_SECONDS), trace.step(newest)
    return last if first == last and newest - RATE_SECONDS > trace.began + 1 else None


def shares(trace: ReplayedTrace, step: int, by_pod: NDArray[np.float64], whole: float) -> NDArray[np.float64]:
    return np.array([np.nan if name in UNKNOWN else trace.of_node(row, by_pod[:, step]) / whole for row, name in enumerate(NODES)])


def equals_the_trace(trace: ReplayedTrace, table: NodeTable) -> bool:
    step = whole_windows(trace, table)
    if step is None:
        return False
    cpu, memory = table.column("cpu_used_ratio"), table.column("memory_used_ratio")
    return np.allclose(cpu, shares(trace, step, trace.cpu_cores, CORES), rtol=0.02, equal_nan=True) and np.allclose(
        memory, shares(trace, step, trace.memory_bytes, MEMORY_BYTES), rtol=1e-5, equal_nan=True
    )


async def test_use_of_every_node_is_the_trace_s_whatever_it_is_called_and_an_outage_is_unknown(
    trace: ReplayedTrace, prometheus: Prometheus, service: Service
) -> None:
    replay = ReplaySourceClient(service.address)
    await replay.load_cluster([Node(name, Resources(CORES, MEMORY_BYTES)) for name in NODES], 1.0, DELAY_SECONDS, timeout_seconds=5)
    binds = [PodEvent.bound(pod, NODES[number // 3], time.time()) for number, pod in enumerate(trace.pods)]
    await replay.report_pod_events(binds, timeout_seconds=5)
    subscriber = TableSubscriber(service.address, "test", service.tables.append, lambda delta: None, lambda *told: None)
    subscriber.start()
    tables = service.tables

    def steps_met() -> set[int | None]:
        return {whole_windows(trace, table) for table in tables if equals_the_trace(trace, table)}

    try:
        await until_seen(lambda: len(steps_met()) >= 2, "tables of two steps equal the trace")
        newest = tables[-1]
        np.testing.assert_allclose(newest.column("network_receive_max_1h_bytes_per_second")[0], 1000.0, rtol=0.2)
        np.testing.assert_allclose(newest.column("disk_write_max_1h_bytes_per_second")[0], 4000.0, rtol=0.2)

        told = scrape(service.metrics_url)
        targets = total_by(told, "hydatis_prometheus_targets_count", "outcome")
        assert {outcome: count for outcome, count in targets.items() if count} == {
            "node_label": 3,
            "instance_name": 3,
            "instance_address": 2,
            "uname": 1,
            "system_uuid": 1,
            "short_name": 1,
            "contradicted": 1,
        }
        nodes = total_by(told, "hydatis_prometheus_nodes_count", "state")
        assert nodes == {"measured": len(NODES) - 2, "stale": 1, "unmeasured": 1}
        assert total_by(told, "hydatis_prometheus_pods_count", "state")["measured"] == len(trace.pods)

        prometheus.stop()
        gone = tables[-1].generation
        age = "usage_age_seconds"
        await until_seen(lambda: tables[-1].generation >= gone + 4, "ticks go on without Prometheus")
        assert tables[-1].column(age)[0] >= 3
        generations = [table.generation for table in tables]
        assert generations == list(range(generations[0], generations[-1] + 1)), "no tick was left out"
        prometheus.start()
        await until_seen(lambda: tables[-1].column(age)[0] == DELAY_SECONDS, "measured again")
    finally:
        await subscriber.stop()
        await replay.close()


async def test_every_pod_is_the_sum_of_its_containers_and_recorded_series_say_the_same(
    trace: ReplayedTrace, prometheus: Prometheus
) -> None:
    nodes = tuple(Node(name, Resources(CORES, MEMORY_BYTES)) for name in NODES)
    engine = FeatureEngine(nodes, 1.0, DELAY_SECONDS)
    for number, pod in enumerate(trace.pods[:-1]):  # the last one is not bound here
        engine.bind(pod, NODES[number // 3], trace.began)
    sink = Sink(Cluster(nodes, 1.0, DELAY_SECONDS), engine.state.bound_pods())

    def source(most_age_seconds: int) -> Any:
        told = FeatureServiceSettings(
            metric_source="prometheus",
            prometheus_url=prometheus.url,
            prometheus_rate_window_seconds=RATE_SECONDS,
            prometheus_sample_age_seconds=most_age_seconds,
        )
        registry = CollectorRegistry()
        return prometheus_metrics(told, registry), registry

    (raw, _), (recorded, registry) = source(AGE_SECONDS + 1), source(AGE_SECONDS)

    def is_the_trace(scraped: Scrape) -> bool:
        step = trace.step(scraped.sample_time_seconds)
        by_uid = dict(zip(scraped.pod_uids, scraped.pod_usage, strict=True))
        unmeasured = np.full(2, np.nan, dtype=np.float32)
        measured = np.array([by_uid.pop(pod.uid, unmeasured) for pod in trace.pods])
        expected = np.stack([trace.cpu_cores[:, step], trace.memory_bytes[:, step]], axis=1)
        expected[-1] = np.nan
        # rates are a little off where a scrape came late; memory is the very sample
        return (
            not by_uid
            and np.allclose(measured[:, 0], expected[:, 0], rtol=0.05, equal_nan=True)
            and np.allclose(measured[:, 1], expected[:, 1], rtol=1e-5, equal_nan=True)
        )

    try:
        await until_seen(prometheus.has_recorded, "the rules have recorded something")
        met: list[tuple[bool, ...]] = []
        deadline = time.monotonic() + 30
        while (True, True, True, True) not in met:
            assert time.monotonic() < deadline, f"rules in use, series as the trace, records as the trace, one as the other: {met}"
            await asyncio.sleep(0.5)
            now = int(time.time())
            in_use = registry.get_sample_value("hydatis_prometheus_rules_in_use") == 1.0
            told = [await one.tick(sink, now) for one in (raw, recorded)]
            alike = np.allclose(told[0].node_usage, told[1].node_usage, rtol=0.1, equal_nan=True)
            met.append((in_use, is_the_trace(told[0]), is_the_trace(told[1]), alike))
    finally:
        for one in (raw, recorded):
            await one.stop()
