"""From a first look at a cluster to its savings and back, by the commands that docs/savings.md shows; what they said is kept.

The control plane, its controllers, kube-scheduler, helm, kubectl, hydatis and Prometheus are the real ones. Prometheus holds a
replayed trace as the past of the pods that run. No kubelet runs: stand-ins say that pods run and resize them as they are told; one
right-sizer runs here as a process with the account and rights that the chart gives it. ``HYDATIS_SAVINGS_TRANSCRIPT=FILE`` keeps
the transcript.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from chart.transcript import Transcript
from control_plane.api import Api, JsonObject
from control_plane.binaries import Binaries
from control_plane.fleet import Fleet
from control_plane.kubelets import Kubelets
from control_plane.manifests import pod
from control_plane.plane import ControlPlane
from control_plane.right_sizer import RightSizer
from control_plane.scheduler import DEFAULT_NAME, Scheduler, stock
from control_plane.waiting import until
from hydatis_core.quantities import parse_quantity
from hydatis_simulator.traces.registry import read_trace

NAMESPACE, SHOP = "hydatis-system", "shop"
RELEASE = f"hydatis deploy/helm/hydatis --namespace {NAMESPACE}"
WEBHOOK = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{NAMESPACE}-right-sizer"
NODES_COUNT, DAYS, STEP, SCRAPE = 4, 9, 300, 60
#: Workloads of the shop: kind, replicas, CPU, memory of each pod.
WORKLOADS: dict[str, tuple[str, int, str, str]] = {
    "web": ("Deployment", 4, "1", "2Gi"),
    "api": ("Deployment", 3, "2", "4Gi"),
    "queue": ("StatefulSet", 2, "2", "2Gi"),
    "scaled": ("Deployment", 2, "1", "1Gi"),
    "agent": ("DaemonSet", NODES_COUNT, "200m", "256Mi"),
}
REQUESTS = (
    f"kubectl --namespace {SHOP} get pods --selector app={{app}} --output custom-columns="
    "POD:.metadata.name,CPU:.spec.containers[0].resources.requests.cpu,MEMORY:.spec.containers[0].resources.requests.memory,"
    "GAVE_UP:.spec.containers[0].resources.requests.hydatis\\\\.io/reclaimed-cpu"
)


@pytest.fixture
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    running = ControlPlane(tmp_path_factory.mktemp("plane"), Binaries.chosen())
    yield running
    running.stop()


class Shop:
    """Somebody's cluster: four nodes, five workloads, and their past.

    Args:
        plane: the control plane.
        api: of an administrator.
    """

    def __init__(self, plane: ControlPlane, api: Api) -> None:
        self.api = api
        self.fleet = Fleet(api, SHOP)
        self.fleet.add_nodes(NODES_COUNT, cpu="8", memory="32Gi")
        for name, (kind, replicas, cpu, memory) in WORKLOADS.items():
            api.create(f"/apis/apps/v1/namespaces/{SHOP}/{kind.lower()}s", _workload(name, kind, replicas, cpu, memory))
        target = {"type": "Utilization", "averageUtilization": 70}
        scaler = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"},
            "minReplicas": 2,
            "maxReplicas": 4,
            "metrics": [{"type": "Resource", "resource": {"name": name, "target": target}} for name in ("cpu", "memory")],
        }
        api.create(
            f"/apis/autoscaling/v2/namespaces/{SHOP}/horizontalpodautoscalers", {"metadata": {"name": "scaled"}, "spec": scaler}
        )
        self.pods_count = sum(replicas for _, replicas, _, _ in WORKLOADS.values())
        until(lambda: len(self.running()) == self.pods_count, "the shop runs", 60.0)

    def running(self, app: str = "") -> list[JsonObject]:
        """Pods of an application, or of all, that run."""
        return [
            one
            for one in self.fleet.pods().values()
            if one["status"].get("phase") == "Running"
            and "deletionTimestamp" not in one["metadata"]
            and app in ("", one["metadata"]["labels"]["app"])
        ]

    def cpu(self, app: str) -> set[str]:
        """CPU requests of its pods that run."""
        return {_requests(one)["cpu"] for one in self.running(app)}

    def past(self, data: Path) -> Iterator[tuple[str, float, float]]:
        """What Prometheus would remember, had the pods used what machines of a trace used of what they had."""
        trace = read_trace(
            "bitbrains", data, seed=3, pod_count=len(self.running()), start_day=2, days=DAYS, arrival_window_seconds=0.0
        )
        first = int(time.time()) // STEP * STEP - DAYS * 86_400
        for row, one in enumerate(sorted(self.running(), key=lambda found: str(found["metadata"]["name"]))):
            asked, had = _requests(one), trace.pods[row].pod.requests
            labels = f'namespace="{SHOP}",pod="{one["metadata"]["name"]}",container="main",image="shop:1"'
            shares = (trace.cpu_used_cores[row] / had.cpu_cores, trace.memory_used_bytes[row] / had.memory_bytes)
            cpu, memory = (np.clip(np.nan_to_num(share), 0.0, 1.0) for share in shares)
            seconds = 0.0
            for at in range(0, DAYS * 86_400, SCRAPE):
                seconds += float(cpu[at // STEP]) * parse_quantity(asked["cpu"], field="cpu") * SCRAPE
                yield f"container_cpu_usage_seconds_total{{{labels}}}", first + at, seconds
                used = float(memory[at // STEP]) * parse_quantity(asked["memory"], field="memory")
                yield f"container_memory_working_set_bytes{{{labels}}}", first + at, used


def _workload(name: str, kind: str, replicas: int, cpu: str, memory: str) -> JsonObject:
    made = pod(name, scheduler=DEFAULT_NAME, labels={"app": name}, cpu=cpu, memory=memory)
    del made["spec"]["terminationGracePeriodSeconds"]
    spec: dict[str, Any] = {
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": made["spec"]},
    }
    if kind != "DaemonSet":
        spec["replicas"] = replicas
    if kind == "StatefulSet":
        spec |= {"serviceName": name, "podManagementPolicy": "Parallel"}
    return {"metadata": {"name": name}, "spec": spec}


def _requests(one: JsonObject) -> dict[str, str]:
    return dict(one["spec"]["containers"][0]["resources"]["requests"])


def test_from_the_first_look_to_savings_and_back(
    plane: ControlPlane, data_folder: Path, past_prometheus: Callable[..., Any], tmp_path: Path
) -> None:
    walk = Transcript(tmp_path / "bin", plane.binaries.path("kubectl"), plane.kubeconfig("admin"))
    api = Api(plane.kubeconfig("admin"))
    kubelets = Kubelets(plane.kubeconfig("admin"))
    scheduler = Scheduler(
        plane.binaries.path("kube-scheduler"), plane.kubeconfig("kube-scheduler"), stock(), tmp_path / "scheduler"
    )
    sizers: list[RightSizer] = []
    try:
        shop = Shop(plane, api)
        prometheus = past_prometheus(shop.past(data_folder))
        work = tmp_path / "assessment"
        _look(walk, prometheus.url, work)
        _review(walk, work, tmp_path)
        sizer = _right_sizer(walk, plane, api, tmp_path)
        sizers.append(sizer)
        _report(walk, api, shop, sizer)
        _apply(walk, shop)
        _running_pods(walk, shop)
        sizer.stop()
        _everybody_dead(walk, shop)
        _back(walk, shop)
    finally:
        for one in sizers:
            one.stop()
        scheduler.stop()
        kubelets.stop()
        api.close()
        if kept := os.environ.get("HYDATIS_SAVINGS_TRANSCRIPT"):
            Path(kept).write_text(walk.text.replace(str(tmp_path) + "/", ""))


def _look(walk: Transcript, prometheus: str, work: Path) -> None:
    walk.step("Week 1: look")
    said = walk.run(f"hydatis assess --prometheus {prometheus} --days {DAYS} --quick --work {work} --report {work}.html | head -24")
    assert "Nodes needed" in said


def _review(walk: Transcript, work: Path, folder: Path) -> None:
    walk.step("Week 2: review")
    said = walk.run(f"hydatis recommend --from {work}/capture --namespace {SHOP}")
    assert "HorizontalPodAutoscaler" in said
    assert "DaemonSet" in said
    walk.run(f"hydatis recommend --from {work}/capture --namespace {SHOP} --output kustomize --to {folder}/sizes")


def _right_sizer(walk: Transcript, plane: ControlPlane, api: Api, folder: Path) -> RightSizer:
    settings = "--set rightSizer.enabled=true --set rightSizer.policy.resize.enabled=true"
    walk.run(f"helm install {RELEASE} --create-namespace {settings} | head -4")
    walk.note("most_shrink_per_day 100 in place of 2, taken_ratio 1 in place of 0.05, observation_seconds 1 in place of 600:")
    walk.note("what takes days is shown in a minute")
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/hydatis-right-sizer"
    policy = yaml.safe_load(api.get(path)["data"]["policy.yaml"])
    policy |= {"most_shrink_per_day": 100.0, "taken_ratio": 1.0}
    policy["resize"] |= {"observation_seconds": 1.0, "share_ratio": 0.5}
    api.patch(path, {"data": {"policy.yaml": yaml.safe_dump(policy)}})
    account = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/right-sizer/token"
    kubeconfig = plane.kubeconfig_for(folder / "right-sizer.kubeconfig", api.create(account, {"spec": {}})["status"]["token"])
    told = {"webhook_service": "localhost", "webhook_configuration": f"{NAMESPACE}-right-sizer", "certificate_settle_seconds": 1.0}
    sizer = RightSizer(kubeconfig, folder / "right-sizer", NAMESPACE, **told)
    webhooks = api.get(WEBHOOK)["webhooks"]
    api.patch(WEBHOOK, {"webhooks": [webhooks[0] | {"clientConfig": {"url": f"https://localhost:{sizer.port}/mutate"}}]})
    until(lambda: api.get(WEBHOOK)["webhooks"][0]["clientConfig"].get("caBundle"), "the API server is told whom to believe", 30.0)
    return sizer


def _report(walk: Transcript, api: Api, shop: Shop, sizer: RightSizer) -> None:
    walk.run(f"hydatis recommend --from {sizer.folder.parent}/assessment/capture --namespace {SHOP} --apply | tail -3")
    walk.run(f"kubectl --namespace {SHOP} get sizerecommendations")
    walk.run(f"kubectl label namespace {SHOP} hydatis.io/right-size=report")
    before = shop.cpu("api")
    told = f"curl -s {sizer.metrics_url} | grep -h ^hydatis_admissions_total"
    _restart(walk, shop, "api")
    assert shop.cpu("api") == before, "a report changes nothing"
    walk.run(told)


def _apply(walk: Transcript, shop: Shop) -> None:
    walk.step("Week 3: new pods")
    walk.run(
        f"kubectl --namespace {NAMESPACE} get configmap hydatis-right-sizer --output yaml"
        " | sed 's/mode: report/mode: apply/' | kubectl replace --filename -"
    )
    walk.run(f"kubectl label namespace {SHOP} hydatis.io/right-size=apply --overwrite")
    recommendation = f"/apis/hydatis.io/v1alpha1/namespaces/{SHOP}/sizerecommendations/deployment-api"
    until(lambda: shop.api.get(recommendation).get("status", {}).get("inForce"), "advice is in force", 30.0)
    _restart(walk, shop, "api")
    assert "2" not in shop.cpu("api"), "new pods are sized"
    walk.run(REQUESTS.format(app="api"))
    for app in ("scaled", "agent"):
        before = shop.cpu(app)
        walk.run(f"kubectl --namespace {SHOP} rollout restart {WORKLOADS[app][0].lower()}/{app}")
        until(lambda app=app: len(shop.running(app)) == WORKLOADS[app][1], f"{app} runs")
        assert shop.cpu(app) == before, f"{app} is left alone"


def _restart(walk: Transcript, shop: Shop, app: str) -> None:
    walk.run(f"kubectl --namespace {SHOP} rollout restart deployment/{app}")
    hashes = {one["metadata"]["labels"]["pod-template-hash"] for one in shop.running(app)}

    def anew() -> bool:
        running = shop.running(app)
        return len(running) == WORKLOADS[app][1] and {one["metadata"]["labels"]["pod-template-hash"] for one in running}.isdisjoint(
            hashes
        )

    until(anew, f"{app} was rolled out", 60.0)


def _running_pods(walk: Transcript, shop: Shop) -> None:
    walk.step("Week 4: pods that run")
    until(lambda: "2" not in shop.cpu("queue"), "running pods are resized", 90.0)
    walk.run(REQUESTS.format(app="queue"))
    walk.run(
        f"kubectl --namespace {SHOP} get events --output custom-columns=REASON:.reason,WHO:.involvedObject.name,WHY:.message"
        " | grep PodResized | head -4"
    )


def _everybody_dead(walk: Transcript, shop: Shop) -> None:
    walk.step("When every service of ours is dead")
    walk.note("the right-sizer was killed")
    walk.run(f"kubectl --namespace {SHOP} scale deployment/api --replicas 6")
    until(lambda: len(shop.running("api")) == 6, "pods come without us", 60.0)
    walk.run(REQUESTS.format(app="api"))
    for node in shop.fleet.nodes():
        name, allocatable = node["metadata"]["name"], float(node["status"]["allocatable"]["cpu"])
        there = [one for one in shop.running() if one["spec"]["nodeName"] == name]
        original = sum(float(parse_quantity(WORKLOADS[one["metadata"]["labels"]["app"]][2], field="cpu")) for one in there)
        assert original <= 2.0 * allocatable, "the cap holds"
        walk.note(f"{name}: owners asked for {original:g} cores of {allocatable:g}, at most {2 * allocatable:g} by the cap")


def _back(walk: Transcript, shop: Shop) -> None:
    walk.step("The way back")
    walk.run(f"hydatis off --cluster --kube-namespace {NAMESPACE} --restore")
    for app in WORKLOADS:
        assert shop.cpu(app) == {WORKLOADS[app][2]}, f"{app} has what its owner wrote"
    walk.run(REQUESTS.format(app="api"))
