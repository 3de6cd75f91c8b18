"""The real KServe admits the chart's InferenceServices and makes of them what the chart says: pods, scaling, canaries."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from chart.go_modules import module_folder
from chart.kserve_controller import KServeController
from chart.kubectl import RESTRICTED, Kubectl
from chart.rendered import Rendered, render
from control_plane.api import Api, JsonObject
from control_plane.plane import ControlPlane
from control_plane.waiting import until

#: KServe's controller is large: a cold build takes about as long as the control plane's.
pytestmark = pytest.mark.slow
CLAIM, S3, KNATIVE = "hydatis-by-claim", "hydatis-by-s3", "hydatis-by-knative"
#: As KServe's own module pins it.
KNATIVE_SERVING = "knative.dev/serving@v0.48.1"
CANARIES = [
    {"name": "release-2", "trafficPercent": 50, "storageUri": "pvc://hydatis-models/release-2"},
    {"name": "experiment", "trafficPercent": 0, "storageUri": "pvc://hydatis-models/experiment", "minReplicas": 1},
]


@pytest.fixture(scope="module")
def kserve(
    chart_plane: ControlPlane, admin: Api, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KServeController]:
    # of Knative what KServe looks at: its Service's type, and how it scales
    core = module_folder(KNATIVE_SERVING) / "config" / "core"
    knative = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "knative-serving"}}]
    files = ("300-resources/service.yaml", "configmaps/autoscaler.yaml")
    knative += [yaml.safe_load((core / file).read_text()) for file in files]
    done = kubectl("apply", "--server-side", objects=knative)
    assert done.returncode == 0, done.stderr
    until(lambda: admin.status_of("GET", "/apis/serving.knative.dev/v1/services") == 200, "Knative's Service")
    running = KServeController(chart_plane.kubeconfig("admin"), tmp_path_factory.mktemp("kserve"))
    yield running
    running.stop()


Install = Callable[..., Rendered]


@pytest.fixture(scope="module")
def install(kserve: KServeController, admin: Api, kubectl: Kubectl) -> Install:
    """Installs what the chart makes for KServe into a restricted namespace of its own."""

    def into(namespace: str, **values: Any) -> Rendered:
        made = render(namespace=namespace, models__serving="kserve", **values)
        admin.create("/api/v1/namespaces", {"metadata": {"name": namespace, "labels": RESTRICTED}})
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        until(lambda: admin.status_of("GET", account) == 200, "the default service account")
        kinds = ("ServiceAccount", "ClusterStorageContainer", "ServingRuntime", "Service", "InferenceService")
        objects = sorted((made for made in made.objects if made["kind"] in kinds), key=lambda made: kinds.index(made["kind"]))
        done = kubectl("apply", "--server-side", objects=objects)
        assert done.returncode == 0, done.stderr
        return made

    return into


@pytest.fixture(scope="module")
def by_claim(install: Install) -> Rendered:
    return install(CLAIM, models__kserve__canary={"placement-policy": CANARIES})


def pods(admin: Api, namespace: str, selector: str, count: int) -> list[JsonObject]:
    """Pods of a label, as soon as there are so many."""
    found: list[JsonObject] = []

    def there() -> bool:
        found[:] = admin.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)
        return len(found) >= count

    until(there, f"{count} pods of {selector}")
    return found


def test_kserve_makes_two_pods_of_each_model_under_restricted(by_claim: Rendered, admin: Api) -> None:
    for model in ("cpu-forecaster", "memory-forecaster", "anomaly-detector"):
        for pod in pods(admin, CLAIM, f"app.kubernetes.io/name=model-{model}", 2):
            (container,) = pod["spec"]["containers"]
            environment = {entry["name"]: entry.get("value") for entry in container["env"]}
            assert environment["HYDATIS_MODEL_SERVER_MODEL_NAME"] == model
            mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
            assert mounts[environment["HYDATIS_MODEL_SERVER_MODELS_DIR"]]["readOnly"] is True
            assert container["readinessProbe"]["grpc"]["port"] == 8081
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert pod["spec"]["serviceAccountName"] == "model-server"
            assert not [volume for volume in pod["spec"]["volumes"] if "projected" in volume], "it holds a token"
            assert pod["spec"]["enableServiceLinks"] is False


def test_kserve_scales_from_two_to_ten(by_claim: Rendered, admin: Api) -> None:
    path = f"/apis/autoscaling/v2/namespaces/{CLAIM}/horizontalpodautoscalers/model-cpu-forecaster-predictor"
    until(lambda: admin.status_of("GET", path) == 200, "the autoscaler")
    spec = admin.get(path)["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)
    (metric,) = spec["metrics"]
    assert metric["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}


def test_the_chart_and_kserve_make_different_services(by_claim: Rendered, admin: Api) -> None:
    services = f"/api/v1/namespaces/{CLAIM}/services"
    until(lambda: admin.status_of("GET", f"{services}/model-cpu-forecaster-predictor") == 200, "KServe's service")
    for name in by_claim.of("Service"):
        assert not admin.get(f"{services}/{name}")["metadata"].get("ownerReferences"), name
    (port, *_) = admin.get(f"{services}/model-cpu-forecaster-predictor")["spec"]["ports"]
    assert (port["name"], port["targetPort"], port["appProtocol"]) == ("h2c", 8081, "kubernetes.io/h2c")


def test_stable_and_canaries_share_the_service_by_their_replicas(by_claim: Rendered, admin: Api) -> None:
    found = pods(admin, CLAIM, "app.kubernetes.io/name=model-placement-policy", 1 + len(CANARIES))
    selector = by_claim.one("Service", "model-placement-policy-variants")["spec"]["selector"]
    reached: dict[str, int] = {}
    for pod in found:
        deployment = pod["metadata"]["ownerReferences"][0]["name"].rpartition("-")[0]
        if selector.items() <= pod["metadata"]["labels"].items():
            reached[deployment] = reached.get(deployment, 0) + 1
        folders = {mount.get("subPath") for mount in pod["spec"]["containers"][0]["volumeMounts"]}
        assert all((canary["name"] in folders) == (f"-{canary['name']}-" in deployment) for canary in CANARIES)
    # half of the calls, and none for the experiment
    assert reached == {"model-placement-policy-predictor": 1, "model-placement-policy-release-2-predictor": 1}


def test_models_of_s3_are_fetched_by_a_container_that_restricted_takes(install: Install, admin: Api) -> None:
    storage = {"kind": "s3", "s3": {"uri": "s3://models/stable", "existingSecret": "s3-login"}}
    install(S3, models__storage=storage)
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    admin.create(f"/api/v1/namespaces/{S3}/secrets", {"metadata": {"name": "s3-login"}, "stringData": keys})
    for pod in pods(admin, S3, "app.kubernetes.io/name=model-cpu-forecaster", 2):
        (fetching,) = pod["spec"]["initContainers"]
        assert fetching["args"] == ["s3://models/stable", "/mnt/models"]
        assert fetching["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert fetching["image"].startswith("kserve/storage-initializer:v0.20")


def test_knative_is_told_to_send_a_tenth_to_the_canary(install: Install, admin: Api, kubectl: Kubectl) -> None:
    install(KNATIVE, models__kserve__mode="Knative")
    name = "model-cpu-forecaster-predictor"
    service = f"/apis/serving.knative.dev/v1/namespaces/{KNATIVE}/services/{name}"
    isvc = f"/apis/serving.kserve.io/v1beta1/namespaces/{KNATIVE}/inferenceservices/model-cpu-forecaster"
    until(lambda: admin.status_of("GET", service) == 200, "KServe's Knative Service")
    (container,) = admin.get(service)["spec"]["template"]["spec"]["containers"]
    assert [port["name"] for port in container["ports"]] == ["h2c"]
    # Knative itself does not run: this is its word that the first revision is ready and has all calls
    first = f"{name}-00001"
    traffic = [{"revisionName": first, "latestRevision": True, "percent": 100}]
    ready = [{"type": kind, "status": "True"} for kind in ("ConfigurationsReady", "RoutesReady", "Ready")]
    said = {"latestReadyRevisionName": first, "latestCreatedRevisionName": first, "traffic": traffic, "conditions": ready}
    admin.patch(f"{service}/status", {"status": said | {"url": f"http://{name}.example.org"}})

    def rolled_out() -> bool:
        components = admin.get(isvc).get("status", {}).get("components", {})
        return bool(components.get("predictor", {}).get("latestRolledoutRevision") == first)

    until(rolled_out, "KServe takes the first revision for rolled out")
    canary = {"canaryTrafficPercent": {"cpu-forecaster": 10}, "storageUris": {"cpu-forecaster": "pvc://hydatis-models/release-2"}}
    options = {f"models__kserve__{option}": value for option, value in canary.items()}
    made = render(namespace=KNATIVE, models__serving="kserve", models__kserve__mode="Knative", **options)
    assert kubectl("apply", "--server-side", objects=[made.one("InferenceService", "model-cpu-forecaster")]).returncode == 0
    until(lambda: len(admin.get(service)["spec"]["traffic"]) == 2, "two shares")
    spec = admin.get(service)["spec"]
    assert {share.get("revisionName", "newest"): share["percent"] for share in spec["traffic"]} == {"newest": 10, first: 90}
    # what KServe's pod webhook mounts, once Knative makes pods
    assert "pvc://hydatis-models/release-2" in spec["template"]["metadata"]["annotations"].values()


def test_kserve_too_refuses_what_the_chart_refuses(by_claim: Rendered, kubectl: Kubectl) -> None:
    isvc = copy.deepcopy(by_claim.one("InferenceService", "model-placement-policy"))
    isvc["spec"]["canary"][0]["trafficPercent"] = 101
    assert "less than or equal to 100" in kubectl("apply", "--server-side", "--dry-run=server", objects=[isvc]).stderr
    isvc["spec"]["canary"][0]["trafficPercent"] = 50
    isvc["metadata"]["name"] = "another"  # the mode of one that is there cannot change
    isvc["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] = "Knative"
    for standard_only in ("deploymentStrategy", "scaleMetric"):
        del isvc["spec"]["predictor"][standard_only]
    assert "only supported in Standard" in kubectl("apply", "--server-side", "--dry-run=server", objects=[isvc]).stderr


def test_kserve_does_silently_ignore_what_the_chart_refuses(by_claim: Rendered, admin: Api, kubectl: Kubectl) -> None:
    # the reason for the refusal; when KServe learns to speak of it this fails, and the refusal may go
    isvc = copy.deepcopy(by_claim.one("InferenceService", "model-cpu-forecaster"))
    isvc["spec"]["predictor"]["canaryTrafficPercent"] = 10
    assert kubectl("apply", "--server-side", "--dry-run=server", objects=[isvc]).returncode == 0
