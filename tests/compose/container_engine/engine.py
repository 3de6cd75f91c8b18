"""A container engine: the machine's own where one runs, else Debian's dockerd, started for the tests and ended with them.

An engine of ours keeps everything below one temporary folder, and runs in a process and mount namespace of its own: when the tests
are killed, the kernel ends the daemon, every container and every mount. It makes no bridge of its own and no rule of iptables;
published ports are held by its proxy, builds use the machine's network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from control_plane.waiting import until

__all__ = ["Engine", "engine"]

NO_TRACES = ("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false")
OWN_NAMESPACES = ("setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc")


@dataclass(frozen=True)
class Engine:
    """An engine that answers."""

    docker: str
    """The program that speaks to it and builds by BuildKit."""
    compose: tuple[str, ...]
    """``docker compose``, or ``docker-compose`` of before the plugin."""
    host: str
    """Its address; empty: the machine's own."""
    build_network: str
    """Network of builds; empty: the default."""

    @property
    def environment(self) -> dict[str, str]:
        """What a program must know to speak to it."""
        return {**os.environ, **({"DOCKER_HOST": self.host} if self.host else {}), "DOCKER_BUILDKIT": "1"}

    def run(self, *words: str) -> str:
        """What ``docker WORDS`` prints; its error is the test's."""
        done = subprocess.run([self.docker, *words], env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr.strip()[-2000:]}"
        return done.stdout.strip()

    def succeeds(self, *words: str) -> bool:
        """Whether ``docker WORDS`` does."""
        return _succeeds((self.docker, *words), self.environment)


@contextmanager
def engine() -> Iterator[Engine | None]:
    """An engine; None where there is none and none can be started."""
    docker, compose = _docker(), _compose()
    if docker is None or compose is None:
        yield None
    elif _succeeds((docker, "version"), os.environ):
        yield Engine(docker, compose, host="", build_network="")
    elif os.geteuid() != 0 or shutil.which("dockerd") is None:
        yield None
    else:
        # a short name: a socket's path holds no more than 107 characters
        with tempfile.TemporaryDirectory(prefix="hydatis-engine-") as folder:
            yield from _own(docker, compose, Path(folder))


def _own(docker: str, compose: tuple[str, ...], folder: Path) -> Iterator[Engine]:
    own = Engine(docker, compose, host=f"unix://{folder}/socket", build_network="host")
    places = [f"--host={own.host}", f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"]
    log = folder / "log"
    with log.open("wb") as output:
        daemon = subprocess.Popen([*OWN_NAMESPACES, "dockerd", *places, *NO_TRACES], stdout=output, stderr=output)
    try:

        def answers() -> bool:
            assert daemon.poll() is None, f"dockerd ended: {log.read_text(errors='replace')[-2000:]}"
            return own.succeeds("version")

        until(answers, "dockerd answers")
        yield own
    finally:
        daemon.kill()
        daemon.wait()


def _docker() -> str | None:
    """A docker on PATH that builds by BuildKit: with buildx, or of before Docker 23, which needs none."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    for found in filter(None, (shutil.which("docker", path=folder) for folder in folders)):
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        if said.startswith("Docker version 20.") or _succeeds((found, "buildx", "version"), os.environ):
            return found
    return None


def _compose() -> tuple[str, ...] | None:
    for words in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(words[0]) and _succeeds((*words, "version"), os.environ):
            return words
    return None


def _succeeds(words: Sequence[str], environment: os._Environ[str] | dict[str, str]) -> bool:
    return subprocess.run(words, env=environment, capture_output=True, check=False).returncode == 0
