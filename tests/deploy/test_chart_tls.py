"""TLS in the chart: every pod has its own certificate, good for the names by which it is dialled, and half of it is refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from chart.rendered import TLS, Rendered, refusal, render
from control_plane.api import JsonObject

FOLDER = "/etc/hydatis-tls"
ONE_SECRET = {"tls": {"enabled": True, "existingSecret": "hydatis-tls"}}


@pytest.fixture(scope="module")
def made() -> Rendered:
    return render(TLS)


def variables(container: JsonObject) -> dict[str, str]:
    return {variable["name"]: variable.get("value", "") for variable in container.get("env", [])}


def tls_secret(pod: JsonObject) -> str:
    (volume,) = (volume for volume in pod["volumes"] if volume["name"] == "tls")
    assert volume["secret"]["defaultMode"] == 0o440
    return str(volume["secret"]["secretName"])


def pods(made: Rendered) -> dict[str, tuple[JsonObject, JsonObject]]:
    """(pod, container) of everything that speaks TLS, KServe's predictors and canaries among them."""
    found = {name: (template["spec"], template["spec"]["containers"][0]) for name, template in made.pod_templates()}
    for name, service in made.of("InferenceService").items():
        predictor = service["spec"]["predictor"]
        found[name] = (predictor, predictor["model"])
        for canary in service["spec"].get("canary", []):
            found[f"{name}/{canary['predictor']['name']}"] = (canary["predictor"], canary["predictor"]["model"])
    return found


def test_every_pod_has_a_secret_of_its_own_and_reads_its_files_there(made: Rendered) -> None:
    found = pods(made)
    assert len(found) == 11  # five services, four models, a canary, the scheduler
    for name, (pod, container) in found.items():
        assert tls_secret(pod) == f"{name.partition('/')[0]}-tls"
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        assert mounts[FOLDER] == {"name": "tls", "mountPath": FOLDER, "readOnly": True}  # never a subPath: it would not change
        told = {key.partition("_TLS_")[2]: value for key, value in variables(container).items() if "_TLS_" in key}
        files = {"CERTIFICATE_FILE": f"{FOLDER}/tls.crt", "KEY_FILE": f"{FOLDER}/tls.key", "CA_FILE": f"{FOLDER}/ca.crt"}
        assert told == ({} if name == "hydatis-scheduler" else files), name


def test_one_secret_may_serve_all() -> None:
    assert {tls_secret(pod) for pod, _ in pods(render(**ONE_SECRET)).values()} == {"hydatis-tls"}
    assert not render(**ONE_SECRET).of("Certificate")


def test_a_certificate_is_good_for_the_names_by_which_it_is_dialled(made: Rendered) -> None:
    certificates = made.of("Certificate")
    assert {made["spec"]["secretName"] for made in certificates.values()} == {tls_secret(pod) for pod, _ in pods(made).values()}
    names = {name: set(certificate["spec"]["dnsNames"]) for name, certificate in certificates.items()}
    for caller, (_, container) in pods(made).items():
        for key, address in variables(container).items():
            if key.endswith("_ADDRESS"):
                host = address.rpartition(":")[0]
                assert host in names[host.removesuffix("-variants")], f"{caller} {key}"
    assert "scheduler-plugin.hydatis-system.svc" in names["scheduler-plugin"]
    assert certificates["scheduler-plugin"]["spec"]["ipAddresses"] == ["10.96.70.80"]


def test_the_scheduler_shows_a_certificate_and_looks_at_the_extenders(made: Rendered) -> None:
    (extender,) = yaml.safe_load(made.one("ConfigMap", "hydatis-scheduler-config")["data"]["config.yaml"])["extenders"]
    assert extender["urlPrefix"] == "https://scheduler-plugin.hydatis-system.svc:7080"
    assert extender["enableHTTPS"] is True
    assert extender["tlsConfig"] == {"caFile": f"{FOLDER}/ca.crt", "certFile": f"{FOLDER}/tls.crt", "keyFile": f"{FOLDER}/tls.key"}


def test_a_control_plane_of_ones_own_reads_its_folder() -> None:
    drop_in = {"mode": "drop-in", "extender": {"url": "https://10.96.70.80:7080", "tlsFolder": "/etc/kubernetes/hydatis"}}
    made = render(**ONE_SECRET, scheduler=drop_in, networkPolicy__controlPlaneCidrs=["10.0.0.0/24"])
    (extender,) = yaml.safe_load(made.one("ConfigMap", "hydatis-scheduler-config")["data"]["config.yaml"])["extenders"]
    assert extender["tlsConfig"]["caFile"] == "/etc/kubernetes/hydatis/ca.crt"


def test_probes_need_no_certificate(made: Rendered) -> None:
    runtime = made.one("ServingRuntime", "hydatis-model-server")["spec"]["containers"][0]
    probed = {name: container for name, (_, container) in pods(made).items() if "livenessProbe" in container}
    for name, container in (probed | {"model-server": runtime}).items():
        for kind in ("livenessProbe", "readinessProbe"):
            asked = container[kind]["httpGet"]  # kubelet's gRPC probe knows no TLS
            https = name in ("scheduler-plugin", "hydatis-scheduler")
            assert asked.get("scheme", "HTTP") == ("HTTPS" if https else "HTTP"), name


def test_no_port_is_said_to_be_without_tls(made: Rendered) -> None:
    assert "h2c" not in made.text


def test_in_a_mesh_nobody_warns_of_the_clear() -> None:
    for name, (_, container) in pods(render(istio__enabled=True)).items():
        told = [value for key, value in variables(container).items() if key.endswith("_TLS_BY_MESH")]
        assert told == ([] if name == "hydatis-scheduler" else ["true"]), name


HALF: list[tuple[dict[str, Any], str]] = [
    ({"tls__enabled": True}, "set either tls.existingSecret"),
    ({"tls": {"enabled": True, "existingSecret": "a", "certManager": {"enabled": True}}}, "set either tls.existingSecret"),
    ({"tls__existingSecret": "hydatis-tls"}, "it would do nothing"),
    ({"tls__certManager__enabled": True}, "it would do nothing"),
    ({"tls": {"enabled": True, "certManager": {"enabled": True}}}, "set tls.certManager.issuerRef.name"),
    ({**ONE_SECRET, "istio__enabled": True}, "Keep one of them"),
    ({**ONE_SECRET, "models__serving": "kserve", "models__kserve__mode": "Knative"}, "speaks to a model server without TLS"),
    ({**ONE_SECRET, "scheduler__extender__url": "http://10.96.0.9:7080"}, "it is https:// with TLS"),
    ({"scheduler__extender__url": "https://10.96.0.9:7080"}, "it is https:// with TLS"),
    (
        {**ONE_SECRET, "scheduler__extender__tlsFolder": "/etc/kubernetes/hydatis"},
        "goes with tls.enabled and scheduler.mode drop-in",
    ),
    (
        {
            **ONE_SECRET,
            "scheduler": {"mode": "drop-in", "extender": {"url": "https://10.96.0.9:7080"}},
            "networkPolicy__controlPlaneCidrs": ["10.0.0.0/24"],
        },
        "would not check whom it asks",
    ),
    ({**ONE_SECRET, "forecaster__settings__tls_ca_file": "/ca.crt"}, "'tls_ca_file' not allowed"),
]


@pytest.mark.parametrize(("values", "sentence"), HALF, ids=[sentence for _, sentence in HALF])
def test_half_a_configuration_is_refused_with_a_sentence(values: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(**values)
