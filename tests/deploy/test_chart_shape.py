"""What every workload of the chart has, whatever the values: limits, replicas, places, an orderly end, and no privileges."""

from __future__ import annotations

import pytest
from chart.rendered import FULL, Rendered, render
from control_plane.api import JsonObject
from hydatis_serving.policy_file import parse_policy


@pytest.fixture(scope="module", params=["default", "full"])
def made(request: pytest.FixtureRequest) -> Rendered:
    return render(*([FULL] if request.param == "full" else []))


def ours(made: Rendered) -> list[tuple[str, JsonObject]]:
    """Workloads of the release's namespace; Filebeat has its own."""
    return [(name, template) for name, template in made.pod_templates() if name != "hydatis-filebeat"]


def container_variable(template: JsonObject, name: str) -> str | None:
    """Value of the variable whose name ends so, of the first container."""
    (value,) = [v.get("value") for v in template["spec"]["containers"][0].get("env", []) if v["name"].endswith(name)] or [None]
    return value


def test_no_pod_is_told_of_services_by_variables(made: Rendered) -> None:
    # HYDATIS_FEATURE_SERVICE_PORT and the like would be read as settings
    assert all(template["spec"]["enableServiceLinks"] is False for _, template in made.pod_templates())


def test_only_who_asks_the_api_server_holds_a_token(made: Rendered) -> None:
    holders = {name for name, template in made.pod_templates() if template["spec"]["automountServiceAccountToken"]}
    assert holders <= {"feature-service", "scheduler-plugin", "right-sizer", "hydatis-scheduler"}
    assert all(account["automountServiceAccountToken"] is False for account in made.of("ServiceAccount").values())


def test_every_container_is_confined_and_writes_nowhere_but_to_its_volumes(made: Rendered) -> None:
    # of these the API server's PodSecurity "restricted" asks for all but the read-only root (test_chart_on_api_server.py)
    for name, template in ours(made):
        spec = template["spec"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True, name
            assert (context["allowPrivilegeEscalation"], context["capabilities"]) == (False, {"drop": ["ALL"]}), name
            assert context["runAsNonRoot"] is True, name


def test_who_has_admin_calls_asks_kubernetes_who_makes_them(made: Rendered) -> None:
    asked = {name: container_variable(template, "ADMIN_ACCESS") for name, template in ours(made)}
    assert {name for name, value in asked.items() if value == "kubernetes"} == {"feature-service", "scheduler-plugin"}
    # the others have no admin calls, and take none from beyond loopback
    assert set(asked.values()) == {"kubernetes", None}


def test_a_replay_source_in_a_cluster_may_ask_as_well() -> None:
    def askers(made: Rendered) -> set[str]:
        bindings = made.of("ClusterRoleBinding").values()
        return {binding["subjects"][0]["name"] for binding in bindings if binding["roleRef"]["name"] == "system:auth-delegator"} - {
            "hydatis-scheduler"
        }

    assert askers(render()) == {"scheduler-plugin"}
    assert askers(render(featureService__settings__cluster_source="replay")) == {"scheduler-plugin", "feature-service"}


def test_every_container_asks_for_memory_and_cpu_and_has_a_limit_of_memory(made: Rendered) -> None:
    for name, template in made.pod_templates():
        for container in template["spec"]["containers"]:
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name


def test_stateless_services_have_two_replicas_and_may_lose_one_at_a_time(made: Rendered) -> None:
    budgets = made.of("PodDisruptionBudget")
    for kind in ("Deployment", "StatefulSet"):
        for name, workload in made.of(kind).items():
            assert budgets[name]["spec"]["maxUnavailable"] == 1
            least = made.of("HorizontalPodAutoscaler").get(name, {}).get("spec", {}).get("minReplicas")
            replicas = workload["spec"].get("replicas", least)
            assert replicas == 1 if name == "feature-service" else replicas >= 2, name
            # replicas and an autoscaler would pull at each other
            assert ("replicas" in workload["spec"]) != (least is not None), name


def test_the_one_service_of_one_replica_never_runs_twice(made: Rendered) -> None:
    assert made.one("Deployment", "feature-service")["spec"]["strategy"] == {"type": "Recreate"}


def test_replicas_avoid_each_others_nodes(made: Rendered) -> None:
    for name, template in ours(made):
        terms = template["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        for term in terms:
            selected = term["podAffinityTerm"]["labelSelector"]["matchLabels"]
            assert selected.items() <= template["metadata"]["labels"].items(), name
        assert {term["podAffinityTerm"]["topologyKey"] for term in terms} == {
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
        }


def test_nobody_of_ours_waits_for_our_own_scheduler(made: Rendered) -> None:
    assert not any("schedulerName" in template["spec"] for _, template in made.pod_templates())
    policy = parse_policy(render(namespace="elsewhere").one("ConfigMap", "hydatis-policy")["data"]["policy.yaml"].encode())
    assert policy.namespaces.exclude == ("kube-system", "elsewhere")


def test_models_run_two_to_ten_times() -> None:
    for values in ({}, {"models__serving": "kserve"}, {"models__serving": "kserve", "models__kserve__mode": "Knative"}):
        made = render(**values)
        scaled = made.of("InferenceService") or {
            name: scaler for name, scaler in made.of("HorizontalPodAutoscaler").items() if name.startswith("model-")
        }
        assert len(scaled) == 4
        for scaler in scaled.values():
            spec = scaler["spec"].get("predictor", scaler["spec"])
            assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)


def test_knative_is_given_one_port_of_http2_without_tls() -> None:
    for mode, names in (("Knative", ["h2c"]), ("Standard", ["h2c", "metrics"])):
        made = render(models__serving="kserve", models__kserve__mode=mode)
        (container,) = made.one("ServingRuntime", "hydatis-model-server")["spec"]["containers"]
        assert [port["name"] for port in container["ports"]] == names
        for service in made.of("InferenceService").values():
            assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == mode


def test_a_knative_canary_is_a_share_of_calls_and_another_folder() -> None:
    kserve = {"mode": "Knative", "canaryTrafficPercent": {"cpu-forecaster": 10}, "storageUris": {"cpu-forecaster": "s3://a/b"}}
    made = render(models__serving="kserve", **{f"models__kserve__{name}": value for name, value in kserve.items()})
    predictor = made.one("InferenceService", "model-cpu-forecaster")["spec"]["predictor"]
    assert (predictor["canaryTrafficPercent"], predictor["model"]["storageUri"]) == (10, "s3://a/b")
    other = made.one("InferenceService", "model-memory-forecaster")["spec"]["predictor"]
    assert "canaryTrafficPercent" not in other
    assert other["model"]["storageUri"] == "pvc://hydatis-models"


def test_stable_and_canaries_with_a_share_are_behind_one_service() -> None:
    made = render(FULL)
    selector = made.one("Service", "model-placement-policy-variants")["spec"]["selector"]
    isvc = made.one("InferenceService", "model-placement-policy")
    release, experiment = (canary["predictor"] for canary in isvc["spec"]["canary"])
    # KServe gives a canary the labels of the stable predictor, and then its own
    stable = isvc["spec"]["predictor"]["labels"]
    assert selector.items() <= stable.items()
    assert selector.items() <= (stable | release.get("labels", {})).items()
    assert not selector.items() <= (stable | experiment["labels"]).items()
    assert len({predictor["model"]["storageUri"] for predictor in (isvc["spec"]["predictor"], release, experiment)}) == 3


@pytest.mark.parametrize("kind", ["claim", "local-folder"])
def test_models_come_from_a_claim_that_nobody_writes_to(kind: str) -> None:
    made = render(models__storage__kind=kind)
    claim = {"claim": "hydatis-models", "local-folder": "hydatis-models-folder"}[kind]
    for name, template in made.pod_templates():
        if name.startswith("model-") or name == "placement-policy":
            (volume,) = [volume for volume in template["spec"]["volumes"] if volume["name"] == "models"]
            assert volume["persistentVolumeClaim"] == {"claimName": claim, "readOnly": True}
    if kind == "local-folder":
        assert made.one("PersistentVolumeClaim", claim)["spec"]["volumeName"] in made.of("PersistentVolume")


def test_secrets_may_be_the_users_own() -> None:
    assert set(render(FULL).of("Secret")) == {"hydatis-right-sizer-webhook"}, "which it fills itself"
    own = render(
        featureService__warmStore__kind="redis",
        featureService__warmStore__redis__url="redis://:word@redis:6379/0",
        networkPolicy__redis__namespace="databases",
    )
    assert own.one("Secret", "feature-service-redis")["stringData"] == {"url": "redis://:word@redis:6379/0"}
    assert own.text.count("redis://:word@") == 1
