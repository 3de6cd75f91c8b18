"""The containers' stack agrees with the code, as far as reading shows it: `tox -e compose` runs it, where there is an engine.

Whatever docker-compose.yaml, the Dockerfile and prometheus.yml say of a service (module, port, setting, address, health check) is
looked up in that service's own code.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import re
import runpy
import tomllib
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydatis_cli.stack import MODELS, Stack
from hydatis_cli.state_folder import StateFolder
from hydatis_serving.settings import ServiceSettings
from pydantic_settings import BaseSettings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "hydatis-" in service["image"])
FOREIGN = sorted(set(SERVICES) - set(OURS))
PORT_FIELDS = ("grpc_port", "metrics_port", "http_port")
#: Ports of what is not ours, by its own documentation.
FOREIGN_PORTS = {"redis": {6379}, "prometheus": {9090}}


@dataclass(frozen=True)
class Stage:
    """What a stage of the Dockerfile says."""

    instructions: tuple[tuple[str, str], ...]
    """(instruction, rest), continuation lines joined; FROM is the first."""

    def all(self, instruction: str) -> list[str]:
        return [rest for word, rest in self.instructions if word == instruction]

    @property
    def module(self) -> str:
        (entry,) = self.all("ENTRYPOINT")
        python, dash_m, module = json.loads(entry)
        assert (python, dash_m) == ("python", "-m")
        return str(module)

    @property
    def probe(self) -> list[str]:
        (check,) = self.all("HEALTHCHECK")
        return list(json.loads(check[check.index("[") :]))

    @property
    def environment(self) -> dict[str, str]:
        pairs = " ".join(self.all("ENV")).split()
        return dict(pair.split("=", 1) for pair in pairs)


def stages(text: str) -> dict[str, Stage]:
    """Stages of the Dockerfile by name; "" is the last, which has none."""
    found: dict[str, list[tuple[str, str]]] = {}
    name = None
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        word, rest = line.split(None, 1)
        if word == "FROM":
            name = rest.partition(" AS ")[2]
            found[name] = []
        if name is not None:
            found[name].append((word, rest.strip()))
    return {name: Stage(tuple(instructions)) for name, instructions in found.items()}


DOCKERFILE = (ROOT / "deploy" / "images" / "Dockerfile").read_text()
STAGES = stages(DOCKERFILE)
IMAGES = sorted(name for name, stage in STAGES.items() if stage.all("ENTRYPOINT"))


def image_of(name: str) -> Stage:
    match = re.fullmatch(r"\$\{HYDATIS_REGISTRY:-\}hydatis-([a-z-]+):\$\{HYDATIS_VERSION:-(.+)\}", SERVICES[name]["image"])
    assert match is not None
    assert match[2] == version_of(match[1]), "compose runs the version that deploy/images/build.py builds"
    return STAGES[match[1]]


def version_of(service: str) -> str:
    return str(tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text())["project"]["version"])


def settings_class(module: str) -> type[ServiceSettings]:
    found = vars(importlib.import_module(f"{module}.settings")).values()
    (cls,) = (
        value for value in found if inspect.isclass(value) and issubclass(value, ServiceSettings) and value is not ServiceSettings
    )
    return cls


def said(cls: type[BaseSettings], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The settings that a process would read from exactly this environment."""
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    return cls()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings of a compose service, by its name, as its container reads them."""

    def of(name: str) -> Any:
        built = image_of(name)
        environment = built.environment | {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}
        ours = {key: value for key, value in environment.items() if key.startswith("HYDATIS_")}
        with monkeypatch.context() as patch:
            return said(settings_class(built.module), ours, patch)

    return of


def listened(settings: Any) -> set[int]:
    return {getattr(settings, field) for field in PORT_FIELDS if field in type(settings).model_fields} - {0}


# --- images


def test_there_is_one_image_per_service() -> None:
    assert sorted(path.parent.name for path in (ROOT / "services").glob("*/pyproject.toml")) == IMAGES


def test_every_image_is_unprivileged_and_made_of_the_same_stages() -> None:
    assert STAGES[""].all("FROM") == ["${SERVICE}"]
    (user,) = STAGES[""].all("USER")
    assert int(user.split(":")[0]) > 0
    assert {STAGES[name].all("FROM")[0] for name in IMAGES} == {f"installed AS {name}" for name in IMAGES}


def test_what_is_pulled_is_pinned_by_digest() -> None:
    (base,) = re.findall(r"^ARG BASE=(\S+)$", DOCKERFILE, flags=re.MULTILINE)
    pulled = [base, *(SERVICES[name]["image"] for name in FOREIGN)]
    assert [name for name in pulled if not re.search(r":[\w.-]+@sha256:[0-9a-f]{64}\}?$", name)] == []
    assert [rest for stage in STAGES.values() for rest in stage.all("FROM") if not re.match(r"\$\{|common |installed ", rest)] == []


def test_the_chart_asks_for_the_version_that_is_built() -> None:
    chart = yaml.safe_load((ROOT / "deploy" / "helm" / "hydatis" / "Chart.yaml").read_text())
    assert {version_of(name) for name in IMAGES} == {chart["appVersion"]}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_runs_its_service_and_checks_its_health(name: str) -> None:
    built = STAGES[name]
    assert built.module == "hydatis_" + name.replace("-", "_")
    assert importlib.util.find_spec(f"{built.module}.__main__") is not None
    assert built.probe[:3] == ["python", "-m", "hydatis_serving.probe"]
    assert importlib.util.find_spec(built.probe[2]) is not None


@pytest.mark.parametrize("name", IMAGES)
def test_an_images_health_check_asks_a_port_and_path_that_its_service_has(name: str) -> None:
    built = STAGES[name]
    url = urllib.parse.urlsplit(built.probe[3])
    cls = settings_class(built.module)
    defaults = {field: cls.model_fields[field].default for field in PORT_FIELDS if field in cls.model_fields}
    http_port = "metrics_port" if defaults.get("metrics_port") else "http_port"
    assert url.hostname == "127.0.0.1"
    assert url.port == defaults[http_port]
    sources = [*(ROOT / "services" / name / "src").rglob("*.py"), ROOT / "libs/serving/src/hydatis_serving/http_endpoint.py"]
    assert any(f'"{url.path}"' in source.read_text() for source in sources)


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_exposes_the_ports_that_its_service_listens_on(name: str) -> None:
    built = STAGES[name]
    cls = settings_class(built.module)
    defaults = {cls.model_fields[field].default for field in PORT_FIELDS if field in cls.model_fields} - {0}
    assert {int(port) for port in " ".join(built.all("EXPOSE")).split()} == defaults


def test_the_images_install_rooms_that_exist_with_extras_that_they_have() -> None:
    installed = re.findall(r"\./((?:protos|libs)[\w/-]*)(?:\[([\w,]+)\])?", DOCKERFILE)
    assert len(installed) > 1
    for path, extras in installed:
        known = re.findall(r"^(\w+) = \[", (ROOT / path / "pyproject.toml").read_text(), flags=re.MULTILINE)
        assert set(filter(None, extras.split(","))) <= set(known)


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_sets_only_settings_that_exist(name: str) -> None:
    built = STAGES[name]
    cls = settings_class(built.module)
    prefix = cls.model_config["env_prefix"]
    ours = [key for key in built.environment if key.startswith("HYDATIS_")]
    assert [key for key in ours if key.removeprefix(prefix).lower() not in cls.model_fields] == []
    assert built.environment[f"{prefix}HOST"] == "0.0.0.0"


def test_the_builds_pip_asks_where_the_machines_does() -> None:
    build = runpy.run_path(str(ROOT / "deploy" / "images" / "build.py"))
    listed = """:env:.index-url='https://me:secret@env.example.org/simple'
:env:.find-links='/opt/wheels'
global.cert='/etc/ssl/certs/ca-certificates.crt'
global.extra-index-url='\\nhttps://one.example.org\\nhttps://two.example.org'
global.index-url='https://file.example.org/simple'"""
    assert build["pip_configuration"](build["pip_settings"](listed)).splitlines() == [
        "[global]",
        "cert = /run/secrets/ca.pem",
        "extra-index-url = ",
        "    https://one.example.org",
        "    https://two.example.org",
        "index-url = https://me:secret@env.example.org/simple",
    ]
    assert build["pip_configuration"]({}) == "[global]\n"


# --- compose


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_a_service_is_a_setting_and_its_value_is_taken(name: str, settings: Any) -> None:
    cls = settings_class(image_of(name).module)
    prefix = cls.model_config["env_prefix"]
    variables = SERVICES[name].get("environment", {})
    assert [key for key in variables if not key.startswith(prefix)] == []
    assert [key for key in variables if key.removeprefix(prefix).lower() not in cls.model_fields] == []
    assert settings(name) is not None


@pytest.mark.parametrize("name", OURS)
def test_every_dialled_address_is_a_service_that_listens_there(name: str, settings: Any) -> None:
    own = settings(name)
    addresses = {field: getattr(own, field) for field in type(own).model_fields if field.endswith("_address")}
    for address in addresses.values():
        host, _, port = address.rpartition(":")
        assert host in OURS, f"{address} is not in compose"
        assert int(port) == settings(host).grpc_port
    # nothing that a service must dial is left at its loopback default
    assert "127.0.0.1" not in " ".join(addresses.values())


@pytest.mark.parametrize("name", OURS)
def test_a_model_is_dialled_where_it_is_served(name: str, settings: Any) -> None:
    own = settings(name)
    for field in type(own).model_fields:
        if "model_address" in field:
            host = getattr(own, field).partition(":")[0]
            wanted = field.removesuffix("_model_address").replace("_", "-")
            served = settings(host).model_name
            assert served == (f"{wanted}-forecaster" if wanted in ("cpu", "memory") else name)


def test_every_model_of_the_laptop_is_served(settings: Any) -> None:
    assert sorted(settings(name).model_name for name in OURS if name.startswith("model-")) == sorted(MODELS)


def test_the_warm_store_is_the_redis_of_compose(settings: Any) -> None:
    url = urllib.parse.urlsplit(settings("feature-service").warm_store)
    assert (url.scheme, url.port) == ("redis", 6379)
    assert url.hostname in FOREIGN
    assert url.hostname in SERVICES["feature-service"]["depends_on"]
    # the image must hold the client
    assert re.search(r'"hydatis-serving\[[\w,]*redis', (ROOT / "services/feature-service/pyproject.toml").read_text())


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_published_ports_are_listened_on_and_bound_to_loopback(name: str, settings: Any) -> None:
    ports = listened(settings(name)) if name in OURS else FOREIGN_PORTS[name]
    for published in SERVICES[name].get("ports", []):
        address, outside, inside = published.split(":")
        assert address == "127.0.0.1"
        assert int(inside) in ports
        assert outside == inside


def test_replay_can_reach_what_it_needs() -> None:
    published = {entry.split(":")[2] for service in SERVICES.values() for entry in service.get("ports", [])}
    assert {"7080", "7010"} <= published


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_unprivileged_and_read_only(name: str) -> None:
    service = SERVICES[name]
    assert int(service["user"].split(":")[0]) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    # limits that Docker's compose of every age takes
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_has_a_health_check(name: str) -> None:
    assert "healthcheck" in SERVICES[name] or image_of(name).all("HEALTHCHECK")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_what_a_service_waits_for_is_there_and_says_when_it_is_ready(name: str) -> None:
    waited = SERVICES[name].get("depends_on", {})
    for other in waited:
        assert other in SERVICES
        assert "healthcheck" in SERVICES[other] or image_of(other).all("HEALTHCHECK")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_mount_has_a_source_and_every_folder_written_to_is_writable(name: str, settings: Any) -> None:
    targets = {}
    for volume in SERVICES[name].get("volumes", []):
        source, target, *mode = re.sub(r"\$\{[^}]*:-([^}]*)\}", r"\1", volume).split(":")
        targets[target] = mode
        if source.startswith("./"):
            # models are trained and signed there first; everything else is of the repository
            assert (ROOT / source).exists() or source in ("./hydatis-state/models", "./hydatis-state/lifecycle/keys/trusted")
        else:
            assert source in COMPOSE["volumes"]
    if name not in OURS:
        return
    own = settings(name)
    for field in ("models_dir", "policy_file"):
        if field in type(own).model_fields:
            assert targets[str(getattr(own, field))] == ["ro"]
    if "decisions_dir" in type(own).model_fields:
        assert targets[str(own.decisions_dir)] == []
        assert f"install -d -o 10001 -g 10001 {own.decisions_dir}" in image_of(name).all("RUN")


def test_the_policy_of_compose_is_a_policy() -> None:
    module = importlib.import_module("hydatis_serving.policy_file")
    policy = module.read_policy(ROOT / "deploy" / "scheduler" / "policy.yaml")
    assert policy == module.Policy(), "its lines stand at their defaults"


def test_kube_scheduler_is_told_the_extender_that_compose_publishes(settings: Any) -> None:
    config = yaml.safe_load((ROOT / "deploy" / "scheduler" / "kube-scheduler-config.yaml").read_text())
    (extender,) = config["extenders"]
    plugin = settings("scheduler-plugin")
    url = urllib.parse.urlsplit(extender["urlPrefix"])
    assert url.port == plugin.http_port
    assert (url.path.rstrip("/"), extender["filterVerb"], extender["prioritizeVerb"]) == (plugin.url_prefix, "filter", "prioritize")
    # a dead shim must not stop the scheduler, and a decision must be over before its time is
    assert extender["ignorable"] is True
    assert float(extender["httpTimeout"].removesuffix("ms")) > plugin.decision_budget_ms
    assert extender["weight"] == importlib.import_module("hydatis_simulator.kube_scheduler").EXTENDER_WEIGHT


# --- monitoring


def test_prometheus_scrapes_every_process_where_it_says_its_metrics(settings: Any) -> None:
    config = yaml.safe_load((ROOT / "deploy" / "monitoring" / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    (group,) = job["static_configs"]
    wanted = set()
    for name in OURS:
        own = settings(name)
        wanted.add(f"{name}:{own.metrics_port or own.http_port}")
    assert set(group["targets"]) == wanted
    assert len(group["targets"]) == len(wanted)
    assert job.get("metrics_path", "/metrics") == "/metrics"


def test_prometheus_reads_the_files_that_are_mounted() -> None:
    service = SERVICES["prometheus"]
    mounted = {target: source for source, target, *_ in (volume.split(":") for volume in service["volumes"])}
    for option in ("--config.file=", "--storage.tsdb.path="):
        (path,) = (argument.removeprefix(option) for argument in service["command"] if argument.startswith(option))
        assert path in mounted
    config = yaml.safe_load((ROOT / mounted["/etc/prometheus/prometheus.yml"]).read_text())
    assert [mounted[f"/etc/prometheus/{name}"] for name in config["rule_files"]] == ["./deploy/monitoring/recording-rules.yaml"]


# --- the laptop's table


@pytest.fixture
def laptop(tmp_path: Path) -> Stack:
    """The table of the laptop, not started."""
    return Stack(StateFolder(tmp_path), 21_000)


def test_the_laptop_and_compose_run_the_same_processes(laptop: Stack) -> None:
    modules = {process.name: process.module for process in laptop.processes()}
    assert modules == {name: image_of(name).module for name in OURS}


def test_every_variable_of_the_laptop_is_a_setting(laptop: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for process in laptop.processes():
        cls = settings_class(process.module)
        prefix = cls.model_config["env_prefix"]
        unknown = [
            key
            for key in process.environment
            if not key.startswith(prefix) or key.removeprefix(prefix).lower() not in cls.model_fields
        ]
        assert unknown == []
        with monkeypatch.context() as patch:
            assert said(cls, process.environment, patch).host == "127.0.0.1"


def test_the_ports_of_the_laptop_agree(laptop: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    read = {}
    for process in laptop.processes():
        with monkeypatch.context() as patch:
            read[process.name] = said(settings_class(process.module), process.environment, patch)
    taken = [port for settings in read.values() for port in listened(settings)]
    # scheduler-plugin has its metrics on its one HTTP port
    assert len(taken) == len(set(taken))
    grpc_ports = {f"127.0.0.1:{settings.grpc_port}" for settings in read.values() if settings.grpc_port}
    for name, settings in read.items():
        for field in type(settings).model_fields:
            if field.endswith("_address"):
                assert getattr(settings, field) in grpc_ports, f"{name} dials {field} where nobody listens"
    for process in laptop.processes():
        url = urllib.parse.urlsplit(process.ready_url)
        assert url.port in listened(read[process.name])
    assert laptop.extender_url == f"http://127.0.0.1:{read['scheduler-plugin'].http_port}"
    assert laptop.features_address == f"127.0.0.1:{read['feature-service'].grpc_port}"


def test_the_laptops_default_ports_are_the_services_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for process in Stack(StateFolder(tmp_path)).processes():
        if process.module == "hydatis_model_server":
            continue  # one default cannot be right for four processes
        cls = settings_class(process.module)
        with monkeypatch.context() as patch:
            settings = said(cls, process.environment, patch)
        for field in type(settings).model_fields:
            if field.endswith(("_port", "_address")):
                assert getattr(settings, field) == cls.model_fields[field].default
