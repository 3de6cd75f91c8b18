"""docker-compose.yaml, brought up as it is under a project name of its own, and taken down with all that it made."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from control_plane.waiting import until

from container_engine.engine import Engine

__all__ = ["Composed"]

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docker-compose.yaml"


class Composed:
    """The stack in containers.

    Args:
        engine: where they run.
        variables: compose's variables.
    """

    def __init__(self, engine: Engine, variables: Mapping[str, str]) -> None:
        self.engine = engine
        self.project = f"hydatis-test-{uuid.uuid4().hex[:8]}"
        self.services: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
        self._environment = engine.environment | dict(variables)

    def up(self) -> None:
        """Returns when every container is healthy."""
        self._compose("up", "--detach")
        for service in self.services:
            self.wait_until_healthy(service)

    def down(self) -> None:
        """Removes containers, networks and volumes, and looks for what is left."""
        self._compose("down", "--volumes", "--timeout", "10")
        mine = f"--filter=label=com.docker.compose.project={self.project}"
        left = [self.engine.run(*words, "--quiet", mine) for words in (("ps", "--all"), ("network", "ls"), ("volume", "ls"))]
        assert left == ["", "", ""]

    def wait_until_healthy(self, service: str) -> None:
        """Fails with the container's log."""
        try:
            until(lambda: self.inspect(service)["State"].get("Health", {}).get("Status") == "healthy", f"{service} is healthy", 120)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.logs(service)[-3000:]}") from None

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's container."""
        found: dict[str, Any] = json.loads(self.engine.run("inspect", self._container(service)))[0]
        return found

    def stop(self, service: str) -> None:
        """Stops a container, which then stays down."""
        self.engine.run("stop", "--time", "10", self._container(service))

    def start(self, service: str) -> None:
        """Starts a container that was stopped."""
        self.engine.run("start", self._container(service))

    def kill_and_wait(self, service: str) -> None:
        """kill -9, until the container is back and healthy.

        From outside of it, as the kernel's out-of-memory killer does: ``docker kill`` counts as a wish, and nothing comes back.
        """
        container = self.inspect(service)
        command = f"import os; os.kill({container['State']['Pid']}, 9)"
        python = self.inspect("forecaster")["Image"]  # Redis' own may have none
        self.engine.run("run", "--rm", "--pid=host", "--network=none", "--user=0", "--entrypoint=python", python, "-c", command)
        until(lambda: self.inspect(service)["RestartCount"] > container["RestartCount"], f"{service} is started again")
        self.wait_until_healthy(service)

    def execute(self, service: str, *words: str) -> str:
        """What a command in a container prints."""
        return self.engine.run("exec", self._container(service), *words)

    def logs(self, service: str) -> str:
        """What a container printed."""
        done = subprocess.run(
            [self.engine.docker, "logs", self._container(service)],
            env=self.engine.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    def _container(self, service: str) -> str:
        labels = (f"com.docker.compose.project={self.project}", f"com.docker.compose.service={service}")
        return self.engine.run("ps", "--all", "--quiet", *(f"--filter=label={label}" for label in labels))

    def _compose(self, *words: str) -> None:
        command = [*self.engine.compose, "--file", str(FILE), "--project-name", self.project, *words]
        done = subprocess.run(command, env=self._environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-3000:]}"
