"""What 5,000 nodes and 50,000 pods cost feature-service, on a real API server and a real Prometheus: memory, and a cold start.

    pytest -s tests/cluster/test_state_at_scale.py -m slow

takes some five minutes. It asserts the memory that is promised, and prints what it measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from control_plane.api import Api
from control_plane.binaries import Binaries
from control_plane.etcd_writes import copies, write
from control_plane.feature_service import FeatureServiceProcess
from control_plane.manifests import node, pod
from control_plane.plane import ControlPlane
from control_plane.processes import free_port
from control_plane.waiting import until

NODES, PODS = (int(os.environ.get(f"SCALE_{what}", default)) for what, default in (("NODES", "5000"), ("PODS", "50000")))
NAMESPACE = "scale"
MEGABYTE = 2.0**20
MOST_MEGABYTES = 500.0
TICKS = 8

pytestmark = pytest.mark.slow


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[Path]:
    """Kubeconfig of an API server with that many nodes and bound pods."""
    plane = ControlPlane(tmp_path / "plane", Binaries())
    api = Api(plane.kubeconfig("admin"))
    try:
        api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        account = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default"
        until(lambda: api.status_of("GET", account) == 200, "the account")
        first_node = api.create("/api/v1/nodes", node("node-0000"))
        labels = {"app": "web", "hydatis.io/workload": "web"}
        first_pod = api.create(
            f"/api/v1/namespaces/{NAMESPACE}/pods", pod("web-00000", scheduler="nobody", labels=labels, nodeName="node-0000")
        )
        node_names = [f"node-{index:04d}" for index in range(NODES)]
        pod_nodes = {f"web-{index:05d}": {"nodeName": node_names[index % NODES]} for index in range(PODS)}
        write(plane.etcd, {f"/registry/minions/{one['metadata']['name']}": one for one in copies(first_node, node_names[1:])})
        pods = copies(first_pod, list(pod_nodes)[1:], **pod_nodes)
        write(plane.etcd, {f"/registry/pods/{NAMESPACE}/{one['metadata']['name']}": one for one in pods})
        yield plane.kubeconfig("admin")
    finally:
        api.close()
        plane.stop()


class Exporters:
    """All node_exporters and cAdvisors of the cluster behind one address; a node and a pod use the same at all times."""

    def __init__(self) -> None:
        counters, gauges = [], []
        for index in range(NODES):
            name = f'node="node-{index:04d}"'
            counters += [f'node_cpu_seconds_total{{cpu="{cpu}",mode="{mode}",{name}}}' for cpu in "01" for mode in ("user", "idle")]
            counters += [f'node_network_{way}_bytes_total{{device="eth0",{name}}}' for way in ("receive", "transmit")]
            counters += [f'node_disk_{way}_bytes_total{{device="sda",{name}}}' for way in ("read", "written")]
            gauges += [f"node_memory_MemTotal_bytes{{{name}}} 1.3e11", f"node_memory_MemAvailable_bytes{{{name}}} 9e10"]
        for index in range(PODS):
            name = f'namespace="{NAMESPACE}",pod="web-{index:05d}"'
            for more in ('container="main",image="app"', 'container="",image=""'):
                counters.append(f"container_cpu_usage_seconds_total{{{name},{more}}}")
                gauges.append(f"container_memory_working_set_bytes{{{name},{more}}} 3e8")
        self._counters = [series.encode() for series in counters]
        self._gauges = "\n".join(gauges).encode() + b"\n"
        exporters = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exporters.exposition()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def exposition(self) -> bytes:
        value = f" {time.time():.3f}\n".encode()
        return value.join(self._counters) + value + self._gauges


@pytest.fixture
def prometheus(prometheus_path: str, tmp_path: Path) -> Iterator[str]:
    """URL of a Prometheus that has scraped all of them a few times."""
    exporters = Exporters()
    config = {
        "global": {"scrape_interval": "15s", "scrape_timeout": "15s"},
        "scrape_configs": [
            {
                "job_name": "all",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{exporters.server.server_address[1]}"]}],
            }
        ],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    with (tmp_path / "prometheus.log").open("wb") as log:
        running = subprocess.Popen(
            [
                prometheus_path,
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'series'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(60)
        exporters.server.shutdown()
        shutil.rmtree(tmp_path / "series", ignore_errors=True)


def resident_megabytes(pid: int) -> tuple[float, float]:
    """Memory of a process now, and the most that it ever was."""
    told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    now, most = (float(told[key].split()[0]) * 1024 / MEGABYTE for key in ("VmRSS", "VmHWM"))
    return now, most


def test_memory_and_a_cold_start(crowd: Path, prometheus: str, tmp_path: Path) -> None:
    began = time.monotonic()
    service = FeatureServiceProcess(crowd, tmp_path / "feature-service", 300, PROMETHEUS_URL=prometheus)
    ready_seconds = time.monotonic() - began
    try:
        at_ready, _ = resident_megabytes(service.pid)
        until(lambda: sum(service.metric("hydatis_prometheus_ticks_total", "outcome").values()) >= TICKS, "ticks", 90.0 * TICKS)
        now, most = resident_megabytes(service.pid)
        lists, counts = service.metric("hydatis_list_seconds", "resource"), service.metric("hydatis_listed_count", "resource")
        measured = {what: service.metric(f"hydatis_prometheus_{what}_count", "state")["measured"] for what in ("nodes", "pods")}
        print(service.log[-1500:])  # noqa: T201
        print(  # noqa: T201
            f"listed {counts} in {lists} s; ready after {ready_seconds:.1f} s; measured {measured}; "
            f"memory {at_ready:.0f} MB when ready, {now:.0f} MB after {TICKS} ticks, {most:.0f} MB at most"
        )
        assert counts == {"nodes": NODES, "pods": PODS}
        assert measured == {"nodes": NODES, "pods": PODS}
        assert most <= MOST_MEGABYTES
    finally:
        service.stop()
