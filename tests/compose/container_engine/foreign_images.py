"""The images that are not ours: pulled where a registry can be reached, else made of Debian's packages.

debootstrap makes the smallest Debian once, a minute or two; it is kept as an archive in the user's cache folder. A file of
BuildKit makes Python, Redis and Prometheus of it, which answer to the same commands as the images of the registry.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from container_engine.engine import Engine

__all__ = ["ForeignImages"]

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
TARGETS = ("python", "redis", "prometheus")
SUITE = "bookworm"
#: What a slim image does without.
LEFT_OUT = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log",
    "proc",
    "sys",
    "dev",
)


@dataclass(frozen=True)
class ForeignImages:
    """Names of images that an engine has."""

    base: str
    """Python; empty: the Dockerfile's own."""
    variables: dict[str, str]
    """Compose's variables for the others; empty: its own."""

    @classmethod
    def of(cls, engine: Engine) -> ForeignImages | None:
        """Those of the registry, or local ones; None where neither can be had."""
        if all(engine.succeeds("pull", "--quiet", name) for name in _asked_for()):
            return cls("", {})
        if os.geteuid() != 0 or shutil.which("debootstrap") is None:
            return None
        engine.run("import", str(_debian()), "hydatis-test/debian")
        for target in TARGETS:
            network = ["--network", engine.build_network] if engine.build_network else []
            names = ["--file", str(HERE / "local.Dockerfile"), "--target", target, "--tag", f"hydatis-test/{target}"]
            engine.run("build", "--quiet", *network, *names, str(HERE))
        local = {"HYDATIS_REDIS_IMAGE": "hydatis-test/redis", "HYDATIS_PROMETHEUS_IMAGE": "hydatis-test/prometheus"}
        return cls("hydatis-test/python", local)

    def remove(self, engine: Engine) -> None:
        """Takes local ones away again; what was pulled stays, as after any pull."""
        if self.base:
            engine.run("rmi", "--force", "hydatis-test/debian", *(f"hydatis-test/{target}" for target in TARGETS))


def _asked_for() -> list[str]:
    """Names by which the Dockerfile and compose ask for what is not ours."""
    dockerfile = (ROOT / "deploy" / "images" / "Dockerfile").read_text()
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    named = [re.fullmatch(r"\$\{HYDATIS_\w+_IMAGE:-(.*)\}", service["image"]) for service in services.values()]
    return [*re.findall(r"^ARG BASE=(\S+)", dockerfile, flags=re.MULTILINE), *(match[1] for match in named if match)]


def _debian() -> Path:
    """Debian, as an archive."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hydatis" / "compose"
    kept = cache / f"debian-{SUITE}.tar.gz"
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="hydatis-debian-") as folder:
            # in a mount namespace of its own: what it mounts goes with it
            made = ["unshare", "--mount", "debootstrap", "--variant=minbase", SUITE, f"{folder}/root"]
            subprocess.run(made, check=True, capture_output=True)
            partial = kept.with_name(f"{kept.name}.{os.getpid()}")
            without = [f"--exclude=./{path}/*" for path in LEFT_OUT]
            subprocess.run(["tar", "-C", f"{folder}/root", *without, "-czf", str(partial), "."], check=True)
            partial.replace(kept)  # whole or not at all
    return kept
