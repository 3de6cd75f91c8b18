"""A secret planted wherever a service takes one is in nothing that a service says: logs, errors, help, metrics, answers."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from hydatis_core.errors import HydatisError
from hydatis_serving.clients import ReplaySourceClient

CANARY = "c4n4ryW0rd"
#: By module, what it is told: every setting that may hold a secret, with nobody at the address.
TOLD: dict[str, dict[str, str]] = {
    "hydatis_feature_service": {
        "warm_store": f"redis://user:{CANARY}@127.0.0.1:1/0",
        "prometheus_url": f"http://user:{CANARY}@127.0.0.1:1",
        "metric_source": "prometheus",
        "cluster_source": "replay",
        "admin_access": "kubernetes",
    },
    "hydatis_forecaster": {},
    "hydatis_anomaly_detector": {},
    "hydatis_placement_policy": {},
    "hydatis_scheduler_plugin": {"admin_access": "kubernetes"},
    "hydatis_model_server": {"model_name": "cpu-forecaster", "models_dir": "/nowhere"},
}
OTLP = f"http://user:{CANARY}@127.0.0.1:1"
PATHS = ("/metrics", "/healthz", "/readyz", "/state", "/decisions", "/nothing-here")


def until(condition: Callable[[], bool], what: str) -> None:
    for _ in range(600):
        if condition():
            return
        threading.Event().wait(0.1)
    raise AssertionError(f"{what} does not answer")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def environment(module: str, **more: object) -> dict[str, str]:
    prefix = f"{module.upper()}_"
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("HYDATIS_", "KUBERNETES_"))}
    return bare | {prefix + name.upper(): str(value) for name, value in (TOLD[module] | {"otlp_endpoint": OTLP} | more).items()}


def get(url: str) -> str:
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {CANARY}"})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return f"{answer.headers}{answer.read().decode()}"
    except urllib.error.HTTPError as refused:
        return f"{refused.headers}{refused.read().decode()}"


class Running:
    """A service's process, and all that it said."""

    def __init__(self, module: str, folder: Path) -> None:
        self.module, self.port, self.grpc_port = module, free_port(), free_port()
        extender = module == "hydatis_scheduler_plugin"
        ports = {"http_port": self.port} if extender else {"metrics_port": self.port, "grpc_port": self.grpc_port}
        told = environment(module, **ports, log_level="DEBUG", service_account_dir=folder, trace_sample_ratio=1)
        told |= {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = subprocess.Popen([sys.executable, "-m", module], env=told, cwd=folder, **output)
        self.answers = ""

    def answered(self, path: str) -> bool:
        try:
            self.answers += get(f"http://127.0.0.1:{self.port}{path}")
        except OSError:
            return False
        return True

    def stop(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=60)[0]


async def load(address: str) -> str:
    async with ReplaySourceClient(address, token=CANARY) as client:
        with pytest.raises(HydatisError) as refused:
            await client.load_cluster([], 60, 0.0, timeout_seconds=30)
    return str(refused.value)


def test_what_running_services_say(tmp_path: Path) -> None:
    # what a pod has in files; the certificates are none, which is an error to tell of
    (tmp_path / "token").write_text(CANARY)
    (tmp_path / "ca.crt").write_text(f"no certificate: {CANARY}")
    services = [Running(module, tmp_path) for module in TOLD]
    try:
        for one in services:
            until(lambda one=one: one.process.poll() is not None or one.answered("/healthz"), one.module)
            if one.process.poll() is None:
                assert all(one.answered(path) for path in PATHS), one.module
        (features,) = [one for one in services if one.module == "hydatis_feature_service"]
        features.answers += asyncio.run(load(f"127.0.0.1:{features.grpc_port}"))
    finally:
        logs = {one.module: one.stop() for one in services}
    assert "redis cannot be read" in logs["hydatis_feature_service"]
    for one in services:
        assert "starting" in logs[one.module]
        assert CANARY not in logs[one.module]
        assert CANARY not in one.answers


def test_what_refusals_and_help_say() -> None:
    bad = ["--nothing", f"redis://:{CANARY}@x"]
    commands = {module: ["--help"] if "feature" in module else bad for module in TOLD}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=environment(module),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for module, arguments in commands.items()
    ]
    for process in started:
        said, _ = process.communicate(timeout=120)
        assert "usage" in said
        assert CANARY not in said
