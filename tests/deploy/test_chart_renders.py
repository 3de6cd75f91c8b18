"""The chart renders what is checked in, and refuses with a sentence what would silently do nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.rendered import CHART, FULL, NAMESPACE, PLAIN, ROOT, TLS, lint, refusal, render
from chart.settings_schema import policy_definitions, settings_definitions

#: Values -> what helm makes of them, as it is checked in.
GOLDEN = {
    PLAIN: ROOT / "deploy" / "manifests" / "hydatis.yaml",
    FULL: ROOT / "tests" / "deploy" / "golden" / "full.yaml",
    TLS: ROOT / "tests" / "deploy" / "golden" / "tls.yaml",
}


@pytest.mark.parametrize("values", [None, PLAIN, FULL, TLS], ids=["default", "plain", "full", "tls"])
def test_helm_finds_nothing_to_warn_of(values: Path | None) -> None:
    done = lint(*([values] if values else []))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("values", GOLDEN, ids=lambda path: GOLDEN[path].stem)
def test_what_is_checked_in_is_what_helm_renders(values: Path) -> None:
    shown, wanted = values.relative_to(ROOT), GOLDEN[values].relative_to(ROOT)
    again = f"helm template hydatis deploy/helm/hydatis --namespace {NAMESPACE} --kube-version 1.36.2 --values {shown} > {wanted}"
    assert render(values).text == GOLDEN[values].read_text(), f"after a change of the chart: {again}"


def test_no_two_objects_have_the_same_name() -> None:
    for values in GOLDEN:
        names = [(made["kind"], made["metadata"].get("namespace"), made["metadata"]["name"]) for made in render(values).objects]
        assert len(names) == len(set(names))


def test_an_inference_service_is_not_named_as_a_service_of_ours() -> None:
    # KServe makes a Service of the InferenceService's name, and would fight for it
    made = render(FULL)
    assert not set(made.of("InferenceService")) & set(made.of("Service"))


def test_every_setting_that_a_service_knows_may_be_set_and_no_other() -> None:
    defined = json.loads((CHART / "values.schema.json").read_text())["$defs"]
    for name, wanted in (settings_definitions() | policy_definitions()).items():
        assert defined[name] == wanted, "after a change of settings: python tests/deploy/chart/settings_schema.py"


def test_every_field_of_the_policy_file_may_be_set_and_no_other() -> None:
    from hydatis_serving.policy_file import Policy

    known = json.loads((CHART / "values.schema.json").read_text())["properties"]["policy"]["properties"]
    assert set(known) == set(Policy.__struct_fields__)


def test_every_default_is_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    def compare(values: dict[str, Any], of: dict[str, Any], where: str) -> None:
        if of.get("$ref", "").startswith("#/$defs/"):
            of = schema["$defs"][of["$ref"].removeprefix("#/$defs/")]
        if "properties" in of:
            assert set(values) <= set(of["properties"]), where
            for name, value in values.items():
                if isinstance(value, dict):
                    compare(value, of["properties"][name], f"{where}.{name}")

    compare(yaml.safe_load((CHART / "values.yaml").read_text()), schema, "values")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"forecaster__replicas": 0}, "/forecaster/replicas"),
    ({"featureService__replicas": 2}, "/featureService/replicas"),
    ({"forecaster__replica": 3}, "additional properties 'replica' not allowed"),
    ({"forecaster__settings__shard_cuont": 20}, "additional properties 'shard_cuont' not allowed"),
    ({"forecaster__settings__shard_count": 0}, "/forecaster/settings/shard_count"),
    ({"schedulerPlugin__settings__decision_budget_ms": "100ms"}, "/schedulerPlugin/settings/decision_budget_ms"),
    ({"schedulerPlugin__settings__features_address": "elsewhere:7010"}, "'features_address' not allowed"),
    ({"policy__mode": "maybe"}, "/policy/mode"),
    ({"policy__mode": False}, "/policy/mode"),  # what YAML makes of an unquoted off
    ({"policy__ramp_pct": 101}, "/policy/ramp_pct"),
    ({"rightSizer__policy__mode": "on"}, "/rightSizer/policy/mode"),
    ({"rightSizer__policy__cap_ratio": 0.5}, "/rightSizer/policy/cap_ratio"),
    ({"rightSizer__settings__webhook_secret": "another"}, "'webhook_secret' not allowed"),
    ({"models__minReplicas": 11}, "models.minReplicas (11) is larger than models.maxReplicas (10)"),
    ({"models__storage__kind": "s3"}, "only KServe downloads from s3"),
    ({"models__storage__claim__name": ""}, "set models.storage.claim.name"),
    ({"models__kserve__canaryTrafficPercent": {"cpu-forecaster": 10}}, "it would do nothing"),
    ({"scheduler__mode": "drop-in"}, "set scheduler.extender.url"),
    ({"scheduler__mode": "drop-in", "scheduler__extender__url": "http://10.96.0.9:7080"}, "set networkPolicy.controlPlaneCidrs"),
    ({"featureService__warmStore__kind": "redis"}, "set featureService.warmStore.redis.existingSecret"),
    (
        {
            "featureService__warmStore": {
                "kind": "redis",
                "redis": {"url": "redis://a:6379/0", "existingSecret": "b", "existingSecretKey": "url"},
            }
        },
        "url and existingSecret are both set",
    ),
    ({"featureService__warmStore": {"kind": "redis", "redis": {"url": "redis://a:6379/0"}}}, "feature-service cannot reach it"),
    ({"models__trustedKeys": {"configMap": "a", "existingSecret": "b"}}, "names a ConfigMap and a Secret"),
    ({"featureService__prometheusAccess__existingSecret": "login"}, "existingSecret goes with tokenKey"),
    ({"featureService__prometheusAccess__tokenKey": "token"}, "existingSecret goes with tokenKey"),
    ({"logShipping__enabled": True}, "set logShipping.elasticsearch.hosts"),
    (
        {"logShipping": {"enabled": True, "namespace": NAMESPACE, "elasticsearch": {"hosts": ["http://a:9200"]}}},
        "PodSecurity restricted would refuse Filebeat there",
    ),
]


@pytest.mark.parametrize(("values", "sentence"), WRONG, ids=[f"{next(iter(values))}: {sentence}" for values, sentence in WRONG])
def test_a_wrong_value_is_refused_with_a_sentence(values: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(**values)


CANARY = {"name": "release-2", "trafficPercent": 50, "storageUri": "pvc://models/release-2"}
IGNORED: list[tuple[dict[str, Any], str]] = [
    ({"canaryTrafficPercent": {"cpu-forecaster": 10}}, "KServe ignores it there"),
    ({"mode": "Knative", "canary": {"cpu-forecaster": [CANARY]}}, "spec.canary in Standard mode alone"),
    ({"version": "0.19.0", "canary": {"cpu-forecaster": [CANARY]}}, "its API server would drop the field"),
    ({"version": "0.15.2"}, "knows that mode by another name"),
    ({"mode": "Knative", "canaryTrafficPercent": {"cpu-forecaster": 10}}, "without another storage there is no canary"),
    ({"mode": "Knative", "storageUris": {"disk-forecaster": "pvc://models/a"}}, "disk-forecaster, which is no model"),
    ({"canary": {"cpu-forecaster": [CANARY, CANARY]}}, "two canaries of the name release-2"),
    ({"canary": {"cpu-forecaster": [CANARY, CANARY | {"name": "b"}]}}, "adds up to 100"),
    ({"canary": {"cpu-forecaster": [CANARY | {"trafficPercent": 10}]}}, "10 percent of models.minReplicas (2) is no whole number"),
    ({"canary": {"cpu-forecaster": [CANARY | {"minReplicas": 1}]}}, "its replicas follow from the percentage"),
    ({"canary": {"cpu-forecaster": [CANARY | {"trafficPercent": 0}]}}, "gets no calls and no replicas"),
    ({"canary": {"cpu-forecaster": [CANARY | {"storageUri": "pvc://hydatis-models"}]}}, "so it is no other model"),
    ({"canary": {"cpu-forecaster": [CANARY | {"trafficPercent": 0, "minReplicas": 3}]}}, "passes the stable variant's"),
    ({"canary": {"cpu-forecaster": [CANARY | {"trafficPercent": 120}]}}, "trafficPercent"),
    ({"canary": {"cpu-forecaster": [CANARY | {"maxReplicas": 3}]}}, "'maxReplicas' not allowed"),
]


@pytest.mark.parametrize(("values", "sentence"), IGNORED, ids=[sentence for _, sentence in IGNORED])
def test_what_kserve_would_silently_ignore_is_refused(values: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(models__serving="kserve", **{f"models__kserve__{name}": value for name, value in values.items()})
