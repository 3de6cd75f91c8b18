"""A real API server takes everything that the chart makes: without a warning, under PodSecurity "restricted", with few rights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.kubectl import Kubectl
from chart.rendered import FULL, NAMESPACE, PLAIN, TLS, Rendered, render
from control_plane.api import Api, JsonObject
from control_plane.binaries import Binaries
from control_plane.fleet import Fleet, until
from control_plane.processes import Program, free_port

KNATIVE: dict[str, Any] = {
    "models__serving": "kserve",
    "models__kserve__mode": "Knative",
    "models__kserve__canaryTrafficPercent": {"cpu-forecaster": 10},
    "models__kserve__storageUris": {"cpu-forecaster": "pvc://hydatis-models/release-2"},
}
VARIANTS: dict[str, Callable[[], Rendered]] = {
    "plain manifests": lambda: render(PLAIN),
    "every option": lambda: render(FULL),
    "KServe, Standard, claim": lambda: render(models__serving="kserve"),
    "KServe, Knative, canary": lambda: render(**KNATIVE),
    "local folder": lambda: render(models__storage__kind="local-folder"),
    "TLS by cert-manager, KServe": lambda: render(TLS),
    "TLS by one Secret": lambda: render(tls={"enabled": True, "existingSecret": "hydatis-tls"}),
    "no scheduler": lambda: render(scheduler__mode="none"),
    "right-sizer": lambda: render(rightSizer__enabled=True),
}
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_api_server_takes_everything_without_a_warning(variant: str, admin: Api, kubectl: Kubectl) -> None:
    # strict: a field that a type does not have is an error and not dropped
    objects = list(VARIANTS[variant]().objects)
    done = kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", objects=objects)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count("serverside-applied") == len(objects)


def test_a_field_that_kserve_does_not_have_would_be_seen(admin: Api, kubectl: Kubectl) -> None:
    (isvc, *_) = copy.deepcopy(list(render(models__serving="kserve").of("InferenceService").values()))
    isvc["spec"]["canaries"] = []
    done = kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", objects=[isvc])
    assert "canaries" in done.stderr


def test_a_warning_would_be_seen(admin: Api, kubectl: Kubectl) -> None:
    deployment = copy.deepcopy(render().one("Deployment", "forecaster"))
    deployment["spec"]["template"]["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    done = kubectl("apply", "--server-side", "--dry-run=server", objects=[deployment])
    assert done.returncode != 0
    assert 'would violate PodSecurity "restricted' in done.stderr


@pytest.fixture(scope="module")
def installed(admin: Api, kubectl: Kubectl) -> Rendered:
    """The chart's defaults and the right-sizer, installed."""
    made = render(rightSizer__enabled=True)
    done = kubectl("apply", "--server-side", objects=list(made.objects))
    assert done.returncode == 0, done.stderr
    return made


def test_every_workload_gets_its_pods_under_restricted(installed: Rendered, admin: Api) -> None:
    wanted = {name: made["spec"].get("replicas", 1) for name, made in installed.of("Deployment").items()}

    def counts() -> bool:
        pods = admin.items(PODS)
        return all(sum(_name(pod) == name for pod in pods) >= count for name, count in wanted.items())

    until(counts, f"pods of {wanted}: {[event['message'] for event in admin.items(PODS.replace('pods', 'events'))]}")
    assert all(pod["metadata"]["namespace"] == NAMESPACE for pod in admin.items(PODS))


def test_a_pod_that_asks_for_more_is_refused(installed: Rendered, admin: Api) -> None:
    template = installed.one("Deployment", "forecaster")["spec"]["template"]
    for where, wrong in (
        (("securityContext",), {"runAsNonRoot": False}),
        (("containers", 0, "securityContext"), {"capabilities": {"drop": []}}),
        (("hostNetwork",), True),
    ):
        pod = _pod("asks-for-more", copy.deepcopy(template))
        inside = pod["spec"]
        for step in where[:-1]:
            inside = inside[step]
        inside[where[-1]] = wrong
        assert admin.status_of("POST", f"{PODS}?dryRun=All", pod) == 403, where


@pytest.mark.parametrize("mode", ["Standard", "Knative"])
def test_a_pod_as_kserve_makes_it_passes_restricted(mode: str, admin: Api) -> None:
    s3 = {"models__storage__kind": "s3", "models__storage__s3__uri": "s3://models/stable"}
    made = render(models__serving="kserve", models__kserve__mode=mode, **s3)
    runtime = made.one("ServingRuntime", "hydatis-model-server")["spec"]
    (downloads,) = made.of("ClusterStorageContainer").values()
    for name, isvc in made.of("InferenceService").items():
        predictor = isvc["spec"]["predictor"]
        container = runtime["containers"][0] | {"env": predictor["model"]["env"], "resources": predictor["model"]["resources"]}
        spec = {
            "containers": [container],
            "initContainers": [downloads["spec"]["container"]],
            "volumes": runtime["volumes"],
            "securityContext": predictor.get("securityContext", {}),
            "automountServiceAccountToken": predictor["automountServiceAccountToken"],
        }
        pod = _pod(name, {"metadata": {"labels": predictor["labels"]}, "spec": spec})
        admin.create(PODS, pod, dryRun="All")


NODES, ALL_PODS = "/api/v1/nodes", "/api/v1/pods"
SECRETS, POLICY = "/api/v1/secrets", f"/api/v1/namespaces/{NAMESPACE}/configmaps/hydatis-policy"
CONFIG_MAPS, ONE_SECOND = POLICY.rpartition("/")[0], "watch=true&timeoutSeconds=1"
WATCHED_POLICY = f"{CONFIG_MAPS}?{ONE_SECOND}&fieldSelector=metadata.name=hydatis-policy"
ONE_POD = f"{PODS}/some-pod"
REVIEWS = ("/apis/authentication.k8s.io/v1/tokenreviews", "/apis/authorization.k8s.io/v1/subjectaccessreviews")
NAMESPACED, WEBHOOKS = f"/api/v1/namespaces/{NAMESPACE}", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
ADVICE = f"/apis/hydatis.io/v1alpha1/namespaces/{NAMESPACE}/sizerecommendations"
#: Service account -> (method, path) that it may call; it may call nothing else of what is listed here.
ALLOWED: dict[str, set[tuple[str, str]]] = {
    "feature-service": {("GET", NODES), ("GET", ALL_PODS)},
    "forecaster": set(),
    "anomaly-detector": set(),
    "placement-policy": set(),
    "scheduler-plugin": {("GET", WATCHED_POLICY), *(("POST", review) for review in REVIEWS)},
    "right-sizer": {
        ("GET", NODES),
        ("GET", ALL_PODS),
        ("PATCH", f"{NODES}/some-node/status"),
        ("PATCH", f"{ADVICE}/deployment-web/status"),
        ("GET", f"{WEBHOOKS}/{NAMESPACE}-right-sizer"),
        ("PATCH", f"{WEBHOOKS}/{NAMESPACE}-right-sizer"),
        ("GET", f"{NAMESPACED}/secrets/hydatis-right-sizer-webhook"),
        ("PUT", f"{NAMESPACED}/secrets/hydatis-right-sizer-webhook"),
        ("GET", f"{CONFIG_MAPS}?{ONE_SECOND}&fieldSelector=metadata.name=hydatis-right-sizer"),
        ("POST", LEASES),
        ("GET", f"{LEASES}/hydatis-right-sizer"),
        ("PUT", f"{LEASES}/hydatis-right-sizer"),
        ("POST", "/api/v1/namespaces/default/events"),
    },
    "model-server": set(),
}
CALLS = [
    ("GET", NODES),
    ("GET", ALL_PODS),
    ("GET", ONE_POD),
    ("GET", f"{NODES}/some-node"),
    ("POST", PODS),
    ("POST", f"{ONE_POD}/binding"),
    ("POST", f"{ONE_POD}/eviction"),
    ("DELETE", ONE_POD),
    ("DELETE", f"{NODES}/some-node"),
    ("PATCH", f"{NODES}/some-node"),
    ("GET", SECRETS),
    ("GET", POLICY),
    ("PUT", POLICY),
    ("PATCH", POLICY),
    ("GET", WATCHED_POLICY),
    ("GET", f"{CONFIG_MAPS}?{ONE_SECOND}"),
    ("GET", f"{CONFIG_MAPS}?{ONE_SECOND}&fieldSelector=metadata.name=hydatis-scheduler-config"),
    *(("POST", review) for review in REVIEWS),
    ("PATCH", f"{NODES}/some-node/status"),
    ("PATCH", ONE_POD),
    ("PATCH", f"{ONE_POD}/resize"),
    *((method, f"{ADVICE}/deployment-web{part}") for method in ("PATCH", "PUT", "DELETE") for part in ("", "/status")),
    *((method, f"{WEBHOOKS}/{name}") for method in ("GET", "PATCH", "DELETE") for name in (f"{NAMESPACE}-right-sizer", "another")),
    *((method, f"{NAMESPACED}/secrets/{name}") for method in ("GET", "PUT") for name in ("hydatis-right-sizer-webhook", "another")),
    ("GET", f"{CONFIG_MAPS}?{ONE_SECOND}&fieldSelector=metadata.name=hydatis-right-sizer"),
    ("POST", LEASES),
    *((method, f"{LEASES}/{name}") for method in ("GET", "PUT") for name in ("hydatis-right-sizer", "another")),
    ("POST", "/api/v1/namespaces/default/events"),
    ("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
    ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"),
    ("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/hydatis-scheduler/token"),
]


@pytest.mark.parametrize("account", ALLOWED)
def test_a_service_may_do_what_it_needs_and_nothing_else(
    account: str, installed: Rendered, known_as: Callable[[str], Path]
) -> None:
    client = Api(known_as(account))
    allowed = {call for call in CALLS if client.status_of(*call, {} if call[0] != "GET" else None) != 403}
    client.close()
    assert allowed == ALLOWED[account]


def test_the_node_table_can_be_followed(installed: Rendered, admin: Api, known_as: Callable[[str], Path]) -> None:
    client = Api(known_as("feature-service"))
    for path in (NODES, ALL_PODS):
        begin = client.get(path)["metadata"]["resourceVersion"]
        if path == NODES:
            admin.create(NODES, {"metadata": {"name": "seen"}})
            kind, seen = next(client.watch(path, begin))
            assert (kind, seen["metadata"]["name"]) == ("ADDED", "seen")
            admin.delete(f"{NODES}/seen")
    client.close()


def test_the_second_scheduler_binds_with_the_rights_that_it_is_given(
    installed: Rendered, admin: Api, known_as: Callable[[str], Path], tmp_path: Path
) -> None:
    config = yaml.safe_load(installed.one("ConfigMap", "hydatis-scheduler-config")["data"]["config.yaml"])
    config["clientConnection"]["kubeconfig"] = str(known_as("hydatis-scheduler"))
    config["extenders"][0]["urlPrefix"] = f"http://127.0.0.1:{free_port()}"  # nobody: ignorable
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    port = free_port()
    options = {
        "config": tmp_path / "config.yaml",
        "bind-address": "127.0.0.1",
        "secure-port": port,
        "authentication-kubeconfig": config["clientConnection"]["kubeconfig"],
        "authorization-kubeconfig": config["clientConnection"]["kubeconfig"],
    }
    command = [str(Binaries.chosen().path("kube-scheduler")), *(f"--{name}={value}" for name, value in options.items())]
    log = tmp_path / "scheduler.log"
    running = Program(command, log, f"https://127.0.0.1:{port}/readyz")
    fleet = Fleet(admin, "by-the-chart")
    try:
        (node,) = fleet.add_nodes(1)
        assert fleet.add_pod("first", scheduler="hydatis-scheduler") == node
        lease = admin.get(f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/hydatis-scheduler")
        assert lease["spec"]["holderIdentity"]
    finally:
        fleet.remove()
        running.stop()
    assert [line for line in log.read_text().splitlines() if "forbidden" in line.lower()] == []


def _name(pod: JsonObject) -> str:
    return str(pod["metadata"]["labels"].get("app.kubernetes.io/name"))


def _pod(name: str, template: JsonObject) -> JsonObject:
    spec = template["spec"] | {"serviceAccountName": "default"}
    return {"metadata": {"name": name, "labels": template["metadata"]["labels"]}, "spec": spec}
