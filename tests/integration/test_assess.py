"""`hydatis assess` as its user runs it: on a real Prometheus that holds a replayed trace, and on a trace."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydatis_serving.testing_api_server import ApiServer, node_json
from hydatis_simulator.trace import Trace
from hydatis_simulator.traces.registry import read_trace

STEP, SCRAPE, DAY = 300, 60, 86_400
DAYS, PODS = 4, 8


@pytest.fixture(scope="module")
def trace(data_folder: Path) -> Trace:
    return read_trace("bitbrains", data_folder, seed=5, pod_count=PODS, start_day=3, days=DAYS, arrival_window_seconds=0.0)


def samples(trace: Trace) -> Iterator[tuple[str, float, float]]:
    """What kubelet would have told every minute."""
    counters = np.zeros(PODS)
    for at in range(0, DAYS * DAY, SCRAPE):
        counters += np.nan_to_num(trace.cpu_used_cores[:PODS, at // STEP]) * SCRAPE
        for pod in range(PODS):
            if not np.isnan(trace.cpu_used_cores[pod, at // STEP]):
                labels = f'namespace="team-{pod % 2}",pod="app{pod}-0",container="app",image="app:1"'
                time = trace.start_seconds + at + 7
                yield f"container_cpu_usage_seconds_total{{{labels}}}", time, counters[pod]
                yield f"container_memory_working_set_bytes{{{labels}}}", time, trace.memory_used_bytes[pod, at // STEP]


@pytest.fixture(scope="module")
def cluster(trace: Trace, past_prometheus: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Options that say where a cluster is read from, which did what the trace says."""
    server = ApiServer()
    for name in ("node-a", "node-b", "node-c"):
        server.put("nodes", node_json(name))
    for pod in range(PODS):
        asked = trace.pods[pod].pod.requests
        requests = {"cpu": f"{asked.cpu_cores * 1000:.0f}m", "memory": f"{asked.memory_bytes / 2**20:.0f}Mi"}
        owner = {"kind": "StatefulSet", "name": f"app{pod}", "controller": True}
        server.put(
            "pods",
            {
                "metadata": {"name": f"app{pod}-0", "namespace": f"team-{pod % 2}", "uid": f"u{pod}", "ownerReferences": [owner]},
                "spec": {
                    "nodeName": f"node-{'abc'[pod % 3]}",
                    "containers": [{"name": "app", "resources": {"requests": requests}}],
                },
                "status": {"phase": "Running", "qosClass": "Burstable"},
            },
        )
    prometheus = past_prometheus(samples(trace))
    until = datetime.fromtimestamp(trace.start_seconds + DAYS * DAY, UTC).isoformat()
    kubeconfig = server.kubeconfig(tmp_path_factory.mktemp("kube"))
    yield ["--prometheus", prometheus.url, "--kubeconfig", kubeconfig, "--until", until, "--days", str(DAYS)]
    server.close()


def test_a_real_prometheus_with_a_replayed_trace_is_assessed(
    cluster: list[str], trace: Trace, command: Callable[..., Any], tmp_path: Path
) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("currency: EUR\nnode_hour: 0.5\n")
    told = ["--work", str(tmp_path / "work"), "--json", str(tmp_path / "a.json"), "--report", str(tmp_path / "a.html")]
    done = command("assess", *cluster, *told, "--prices", str(prices), "--quick")
    assert done.code == 0, done.err
    for words in (
        "Nodes needed",
        "HYDATIS sizes and places",
        "EUR a month",
        "Namespaces that waste most",
        "team-1",
        "How well use is",
    ):
        assert words in done.out
    figures = json.loads((tmp_path / "a.json").read_text())
    assert figures["capture"]["pods_count"] == PODS
    assert figures["capture"]["days"] == DAYS
    assert figures["savings"]["nodes_now"] == 3.0
    requested = sum(one.pod.requests.cpu_cores for one in trace.pods[:PODS])
    assert figures["waste"]["cluster"]["requested_cpu_cores"] == pytest.approx(requested, rel=1e-3)
    used = float(np.nansum(trace.cpu_used_cores[:PODS], axis=0).mean())
    assert figures["waste"]["cluster"]["mean_cpu_cores"] == pytest.approx(used, rel=0.02)
    both = next(lever for lever in figures["savings"]["levers"] if lever["name"] == "both")
    saved = figures["saved"]["levers"]["both"]["0.05"]
    assert saved["money_a_month"]["value"] == pytest.approx((3.0 - both["nodes"]["0.05"]["value"]) * 365.0, rel=1e-4)
    page = (tmp_path / "a.html").read_text()
    assert "Nodes needed by lever" in page
    assert "plotly" in page

    again = command("assess", "--from", str(tmp_path / "work" / "capture"), "--work", str(tmp_path / "work"), "--quick")
    assert again.code == 0, again.err
    assert "HYDATIS sizes and places" in again.out


def test_a_trace_is_assessed_and_gone_on_with(data_folder: Path, command: Callable[..., Any], tmp_path: Path) -> None:
    asked = [
        "assess",
        "--trace",
        "bitbrains",
        "--data",
        str(data_folder),
        "--days",
        "5",
        "--quick",
        "--work",
        str(tmp_path / "work"),
    ]
    first = command(*asked, "--json", str(tmp_path / "1.json"))
    assert first.code == 0, first.err
    assert "made-up" in first.out
    (journal,) = (tmp_path / "work").iterdir()
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join(lines[: len(lines) // 2]) + "\n" + lines[len(lines) // 2][:40])  # as a kill leaves it
    second = command(*asked, "--json", str(tmp_path / "2.json"))
    assert second.code == 0, second.err
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()


def test_too_short_a_past_is_told_as_far_as_it_goes(data_folder: Path, command: Callable[..., Any], tmp_path: Path) -> None:
    report = tmp_path / "a.html"
    done = command("assess", "--trace", "bitbrains", "--data", str(data_folder), "--days", "2", "--report", str(report))
    assert done.code == 0, done.err
    assert "Workloads that waste most" in done.out
    assert "Nodes needed" not in done.out
    assert "the past is 2 whole days long, 3 are needed" in done.err
    assert "the past is 2 whole days long" in report.read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no source of metrics"),
        (["--trace", "synthetic", "--prometheus", "http://p:9090"], "are not one source"),
        (["--trace", "bitbrains"], "--data"),
        (["--prometheus", "p:9090"], "is no address"),
        (["--prometheus", "http://p:9090", "--until", "yesterday"], "--until: 'yesterday' is no time"),
        (["--from", "nowhere"], "holds no whole capture"),
        (["--trace", "synthetic", "--prices", "none.yaml"], "--prices: none.yaml cannot be read"),
        (["--trace", "synthetic", "--prices", "bad.yaml"], "--prices: bad.yaml"),
    ],
)
def test_what_is_wrong_is_one_sentence(options: list[str], said: str, hydatis: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("currency: EUR\nnode_hour: cheap\n")
    done = hydatis("assess", *options)
    assert done.code == (1 if "--from" in options else 2)
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert done.out == ""
