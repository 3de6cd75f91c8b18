"""`hydatis collect` on a real Prometheus that holds a replayed trace: killed, failing, warning, full, and too old."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hydatis_collection.collector import Collected, Collector
from hydatis_collection.courses import matrix
from hydatis_collection.ledger import Ledger
from hydatis_collection.question import collection
from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, InvalidValue, TooMany
from hydatis_lifecycle.quality.gates import DEFAULT_GATES
from hydatis_pipelines.progress import untold
from hydatis_pipelines.validate_step import check_trace
from hydatis_serving.prometheus.client import PrometheusClient
from hydatis_serving.prometheus.past import Asker
from hydatis_simulator.trace import Trace
from hydatis_simulator.traces.registry import read_trace

STEP, HOUR, DAY, HOURS, PODS = 60, 3600, 86_400, 5, 6
#: Hours and minutes from the start: nobody is scraped; and one pod is not, while the others are.
OUTAGE, ALONE = (2 * HOUR + 600, 2 * HOUR + 2100), (HOUR + 600, HOUR + 1500)
NODES = ("node-a", "node-b")


@pytest.fixture(scope="module")
def trace(data_folder: Path) -> Trace:
    return read_trace("bitbrains", data_folder, seed=5, pod_count=PODS, start_day=3, days=1, arrival_window_seconds=0.0)


@pytest.fixture(scope="module")
def start(trace: Trace) -> int:
    """When the collection begins: an hour into the trace, so that counters have a past."""
    return int(trace.start_seconds) // HOUR * HOUR + HOUR


def samples(trace: Trace, start: int) -> Iterator[tuple[str, float, float]]:
    """What exporters would have told every half minute; pods in turn on two nodes."""
    pods, nodes = np.zeros(PODS), dict.fromkeys(NODES, 0.0)
    for at in range(start - 1800, start + HOURS * HOUR + 1800, 30):
        step = int((at - trace.start_seconds) // trace.step_seconds)
        cores, memory = np.nan_to_num(trace.cpu_used_cores[:PODS, step]), np.nan_to_num(trace.memory_used_bytes[:PODS, step])
        pods += cores * 30
        for row, node in enumerate(NODES):
            nodes[node] += float(cores[row::2].sum()) * 30
        if OUTAGE[0] <= at - start < OUTAGE[1]:
            continue
        for row, node in enumerate(NODES):
            yield f'node_cpu_seconds_total{{node="{node}",cpu="0",mode="user"}}', at, nodes[node]
            yield f'node_memory_MemTotal_bytes{{node="{node}"}}', at, 2.0**36
            yield f'node_memory_MemAvailable_bytes{{node="{node}"}}', at, 2.0**36 - float(memory[row::2].sum())
        for pod in range(PODS):
            if pod == 0 and ALONE[0] <= at - start < ALONE[1]:
                continue
            labels = f'namespace="team-{pod % 2}",pod="app{pod}-0",container="app",image="app:1"'
            yield f"container_cpu_usage_seconds_total{{{labels}}}", at, pods[pod]
            yield f"container_memory_working_set_bytes{{{labels}}}", at, memory[pod]


@pytest.fixture(scope="module")
def prometheus(trace: Trace, start: int, past_prometheus: Callable[..., Any]) -> str:
    return str(past_prometheus(samples(trace, start)).url)


class Proxy:
    """Stands before a Prometheus and answers in its stead as a test wants: ``answer(number, promql)`` says how.

    None: as Prometheus does; a number: that HTTP code; "hang": not before the test ends; "partial": without the first series, and
    with a warning.
    """

    def __init__(self, url: str) -> None:
        self.answer: Callable[[int, str], Any] = lambda number, promql: None
        self.asked = 0
        self.hangs, self.let_go = threading.Event(), threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"]))
                proxy.asked += 1
                wanted = proxy.answer(proxy.asked, urllib.parse.parse_qs(form.decode())["query"][0])
                if wanted == "hang":
                    proxy.hangs.set()
                    proxy.let_go.wait(600)
                code, body = wanted, b"<html>nobody is here</html>"
                if not isinstance(wanted, int):
                    asked = urllib.request.Request(url + self.path, form)
                    with urllib.request.urlopen(asked, timeout=30) as reply:
                        code, body = 200, reply.read()
                if wanted == "partial":
                    told = json.loads(body)
                    told["data"]["result"] = told["data"]["result"][1:]
                    body = json.dumps(told | {"warnings": ["store-3 did not answer"]}).encode()
                try:
                    self.send_response(code)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # who asked was killed

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def proxy(prometheus: str) -> Iterator[Proxy]:
    one = Proxy(prometheus)
    yield one
    one.close()


def collect(
    folder: Path,
    url: str,
    start: int,
    *,
    hours: float = HOURS,
    now: float = 0.0,
    patience: float = 60.0,
    named: str = "http://prometheus",
) -> Collected:
    """Collects some hours; all collections of these tests call their Prometheus the same, whatever stands before it."""

    async def run() -> Collected:
        client = PrometheusClient(url)

        async def sleep(_seconds: float) -> None:
            await asyncio.sleep(0)

        asker = Asker(client, url, matrix, patience_seconds=patience, sleep=sleep)
        try:
            ledger = Ledger(folder)
            with ledger.held():
                return await Collector(ledger, collection(named), asker).run(start, now or start + hours * HOUR + 200, 30.0)
        finally:
            await client.close()

    return asyncio.run(run())


def content(folder: Path) -> dict[str, str]:
    """Digest of every file of a folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def undisturbed(prometheus: str, start: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "collected"
    done = collect(folder, prometheus, start)
    assert len(done.windows) == HOURS
    return folder


def test_windows_hold_what_the_trace_says(undisturbed: Path, trace: Trace, start: int) -> None:
    table = pq.read_table(undisturbed / "pods").to_pandas().sort_values(["pod", "timestamp_s"], ignore_index=True)
    assert table["timestamp_s"].min() == start
    assert table["timestamp_s"].max() == start + HOURS * HOUR - STEP
    one = table[(table["pod"] == "app1-0") & (table["timestamp_s"] < start + HOUR)]
    assert len(one) == 60
    steps = ((one["timestamp_s"] - trace.start_seconds) // trace.step_seconds).to_numpy(dtype=int)
    assert one["memory_used_bytes"].to_numpy() == pytest.approx(trace.memory_used_bytes[1, steps], rel=1e-6)
    assert one["cpu_used_cores"].mean() == pytest.approx(trace.cpu_used_cores[1, steps].mean(), rel=0.15)
    nodes = pq.read_table(undisturbed / "nodes").to_pandas()
    at = start + 1200
    here = nodes[(nodes["node"] == "node-a") & (nodes["timestamp_s"] == at)]["memory_used_bytes"].item()
    whole = trace.memory_used_bytes[:PODS:2, int((at - trace.start_seconds) // trace.step_seconds)].sum()
    assert here == pytest.approx(whole, rel=1e-5)


def test_gaps_of_an_outage_and_of_one_pod_are_recorded(undisturbed: Path, start: int) -> None:
    entries = Ledger(undisturbed).entries
    first, second, third, *_ = entries.values()
    quiet = {"network_receive_bytes_per_second", "network_transmit_bytes_per_second"}
    assert {gap.column for gap in first.gaps} == quiet | {"disk_read_bytes_per_second", "disk_write_bytes_per_second"}
    (alone,) = [gap for gap in second.gaps if gap.table == "pods" and gap.column == "memory_used_bytes"]
    assert (alone.series_count, alone.of_count, alone.example) == (1, PODS, "team-0/app0-0")
    # a sample counts for 90 seconds after it was taken
    assert start + ALONE[0] < alone.first_seconds <= start + ALONE[0] + 120
    assert alone.last_seconds == start + ALONE[1] - STEP
    (out,) = [gap for gap in third.gaps if gap.table == "nodes" and gap.column == "memory_used_bytes"]
    assert (out.series_count, out.of_count, out.example) == (2, 2, "")
    assert out.last_seconds == start + OUTAGE[1] - STEP
    path = next(name for name in third.files if name.startswith("nodes"))
    metadata = pq.read_schema(undisturbed / path).metadata[b"hydatis.window"]
    assert len(msgspec.json.decode(metadata)["gaps"]) == len([gap for gap in third.gaps if gap.table == "nodes"])


def test_a_collection_is_a_dataset_that_is_checked(undisturbed: Path, start: int) -> None:
    report = check_trace("collected", undisturbed, DEFAULT_GATES, untold, now_seconds=start + DAY)
    found = {(one.table, one.rule): one.rows_count for one in report.findings}
    # 25 minutes of outage less the 90 seconds that a sample counts for, of two nodes and six pods; 15 of one pod besides. Whether
    # a range holds its first moment is another thing in each major version of Prometheus.
    assert found["nodes", "missing"] in (2 * 23, 2 * 24)
    assert found["pods", "missing"] in (PODS * 23 + 13, PODS * 24 + 14)
    assert report.scores["uniqueness"].ratio == report.scores["accuracy"].ratio == 1.0
    assert report.scores["completeness"].ratio == pytest.approx(1 - 206 / (8 * 300), abs=0.005)
    early = check_trace("collected", undisturbed, DEFAULT_GATES, untold, now_seconds=start + HOUR)
    assert any("future" in sentence for sentence in early.hard_failures)


def test_what_is_there_is_not_asked_for_again(undisturbed: Path, proxy: Proxy, start: int) -> None:
    before = content(undisturbed)
    done = collect(undisturbed, proxy.url, start)
    assert (done.windows, done.kept_count, proxy.asked) == ([], HOURS, 0)
    assert content(undisturbed) == before


def test_a_window_is_collected_when_it_is_over(tmp_path: Path, prometheus: str, start: int, undisturbed: Path) -> None:
    assert collect(tmp_path / "c", prometheus, start, now=start + HOUR + 119).windows == []
    assert len(collect(tmp_path / "c", prometheus, start, now=start + HOUR + 121).windows) == 1
    collect(tmp_path / "c", prometheus, start)
    assert content(tmp_path / "c") == content(undisturbed)


def run_command(folder: Path, url: str, start: int, *more: str, **how: Any) -> subprocess.Popen[str]:
    until = datetime.fromtimestamp(start + HOURS * HOUR + 200, UTC).isoformat()
    days = str(HOURS / 24 + 0.005)
    asked = ["collect", "--prometheus", url, "--out", str(folder), "--until", until, "--days", days, *more]
    command = [sys.executable, "-m", "hydatis_cli.main", *asked]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)


def test_a_killed_collection_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, proxy: Proxy, start: int) -> None:
    collect(tmp_path / "whole", proxy.url, start, named=proxy.url)
    a_window = proxy.asked // HOURS
    proxy.asked = 0
    for windows in (1, 3):
        proxy.hangs.clear()
        proxy.let_go.clear()
        proxy.answer = lambda number, promql, last=windows * a_window + 3: "hang" if number > last else None
        proxy.asked = 0 if windows == 1 else a_window
        killed = run_command(tmp_path / "killed", proxy.url, start)
        assert proxy.hangs.wait(300), killed.communicate()
        killed.send_signal(signal.SIGKILL)
        assert killed.wait(300) == -signal.SIGKILL
        killed.communicate()
        proxy.let_go.set()
        assert 0 < len(Ledger(tmp_path / "killed").entries) < HOURS
    # as a kill between the file and the ledger leaves it
    (tmp_path / "killed" / "nodes" / "nodes-20130101T0000Z.parquet").write_bytes(b"half")
    (tmp_path / "killed" / "pods" / ".unfinished").write_bytes(b"half")
    proxy.answer = lambda number, promql: None
    collect(tmp_path / "killed", proxy.url, start, named=proxy.url)
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_errors_that_pass_leave_no_trace(tmp_path: Path, proxy: Proxy, start: int, undisturbed: Path) -> None:
    codes = {2: 500, 3: 429, 7: 503, 8: 503, 9: 503, 30: 502, 50: 504}
    proxy.answer = lambda number, promql: codes.get(number)
    collect(tmp_path / "c", proxy.url, start)
    assert content(tmp_path / "c") == content(undisturbed)


def test_errors_that_stay_end_with_a_sentence_and_what_was_collected(
    tmp_path: Path, proxy: Proxy, start: int, undisturbed: Path
) -> None:
    proxy.answer = lambda number, promql: 503 if number > 40 else None
    with pytest.raises(DependencyUnavailable, match=r"unavailable: HTTP 503.*goes on where this one stopped"):
        collect(tmp_path / "c", proxy.url, start, patience=0.0)
    assert 0 < len(Ledger(tmp_path / "c").entries) < HOURS
    proxy.answer = lambda number, promql: 404
    with pytest.raises(InvalidValue, match="base URL"):
        collect(tmp_path / "c", proxy.url, start)
    proxy.answer = lambda number, promql: None
    collect(tmp_path / "c", proxy.url, start)
    assert content(tmp_path / "c") == content(undisturbed)


def test_partial_answers_are_asked_for_again(tmp_path: Path, proxy: Proxy, start: int, undisturbed: Path) -> None:
    proxy.answer = lambda number, promql: "partial" if number == 2 else None
    done = collect(tmp_path / "c", proxy.url, start)
    assert done.warned == done.windows[:1]
    entry = Ledger(tmp_path / "c").entries[done.warned[0]]
    assert entry.warnings == ["store-3 did not answer"]
    proxy.answer, proxy.asked = (lambda number, promql: None), 0
    assert collect(tmp_path / "c", proxy.url, start).windows == done.warned
    assert content(tmp_path / "c") == content(undisturbed)


def test_a_warning_that_stays_is_asked_about_three_times(tmp_path: Path, proxy: Proxy, start: int) -> None:
    proxy.answer = lambda number, promql: "partial"
    counts = [len(collect(tmp_path / "c", proxy.url, start, hours=2).windows) for _ in range(4)]
    assert counts == [2, 2, 2, 0]


def test_windows_older_than_thirty_days_go(tmp_path: Path, prometheus: str, start: int) -> None:
    folder = tmp_path / "c"
    collect(folder, prometheus, start)
    names = list(Ledger(folder).entries)
    later = collect(folder, prometheus, start + 30 * DAY, now=start + 30 * DAY + 2 * HOUR)
    assert later.dropped == names[:2]
    entries = Ledger(folder).entries
    assert list(entries)[: HOURS - 2] == names[2:]
    (nobody,) = [entry for name, entry in entries.items() if name not in names]
    assert (nobody.files, nobody.rows_count) == ({}, 0)
    kept = {file for entry in entries.values() for file in entry.files}
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.parquet")} == kept


def test_a_full_disk_is_told_and_gone_on_from(tmp_path: Path, proxy: Proxy, prometheus: str, start: int) -> None:
    whole = tmp_path / "whole"
    collect(whole, prometheus, start, named=prometheus)

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    full = run_command(tmp_path / "full", prometheus, start, preexec_fn=small, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    _, err = full.communicate(timeout=300)
    assert full.returncode == 1, err
    assert "cannot be written: File too large" in err
    assert "more room; the same command goes on where this one stopped" in " ".join(err.split())
    assert not list((tmp_path / "full").rglob(".unfinished"))
    collect(tmp_path / "full", prometheus, start, named=prometheus)
    assert content(tmp_path / "full") == content(whole)


def test_other_questions_folders_and_writers_are_refused(tmp_path: Path, undisturbed: Path, prometheus: str, start: int) -> None:
    with pytest.raises(InvalidValue, match="was begun with prometheus"):
        collect(undisturbed, prometheus, start, named="http://another:9090")
    (tmp_path / "thesis.doc").write_text("years of work")
    with pytest.raises(ArtifactRefused, match="something else"):
        collect(tmp_path, prometheus, start)
    assert (tmp_path / "thesis.doc").exists()
    with Ledger(undisturbed).held(), pytest.raises(TooMany, match="is being collected into"):
        collect(undisturbed, prometheus, start)
