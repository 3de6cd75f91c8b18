"""What the chart says of a service (variables, ports, addresses, probes, images, folders) is what that service's own code says."""

from __future__ import annotations

import importlib
import re
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.rendered import FULL, ROOT, TLS, Rendered, render
from chart.settings_schema import settings_class
from control_plane.api import JsonObject
from hydatis_cli.stack import MODELS
from hydatis_serving.settings import ServiceSettings

PORT_FIELDS = {"grpc": "grpc_port", "metrics": "metrics_port", "http": "http_port"}
KNATIVE = {"models__serving": "kserve", "models__kserve__mode": "Knative"}


@pytest.fixture(scope="module", params=["default", "full"])
def made(request: pytest.FixtureRequest) -> Rendered:
    return render(*([FULL] if request.param == "full" else []))


def containers(made: Rendered) -> dict[str, JsonObject]:
    """Our containers by the name of their workload, plain and KServe's."""
    found = {name: template["spec"]["containers"][0] for name, template in made.pod_templates()}
    ours = {name: container for name, container in found.items() if "hydatis-" in container["image"]}
    runtimes = made.of("ServingRuntime")
    for name, service in made.of("InferenceService").items():
        model = service["spec"]["predictor"]["model"]
        ours[name] = runtimes[model["runtime"]]["spec"]["containers"][0] | {"env": model["env"]}
    return ours


def room(container: JsonObject) -> str:
    return str(re.search(r"hydatis-([a-z-]+):", container["image"])[1])  # type: ignore[index]


def environment(container: JsonObject) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "redis://warm:6379/0") for entry in container["env"]}


def settings(container: JsonObject) -> ServiceSettings:
    """The settings that the container's process would read."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(container).items():
            patch.setenv(name, value)
        return settings_class(room(container))()


def test_every_room_runs(made: Rendered) -> None:
    rooms = {path.parent.name for path in (ROOT / "services").glob("*/pyproject.toml")}
    if not made.of("MutatingWebhookConfiguration"):
        rooms -= {"right-sizer"}  # off by default
    assert {room(container) for container in containers(made).values()} == rooms
    assert {name for name in containers(made) if name.startswith("model-")} == {f"model-{model}" for model in MODELS}


def test_every_variable_is_a_setting_and_its_value_is_taken(made: Rendered) -> None:
    for name, container in containers(made).items():
        cls = settings_class(room(container))
        prefix = str(cls.model_config["env_prefix"])
        unknown = [key for key in environment(container) if key.removeprefix(prefix).lower() not in cls.model_fields]
        assert unknown == [], name
        assert settings(container) is not None


def test_the_values_of_the_user_arrive() -> None:
    full = containers(render(FULL))
    plugin: Any = settings(full["scheduler-plugin"])
    assert (plugin.decision_budget_ms, plugin.live) == (80, True)
    features: Any = settings(full["feature-service"])
    assert dict(plugin.gpu_resources) == dict(features.gpu_resources) == {"example.org/gpu": "devices"}
    assert str(features.prometheus_token_file) == "/etc/prometheus-access/token"
    assert settings(full["forecaster"]).model_dump()["shard_count"] == 20
    assert features.metric_window_seconds == 600


def test_a_container_has_the_ports_that_its_process_listens_on(made: Rendered) -> None:
    for name, container in containers(made).items():
        own = settings(container)
        listened = {which: getattr(own, field, 0) for which, field in PORT_FIELDS.items()}
        said = {"grpc" if port["name"] == "h2c" else port["name"]: port["containerPort"] for port in container["ports"]}
        assert said.items() <= listened.items(), name
        if name.startswith("model-") and made.of("InferenceService"):
            continue  # a ServingRuntime names what KServe must know
        assert said == {which: port for which, port in listened.items() if port}


def test_a_probe_asks_what_its_process_answers(made: Rendered) -> None:
    for name, container in containers(made).items():
        own: Any = settings(container)
        for kind in ("livenessProbe", "readinessProbe"):
            probe = container[kind]
            if "grpc" in probe:  # every gRPC server of ours has the health service
                assert probe["grpc"]["port"] == own.grpc_port
                continue
            assert probe["httpGet"]["port"] == (own.metrics_port or own.http_port), name
            assert probe["httpGet"]["path"] == ("/healthz" if kind == "livenessProbe" else "/readyz")


def test_a_process_has_time_to_end(made: Rendered) -> None:
    for name, template in made.pod_templates():
        container = template["spec"]["containers"][0]
        if "hydatis-" in container["image"]:
            drain = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert template["spec"]["terminationGracePeriodSeconds"] > drain + settings(container).stop_grace_seconds, name


def dialled(made: Rendered) -> dict[str, set[str]]:
    """Which workloads each one dials, by its settings."""
    found: dict[str, set[str]] = {}
    for name, container in containers(made).items():
        own = settings(container)
        addresses = [getattr(own, field) for field in type(own).model_fields if field.endswith("_address")]
        found[name] = {re.sub(r"(-variants|-predictor\..*)?:\d+$", "", address) for address in addresses}
        assert not any("127.0.0.1" in address for address in addresses), f"{name} is left at a loopback default"
    return found


def test_every_address_is_a_service_that_listens_there(made: Rendered) -> None:
    services = made.of("Service")
    for name, container in containers(made).items():
        own = settings(container)
        for field in type(own).model_fields:
            if field.endswith("_address"):
                host, _, port = getattr(own, field).rpartition(":")
                assert int(port) in {entry["port"] for entry in services[host]["spec"]["ports"]}, f"{name} {field}"


def test_a_model_is_dialled_by_the_setting_of_its_name() -> None:
    for values in ({}, {"models__serving": "kserve"}, KNATIVE):
        made = render(**values)
        for name, wanted in (("forecaster", ("cpu", "memory")), ("anomaly-detector", ("",)), ("placement-policy", ("",))):
            own = settings(containers(made)[name])
            for which in wanted:
                model = f"{which}-forecaster" if which else name
                address = getattr(own, f"{which}_model_address" if which else "model_address")
                assert address.startswith(f"model-{model}")
                served: Any = settings(containers(made)[f"model-{model}"])
                assert served.model_name == model


def test_a_network_policy_lets_in_exactly_who_dials(made: Rendered) -> None:
    policies = made.of("NetworkPolicy")
    wanted = {(caller, callee) for caller, callees in dialled(made).items() for callee in callees}
    if made.of("Deployment").get("hydatis-scheduler"):
        wanted.add(("hydatis-scheduler", "scheduler-plugin"))
    allowed_in, allowed_out = set(), set()
    for name, policy in policies.items():
        for direction, pairs in (("ingress", allowed_in), ("egress", allowed_out)):
            for rule in policy["spec"].get(direction, []):
                for peer in rule.get("from" if direction == "ingress" else "to", []):
                    other = peer.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/name")
                    if other is not None:
                        pairs.add((other, name) if direction == "ingress" else (name, other))
    assert allowed_out == wanted
    assert allowed_in - {("hydatis-scheduler", "scheduler-plugin")} == wanted - {("hydatis-scheduler", "scheduler-plugin")}


def test_a_network_policy_selects_the_pods_that_it_is_named_after(made: Rendered) -> None:
    labels = {name: template["metadata"]["labels"] for name, template in made.pod_templates()}
    labels |= {name: service["spec"]["predictor"]["labels"] for name, service in made.of("InferenceService").items()}
    for name, policy in made.of("NetworkPolicy").items():
        selector = policy["spec"]["podSelector"].get("matchLabels", {})
        if name in labels:
            assert selector.items() <= labels[name].items(), name
            assert selector
    assert made.one("NetworkPolicy", "default-deny")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_istio_lets_in_exactly_who_dials() -> None:
    made = render(FULL)
    accounts = {name: template["spec"]["serviceAccountName"] for name, template in made.pod_templates()}
    wanted: dict[str, set[str]] = {}
    for caller, callees in dialled(made).items():
        for callee in callees:
            wanted.setdefault(callee, set()).add(f"cluster.local/ns/hydatis-system/sa/{accounts[caller]}")
    for name, policy in made.of("AuthorizationPolicy").items():
        sources = {
            principal
            for rule in policy["spec"]["rules"]
            for source in rule.get("from", [])
            for principal in source["source"]["principals"]
        }
        assert sources == wanted.get(name, set()), name
    assert made.one("PeerAuthentication", "hydatis")["spec"]["mtls"]["mode"] == "STRICT"


def test_every_folder_that_is_named_is_mounted(made: Rendered) -> None:
    for name, template in made.pod_templates():
        container = template["spec"]["containers"][0]
        if "hydatis-" not in container["image"]:
            continue
        mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
        own: Any = settings(container)
        fields = type(own).model_fields
        if "models_dir" in fields:
            assert mounts[str(own.models_dir)] is True, name
        if getattr(own, "trusted_keys", ""):
            assert mounts[own.trusted_keys] is True, name
        if "policy_file" in fields:
            assert mounts[str(Path(own.policy_file).parent)] is True
        if "decisions_dir" in fields:
            assert mounts[own.decisions_dir] is False
        if own.model_dump().get("warm_store", "").startswith("sqlite:"):
            assert mounts[str(Path(urllib.parse.urlsplit(own.warm_store).path[1:]).parent)] is False


def test_who_loads_models_is_told_the_trusted_keys_and_nobody_else_is() -> None:
    def told(made: Rendered) -> dict[str, str]:
        own = {name: settings(container) for name, container in containers(made).items()}
        return {name: getattr(one, "trusted_keys") for name, one in own.items() if hasattr(one, "trusted_keys")}  # noqa: B009  # of two

    assert set(told(render()).values()) == {""}
    for values in ({}, {"models__serving": "kserve"}, KNATIVE):
        keys = told(render(models__trustedKeys={"configMap": "model-keys"}, **values))
        assert set(keys.values()) == {"/etc/hydatis-trusted-keys"}
        assert {name for name in keys if not name.startswith("model-")} == {"placement-policy"}
        assert len(keys) == 5
    canary = render(TLS).one("InferenceService", "model-placement-policy")["spec"]["canary"][0]["predictor"]
    assert [mount["name"] for mount in canary["model"]["volumeMounts"]] == ["tls", "trusted-keys"]
    assert canary["volumes"][-1] == {"name": "trusted-keys", "secret": {"secretName": "model-keys", "defaultMode": 0o444}}


def test_the_policy_file_is_a_policy(made: Rendered) -> None:
    module = importlib.import_module("hydatis_serving.policy_file")
    text = made.one("ConfigMap", "hydatis-policy")["data"]["policy.yaml"]
    policy = module.parse_policy(text.encode())
    assert policy.mode in ("shadow", "on")
    plugin: Any = settings(containers(made)["scheduler-plugin"])
    assert plugin.policy_config_map == "hydatis-system/hydatis-policy"
    (rule,) = made.one("Role", "scheduler-plugin")["rules"]
    assert (rule["resourceNames"], rule["verbs"]) == (["hydatis-policy"], ["watch"])
    mounted = next(template for name, template in made.pod_templates() if name == "scheduler-plugin")
    assert any(volume.get("configMap", {}).get("name") == "hydatis-policy" for volume in mounted["spec"]["volumes"])


def test_the_first_week_is_in_shadow() -> None:
    assert "mode: shadow" in render().one("ConfigMap", "hydatis-policy")["data"]["policy.yaml"]


def test_both_schedulers_are_told_the_extender_that_the_control_planes_is() -> None:
    shipped = yaml.safe_load((ROOT / "deploy" / "scheduler" / "kube-scheduler-config.yaml").read_text())
    (wanted,) = shipped["extenders"]
    for made in (render(), render(FULL)):
        config = yaml.safe_load(made.one("ConfigMap", "hydatis-scheduler-config")["data"]["config.yaml"])
        (extender,) = config["extenders"]
        assert extender | {"urlPrefix": ""} == wanted | {"urlPrefix": ""}
        url = urllib.parse.urlsplit(extender["urlPrefix"])
        plugin: Any = settings(containers(made)["scheduler-plugin"])
        service = made.one("Service", "scheduler-plugin")
        assert url.port == plugin.http_port
        assert url.hostname in ("scheduler-plugin.hydatis-system.svc", service["spec"].get("clusterIP"))
        assert config["apiVersion"] == shipped["apiVersion"]
        # what is scored by one replica is prioritized by the same
        assert service["spec"]["sessionAffinity"] == "ClientIP"


def test_the_second_scheduler_is_the_one_of_deploy_scheduler() -> None:
    shipped = yaml.safe_load((ROOT / "deploy" / "scheduler" / "second-scheduler-config.yaml").read_text())
    config = yaml.safe_load(render().one("ConfigMap", "hydatis-scheduler-config")["data"]["config.yaml"])
    assert [profile["schedulerName"] for profile in config["profiles"]] == ["hydatis-scheduler"]
    for field in ("resourceNamespace", "resourceName", "leaderElect"):
        assert config["leaderElection"][field] == shipped["leaderElection"][field]


def test_the_recording_rules_are_those_of_deploy_monitoring() -> None:
    shipped = yaml.safe_load((ROOT / "deploy" / "monitoring" / "recording-rules.yaml").read_text())
    assert render(FULL).one("PrometheusRule", "hydatis")["spec"] == shipped, "copy the file to deploy/helm/hydatis/files"


def test_images_are_those_that_are_built() -> None:
    built = set(
        re.findall(r"^FROM installed AS (\S+)$", (ROOT / "deploy" / "images" / "Dockerfile").read_text(), flags=re.MULTILINE)
    )
    assert {room(container) for container in containers(render(FULL)).values()} == built


def test_the_webhook_is_asked_where_it_listens_and_is_in_nobodys_way() -> None:
    made = render(FULL)
    own: Any = settings(containers(made)["right-sizer"])
    (webhook,) = made.one("MutatingWebhookConfiguration", own.webhook_configuration)["webhooks"]
    assert webhook["clientConfig"]["service"] == {
        "name": own.webhook_service,
        "namespace": own.namespace,
        "path": importlib.import_module("hydatis_right_sizer.webhook_door").PATH,
        "port": own.http_port,
    }
    assert (webhook["failurePolicy"], webhook["timeoutSeconds"], webhook["sideEffects"]) == ("Ignore", 1, "NoneOnDryRun")
    asked, never = webhook["namespaceSelector"]["matchExpressions"]
    assert (asked["key"], asked["operator"]) == (importlib.import_module("hydatis_right_sizer.cluster_state").RIGHT_SIZE, "In")
    assert never["values"] == ["kube-system", own.namespace]
    policy = importlib.import_module("hydatis_right_sizer.policy").parse_policy
    text = made.one("ConfigMap", own.policy_config_map)["data"]["policy.yaml"]
    assert policy(text.encode()).mode == "apply"
    assert made.one("Secret", own.webhook_secret).get("data") is None


def test_what_is_switched_off_in_the_values_the_right_sizer_may_not_do() -> None:
    def may(made: Rendered) -> set[tuple[str, str]]:
        rules = made.one("ClusterRole", "hydatis-system-right-sizer")["rules"]
        return {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}

    everything, little = may(render(FULL)), may(render(rightSizer__enabled=True))
    assert everything - little == {("pods", "patch"), ("pods/resize", "patch"), ("nodes", "get"), ("nodes", "patch")}
    assert {resource for resource, verb in little if verb not in ("list", "watch", "get")} == {
        "sizerecommendations/status",
        "nodes/status",
        "events",
        "mutatingwebhookconfigurations",
    }
