"""A cluster's past, captured from a real Prometheus that holds a replayed trace, is the trace: whatever Prometheus went through."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydatis_assessment.capture.cluster_capture import PrometheusAccess, capture_cluster, open_capture
from hydatis_assessment.capture.question import Question, question
from hydatis_assessment.cluster_use import CPU, MEMORY, ClusterUse
from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, InvalidValue
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.testing_api_server import ApiServer, node_json
from hydatis_simulator.trace import Trace
from hydatis_simulator.traces.registry import read_trace

STEP, SCRAPE, OFFSET = 300, 60, 7
DAY = 86_400
DAYS, PODS = 2, 8
#: Memory is sampled unevenly around the trace's mean: this much above it at one of the five samples of a step.
SPIKE = 1.25
#: Row of the trace -> what its pods are called, day by day.
WEB, DB, RESET, TWICE, HIDDEN, KILLED, CRON, GONE = range(PODS)
NAMES = {
    WEB: ("web-7f9cd8b5c4-x2x5z", "web-5d4c8f7b96-q9wzt"),  # rolled out at midnight
    DB: ("db-0",) * 2,
    RESET: ("reset-0",) * 2,
    TWICE: ("twice-0",) * 2,
    HIDDEN: ("hidden-0",) * 2,
    KILLED: ("killed-0",) * 2,
    CRON: ("report-29384756-k7jbq", "report-29386196-zzzxw"),
    GONE: ("operated-x", "operated-x"),  # its name tells nothing: kube-state-metrics does
}
OUTAGE = (DAY + 6 * 3600, DAY + 9 * 3600)


@dataclass
class Replayed:
    """A trace as exporters told it."""

    trace: Trace

    @property
    def cpu(self) -> np.ndarray:
        return self.trace.cpu_used_cores[:PODS, : DAYS * 288]

    @property
    def memory(self) -> np.ndarray:
        return self.trace.memory_used_bytes[:PODS, : DAYS * 288]

    def labels(self, row: int, day: int, replica: str = "1") -> str:
        namespace, pod = "shop", NAMES[row][day]
        if row == HIDDEN:
            told = {"namespace": "monitoring", "pod": "kubelet-proxy", "exported_namespace": namespace, "exported_pod": pod}
        else:
            told = {"namespace": namespace, "pod": pod}
        told |= {"container": "app", "image": "app:1", "replica": replica}
        return ",".join(f'{name}="{value}"' for name, value in told.items())

    def samples(self) -> Iterator[tuple[str, float, float]]:
        """Every minute of two days of each container, and what kube-state-metrics says of some."""
        start = self.trace.start_seconds
        counters = np.zeros(PODS)
        for at in range(0, DAYS * DAY, SCRAPE):
            step, day, time = at // STEP, at // DAY, start + at + OFFSET
            if at == DAY + 3600:
                counters[RESET] = 0.0
            counters += np.nan_to_num(self.cpu[:, step]) * SCRAPE
            if OUTAGE[0] <= at < OUTAGE[1]:
                continue
            for row in range(PODS):
                if np.isnan(self.cpu[row, step]) or (row == CRON and at % DAY >= 7200):
                    continue
                for replica in ("1", "2") if row == TWICE else ("1",):
                    labels = self.labels(row, day, replica)
                    yield f"container_cpu_usage_seconds_total{{{labels}}}", time, counters[row]
                    spike = SPIKE if at % STEP == 2 * SCRAPE else 1.0
                    yield f"container_memory_working_set_bytes{{{labels}}}", time, self.memory[row, step] * spike
                    group = labels.replace('container="app",image="app:1"', 'container="",image=""')
                    yield f"container_cpu_usage_seconds_total{{{group}}}", time, counters[row] * 2
            if at % STEP == 0:
                yield from self.facts(at, time)

    def facts(self, at: int, time: float) -> Iterator[tuple[str, float, float]]:
        killed = (
            'exported_namespace="shop",exported_pod="killed-0",exported_container="app",container="ksm",namespace="m",pod="ksm"'
        )
        yield f"kube_pod_container_status_restarts_total{{{killed}}}", time, float(at >= DAY + 3600) * 2
        if at >= DAY + 3600:
            yield f'kube_pod_container_status_last_terminated_reason{{{killed},reason="OOMKilled"}}', time, 1.0
        limit = 'namespace="shop",pod="killed-0",container="app"'
        yield f"container_spec_memory_limit_bytes{{{limit}}}", time, 2.0**30
        yield f"container_cpu_cfs_periods_total{{{limit}}}", time, at / 10
        yield f"container_cpu_cfs_throttled_periods_total{{{limit}}}", time, at / 40
        owner = 'owner_kind="ClusterThing",owner_name="operated",owner_is_controller="true"'
        yield f'kube_pod_owner{{namespace="shop",pod="operated-x",{owner}}}', time, 1.0
        yield 'kube_pod_info{namespace="shop",pod="operated-x",node="node-b"}', time, 1.0


@pytest.fixture(scope="module")
def replayed(data_folder: Path) -> Replayed:
    return Replayed(read_trace("bitbrains", data_folder, seed=5, pod_count=PODS, start_day=3, days=DAYS))


@pytest.fixture(scope="module")
def prometheus(replayed: Replayed, past_prometheus: Callable[..., Any]) -> Any:
    # so few samples that pages of a whole day are refused and cut in halves
    return past_prometheus(replayed.samples(), "--query.max-samples=700")


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Leads to the cluster as it is after those days."""
    server = ApiServer()
    for name in ("node-a", "node-b"):
        server.put("nodes", node_json(name))
    for row in (WEB, DB, RESET, TWICE, HIDDEN, KILLED):
        server.put("pods", running(row))
    container = {"name": "app", "resources": {"requests": {"cpu": "250m"}, "limits": {"memory": "3Gi"}}}
    template = {"metadata": {"annotations": {"hydatis.io/right-size": "off"}}, "spec": {"containers": [container]}}
    job = {"jobTemplate": {"spec": {"template": template}}}
    server.put("cronjobs", {"metadata": {"name": "report", "namespace": "shop"}, "spec": job})
    yield server.kubeconfig(tmp_path_factory.mktemp("kube"))
    server.close()


@pytest.fixture
def api(kubeconfig: str) -> KubernetesApi:
    """The same cluster."""
    return KubernetesApi(kubeconfig)


def running(row: int) -> dict[str, Any]:
    name = NAMES[row][-1]
    owner = {"kind": "StatefulSet", "name": name.rpartition("-")[0], "controller": True}
    labels = {}
    if row == WEB:
        owner |= {"kind": "ReplicaSet", "name": "web-5d4c8f7b96"}
        labels = {"pod-template-hash": "5d4c8f7b96"}
    container = {"name": "app", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}}
    annotations = {"hydatis.io/original-requests": '{"app": {"cpu": "2"}}'} if row == DB else {}
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": name,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner],
        },
        "spec": {"nodeName": "node-a", "containers": [container]},
        "status": {"phase": "Running", "qosClass": "Burstable"},
    }


def asked(replayed: Replayed, url: str) -> Question:
    return question(url, replayed.trace.start_seconds + DAYS * DAY, DAYS)


def row_of(use: ClusterUse, workload: str) -> int:
    (row,) = [number for number, row in enumerate(use.rows) if row.name.workload == workload]
    return row


WORKLOADS = {
    WEB: "Deployment/web",
    DB: "StatefulSet/db",
    RESET: "StatefulSet/reset",
    TWICE: "StatefulSet/twice",
    HIDDEN: "StatefulSet/hidden",
    KILLED: "StatefulSet/killed",
    CRON: "CronJob/report",
    GONE: "ClusterThing/operated",
}


def assert_is_the_trace(use: ClusterUse, replayed: Replayed) -> None:
    assert sorted(row.name.workload for row in use.rows) == sorted(WORKLOADS.values())
    steps = np.arange(DAYS * 288) * STEP
    dark = (steps >= OUTAGE[0]) & (steps < OUTAGE[1])
    for number, workload in WORKLOADS.items():
        row = row_of(use, workload)
        told = ~dark & ~np.isnan(replayed.cpu[number])
        if number == CRON:
            told &= steps % DAY < 7200
        # where its counter began anew, or it itself did, an increase is not seen whole
        odd = np.isin(steps, {RESET: [DAY + 3600], WEB: [DAY], CRON: [DAY]}.get(number, []))
        odd |= np.diff(told, prepend=False) | np.diff(told, append=False)
        np.testing.assert_allclose(use.use[CPU, row, told & ~odd], replayed.cpu[number, told & ~odd], rtol=2e-3, atol=6e-5)
        np.testing.assert_allclose(use.use[MEMORY, row, told], replayed.memory[number, told] * SPIKE, rtol=1e-6)
        assert np.isnan(use.use[:, row, ~told]).all(), f"{workload}: what was not measured is not known"


def test_what_is_captured_is_the_trace(replayed: Replayed, prometheus: Any, api: KubernetesApi, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    use = capture_cluster(
        tmp_path / "past", asked(replayed, prometheus.url), PrometheusAccess(prometheus.url), api, lambda *one: told.append(one)
    )
    assert_is_the_trace(use, replayed)
    (gap,) = use.gaps
    start = replayed.trace.start_seconds
    assert (gap.start_seconds - start, gap.end_seconds - start) == OUTAGE
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][:2] == (DAYS, DAYS)

    web, db, killed, gone = (row_of(use, WORKLOADS[row]) for row in (WEB, DB, KILLED, GONE))
    assert use.rows[web].pod == NAMES[WEB][-1]
    assert (use.requests[CPU, web], use.requests[CPU, db]) == (0.5, 2.0), "what the owner wrote, before anyone sized it"
    cron = row_of(use, WORKLOADS[CRON])
    assert use.requests[:, cron].tolist() == [0.25, 3 * 2.0**30], "of what comes and goes by the clock"
    assert use.rows[cron].right_size == "off"
    assert use.running.sum() == 6
    assert use.kills_count[killed].tolist() == [0.0, 2.0]
    assert np.isnan(use.killed_at_bytes[killed, 0])
    assert use.killed_at_bytes[killed, 1] == 2.0**30
    np.testing.assert_allclose(use.throttled_ratio[killed], 0.25, rtol=0.02)
    assert np.isnan(use.throttled_ratio[web]).all()
    names = [node.name for node in use.nodes]
    assert [names[number] for number in use.node_by_day[gone]] == ["node-b"] * 2
    assert [names[number] for number in use.node_by_day[web, 1:]] == ["node-a"]

    again = open_capture(tmp_path / "past")
    np.testing.assert_array_equal(again.use, use.use)
    assert repr(again.rows) == repr(use.rows)


def test_a_prometheus_that_dies_and_returns_costs_nothing_but_time(
    replayed: Replayed, prometheus: Any, api: KubernetesApi, tmp_path: Path
) -> None:
    access = PrometheusAccess(prometheus.url, patience_seconds=0.3)
    folder = tmp_path / "past"

    def killed_after_the_first(done: int, total: int, text: str) -> None:
        if done == 1:
            prometheus.stop()

    try:
        with pytest.raises(DependencyUnavailable, match="goes on where this one stopped"):
            capture_cluster(folder, asked(replayed, prometheus.url), access, api, killed_after_the_first)
    finally:
        prometheus.start()
    with pytest.raises(ArtifactRefused, match="no whole capture"):
        open_capture(folder)
    (folder / ".day-001.npz-half").write_bytes(b"half a day")  # what a killed process leaves

    again: list[str] = []
    use = capture_cluster(folder, asked(replayed, prometheus.url), access, api, lambda done, total, text: again.append(text))
    assert again[0] == "kept"
    assert_is_the_trace(use, replayed)


def test_a_command_that_was_killed_goes_on_when_it_is_run_again(
    replayed: Replayed, prometheus: Any, kubeconfig: str, tmp_path: Path, until: Callable[..., object]
) -> None:
    end = datetime.fromtimestamp(replayed.trace.start_seconds + DAYS * DAY, UTC).isoformat()
    asked = [
        "--prometheus",
        prometheus.url,
        "--kubeconfig",
        kubeconfig,
        "--days",
        str(DAYS),
        "--until",
        end,
        "--work",
        str(tmp_path),
    ]
    command = [sys.executable, "-m", "hydatis_cli.main", "recommend", *asked, "--min-history", "1", "--output", "json"]
    capture = tmp_path / "capture"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        until(lambda: (capture / "day-000.npz").exists() or (capture / "use.npy").exists(), "a day is there")
        running.kill()
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    found = {one["workload"]: one for one in json.loads(told.stdout)["recommendations"]}
    assert found.keys() >= {WORKLOADS[row] for row in (WEB, DB, RESET, TWICE, HIDDEN, KILLED, CRON)}
    assert found["CronJob/report"]["untouched"] == "forbidden"
    assert_is_the_trace(open_capture(capture), replayed)


def test_a_short_absence_is_waited_for(replayed: Replayed, prometheus: Any, api: KubernetesApi, tmp_path: Path) -> None:
    prometheus.stop()
    returns = threading.Timer(1.0, prometheus.start)
    returns.start()
    try:
        use = capture_cluster(tmp_path / "past", asked(replayed, prometheus.url), PrometheusAccess(prometheus.url), api)
    finally:
        returns.join()
    assert_is_the_trace(use, replayed)


def test_another_question_is_refused(replayed: Replayed, prometheus: Any, api: KubernetesApi, tmp_path: Path) -> None:
    access, first = PrometheusAccess(prometheus.url), asked(replayed, prometheus.url)
    capture_cluster(tmp_path / "past", first, access, api)
    for url, days, step, said in (
        (prometheus.url, 1, 300, "days 2 and not 1"),
        (prometheus.url, DAYS, 600, "step_seconds 300.0 and not 600.0"),
        ("http://other:9090", DAYS, 300, "prometheus"),
    ):
        other = question(url, first.end_seconds, days, step_seconds=step)
        with pytest.raises(InvalidValue, match=said):
            capture_cluster(tmp_path / "past", other, access, api)


def test_a_capture_that_was_changed_is_refused(replayed: Replayed, prometheus: Any, api: KubernetesApi, tmp_path: Path) -> None:
    folder = tmp_path / "past"
    capture_cluster(folder, asked(replayed, prometheus.url), PrometheusAccess(prometheus.url), api)
    cluster = json.loads((folder / "cluster.json").read_text())
    cluster["rows"][0]["running"] = True
    (folder / "cluster.json").write_text(json.dumps(cluster))
    with pytest.raises(ArtifactRefused, match=r"cluster\.json is gone or was changed"):
        open_capture(folder)


def test_what_cannot_be_asked_is_one_sentence(replayed: Replayed, prometheus: Any, api: KubernetesApi, tmp_path: Path) -> None:
    def captured(url: str, folder: str, **access: Any) -> None:
        capture_cluster(tmp_path / folder, asked(replayed, url), PrometheusAccess(url, patience_seconds=0.0, **access), api)

    with pytest.raises(DependencyUnavailable, match="unreachable"):
        captured("http://127.0.0.1:9", "nobody")
    with pytest.raises(InvalidValue, match=r"--prometheus-token-file: .*cannot be read"):
        captured(prometheus.url, "no token", token_file=str(tmp_path / "none"))
    with pytest.raises(InvalidValue, match="its base URL"):
        captured(prometheus.url + "/graph/of/somebody", "elsewhere")
    wrong = question(prometheus.url, replayed.trace.start_seconds, 1, matchers="cluster=")
    with pytest.raises(InvalidValue, match="refused"):
        capture_cluster(tmp_path / "matchers", wrong, PrometheusAccess(prometheus.url), api)
    before = question(prometheus.url, replayed.trace.start_seconds - 30 * DAY, 1)
    with pytest.raises(InvalidValue, match=r"knows no container's use in 1 days .*cAdvisor"):
        capture_cluster(tmp_path / "before", before, PrometheusAccess(prometheus.url), api)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("hello")
    with pytest.raises(ArtifactRefused, match="holds something else"):
        captured(prometheus.url, "letters")


def test_a_store_of_several_clusters_is_not_taken_for_one(
    past_prometheus: Callable[..., Any], api: KubernetesApi, tmp_path: Path
) -> None:
    def samples() -> Iterator[tuple[str, float, float]]:
        for cluster, level in (("east", 1.0), ("west", 2.0)):
            labels = f'namespace="shop",pod="db-0",container="app",cluster="{cluster}"'
            for at in range(1_795_392_000 - DAY - 600, 1_795_392_000, 240):
                yield f"container_cpu_usage_seconds_total{{{labels}}}", at, level * (at - 1_795_000_000)
                yield f"container_memory_working_set_bytes{{{labels}}}", at, level

    prometheus = past_prometheus(samples())
    access = PrometheusAccess(prometheus.url)
    with pytest.raises(InvalidValue, match=r"knows 2 clusters: east, west .*--match 'cluster=\"east\"'"):
        capture_cluster(tmp_path / "both", question(prometheus.url, 1_795_392_000, 1), access, api)
    one = question(prometheus.url, 1_795_392_000, 1, matchers='cluster="west"')
    use = capture_cluster(tmp_path / "west", one, access, api)
    row = row_of(use, "StatefulSet/db")
    assert np.nanmax(use.use[MEMORY, row]) == 2.0
    np.testing.assert_allclose(use.use[CPU, row, 2:-2], 2.0, rtol=1e-3)


def test_pods_of_one_container_are_known_where_containers_have_no_names(
    past_prometheus: Callable[..., Any], api: KubernetesApi, tmp_path: Path
) -> None:
    def samples() -> Iterator[tuple[str, float, float]]:
        for pod, level in (("db-0", 1.0), ("web-5d4c8f7b96-q9wzt", 2.0), ("report-29384756-k7jbq", 3.0)):
            for at in range(1_795_392_000 - DAY - 600, 1_795_392_000, 60):
                labels = f'namespace="shop",pod="{pod}"'
                yield f"container_cpu_usage_seconds_total{{{labels}}}", at, level * (at - 1_795_000_000)
                yield f"container_memory_working_set_bytes{{{labels}}}", at, level

    prometheus = past_prometheus(samples())
    asked_of = question(prometheus.url, 1_795_392_000, 1)
    use = capture_cluster(tmp_path / "past", asked_of, PrometheusAccess(prometheus.url), api)
    for workload, level in (("StatefulSet/db", 1.0), ("Deployment/web", 2.0), ("CronJob/report", 3.0)):
        row = row_of(use, workload)
        assert use.rows[row].name.container == "app"
        np.testing.assert_allclose(use.use[:, row, 2:-2], level, rtol=1e-3)


def test_days_before_prometheus_remembers_are_left_out(
    replayed: Replayed, prometheus: Any, api: KubernetesApi, tmp_path: Path
) -> None:
    longer = question(prometheus.url, replayed.trace.start_seconds + DAYS * DAY, DAYS + 3)
    use = capture_cluster(tmp_path / "past", longer, PrometheusAccess(prometheus.url), api)
    assert use.days_count == DAYS
    assert any("nothing of the first 3 of 5 days" in note for note in use.notes)
    assert_is_the_trace(use, replayed)
