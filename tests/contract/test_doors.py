"""Every process of the running stack has the doors that operators and tools expect of it."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hydatis_cli.exposition import scrape
from hydatis_cli.stack import MODELS, Stack

GRPC_PROCESSES = ("feature-service", "forecaster", "anomaly-detector", "placement-policy", *(f"model-{name}" for name in MODELS))
PROCESSES = (*GRPC_PROCESSES, "scheduler-plugin")


def metrics_base(stack: Stack, name: str) -> str:
    """Base URL of a process's /metrics, /healthz and /readyz."""
    (process,) = (process for process in stack.processes() if process.name == name)
    ports = {key: value for key, value in process.environment.items() if key.endswith("_PORT")}
    wanted = next((port for key, port in ports.items() if key.endswith("_METRICS_PORT")), None)
    port = wanted or next(port for key, port in ports.items() if key.endswith("_HTTP_PORT"))
    return f"http://{stack.host}:{port}"


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_stack_runs_exactly_these_processes(stack: Stack) -> None:
    assert sorted(process.name for process in stack.processes()) == sorted(PROCESSES)


@pytest.mark.parametrize("name", GRPC_PROCESSES)
def test_reflection_tells_the_services_and_health_says_that_they_serve(name: str, doors: list[Any]) -> None:
    (door,) = (door for door in doors if door.process == name)
    standard = {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert standard < set(door.services)
    health = health_pb2_grpc.HealthStub(door.channel)
    for service in ("", *(set(door.services) - standard)):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as unknown:
        health.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=10)
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


def test_every_service_of_our_protos_is_served_once(doors: list[Any], proto_services: list[Any]) -> None:
    served = [service for door in doors for service in door.services if service.startswith("hydatis.")]
    assert sorted(served) == sorted(service.full_name for service in proto_services)


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_every_process_is_alive_and_ready_over_http(path: str, name: str, stack: Stack) -> None:
    assert get(metrics_base(stack, name) + path)[0] == 200


@pytest.mark.parametrize("name", PROCESSES)
def test_the_probe_of_the_images_finds_every_process_ready(name: str, stack: Stack) -> None:
    url = metrics_base(stack, name) + "/readyz"
    done = subprocess.run([sys.executable, "-m", "hydatis_serving.probe", url], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", PROCESSES)
def test_every_process_counts_itself_and_its_calls(name: str, stack: Stack) -> None:
    # families, not samples: what is counted by method has no sample before the first call
    names = set(re.findall(r"^# TYPE (\S+) ", get(f"{metrics_base(stack, name)}/metrics")[1], flags=re.MULTILINE))
    wanted = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
    if name == "scheduler-plugin":
        wanted |= {"hydatis_decisions_total", "hydatis_extender_requests_total", "hydatis_extender_seconds"}
    else:
        wanted |= {"hydatis_rpc_requests_total", "hydatis_rpc_seconds"}
    if name.startswith("model-"):
        wanted |= {"hydatis_model_requests_total", "hydatis_model_seconds", "hydatis_model_served"}
    else:
        wanted |= {"hydatis_build_info", "hydatis_generation_seconds"}
    assert wanted <= names


@pytest.mark.parametrize("name", PROCESSES)
def test_no_metric_is_labelled_by_pod_or_node(name: str, stack: Stack, cluster: Any) -> None:
    labels = {label for _, pairs in scrape(f"{metrics_base(stack, name)}/metrics") for label, _ in pairs}
    assert labels & {"pod", "node", "uid", "namespace", "node_name"} == set()
    values = {value for _, pairs in scrape(f"{metrics_base(stack, name)}/metrics") for _, value in pairs}
    assert not values & set(cluster.node_names)


@pytest.mark.parametrize("name", PROCESSES)
def test_what_is_not_there_is_said_to_be_not_there(name: str, stack: Stack) -> None:
    status, text = get(metrics_base(stack, name) + "/nothing-here")
    assert status == 404
    assert "Traceback" not in text


def test_everything_listens_on_loopback_alone(stack: Stack) -> None:
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1", "127.0.1.1"}
    ports = [int(v) for process in stack.processes() for key, v in process.environment.items() if key.endswith("_PORT")]
    for address in others:
        for port in ports:
            with socket.socket() as tried:
                tried.settimeout(5)
                assert tried.connect_ex((address, port)) != 0, f"{address}:{port} is open"
