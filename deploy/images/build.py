"""Builds the images of HYDATIS: one Dockerfile, one target a service, the tag that chart and compose ask for.

A wrapper of ``docker build`` for three things that no Dockerfile can know: the version and the revision, pip's settings on this
machine (its index, its certificates), which go in as secrets and stay in no layer, and a base image other than the pinned one.

    python deploy/images/build.py                      all seven
    python deploy/images/build.py forecaster           some
    python deploy/images/build.py --base my-python:3.11 --registry registry.example.org/team

BuildKit is needed: Docker 23 with buildx, or Docker 20.10 as it is.
"""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
import tempfile
import tomllib
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = tuple(sorted(path.parent.name for path in (ROOT / "services").glob("*/pyproject.toml")))
#: What of pip's settings a build takes over: where packages come from. Local folders would not be there.
PIP_OPTIONS = frozenset({"index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout", "retries"})
CERTIFICATES = "/run/secrets/ca.pem"


def pip_settings(listed: str) -> dict[str, str]:
    """What ``pip config list`` says, without the sections; the environment's word goes before the files'."""
    lines = [line.partition("=") for line in listed.splitlines() if "=" in line]
    lines.sort(key=lambda line: line[0].startswith(":env:"))
    return {key.rpartition(".")[2]: str(ast.literal_eval(value)) for key, _, value in lines}


def pip_configuration(settings: dict[str, str]) -> str:
    """The pip.conf of a build."""
    kept = {key: value for key, value in settings.items() if key in PIP_OPTIONS}
    if settings.get("cert"):
        kept["cert"] = CERTIFICATES
    return "[global]\n" + "".join(f"{key} = {value.replace(chr(10), chr(10) + '    ')}\n" for key, value in sorted(kept.items()))


def origin() -> str:
    """Where this folder was cloned from, without a user's name or password; empty: from nowhere that others could reach."""
    url = urllib.parse.urlsplit(_said("git", "config", "--get", "remote.origin.url"))
    return urllib.parse.urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2])) if url.scheme == "https" else ""


def command(service: str, options: argparse.Namespace, secrets: Sequence[str]) -> list[str]:
    """The ``docker build`` of one service."""
    version = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text())["project"]["version"]
    labels = {"version": version, "revision": options.revision, "source": options.source}
    prefix = f"{options.registry}/" if options.registry else ""
    built = [options.docker, "build", "--file", "deploy/images/Dockerfile", "--build-arg", f"SERVICE={service}"]
    built += ["--tag", f"{prefix}hydatis-{service}:{options.tag or version}"]
    for key, value in labels.items():
        built += ["--label", f"org.opencontainers.image.{key}={value}"] if value else []
    for secret in secrets:
        built += ["--secret", secret]
    # a proxy's address is the one build argument that Docker keeps out of an image's history
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        built += ["--build-arg", name] if name in os.environ else []
    built += ["--build-arg", f"BASE={options.base}"] if options.base else []
    built += ["--network", options.network] if options.network else []
    return [*built, "."]


def main(arguments: Sequence[str] | None = None) -> None:
    """Builds what the command line names, or all."""
    parser = argparse.ArgumentParser(prog="python deploy/images/build.py", description="Builds the images of HYDATIS.")
    parser.add_argument("services", nargs="*", metavar="SERVICE", help=f"{', '.join(SERVICES)} (default: all)")
    parser.add_argument("--base", default="", help="image with Python >= 3.11, pip and venv (default: the Dockerfile's, pinned)")
    parser.add_argument("--registry", default="", help="registry.example.org/team, put before the names (default: none)")
    parser.add_argument("--tag", default="", help="default: the version")
    parser.add_argument(
        "--source", default=origin(), help="address of the repository, for the label (default: where it was cloned from)"
    )
    parser.add_argument(
        "--revision", default=_said("git", "rev-parse", "HEAD"), help="for the label (default: the commit checked out)"
    )
    parser.add_argument("--network", default="", help="network of the build, as `docker build` takes it")
    parser.add_argument("--docker", default="docker", help="the program (default: docker)")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.services) - set(SERVICES)):
        parser.error(f"no such service: {', '.join(unknown)}; there are {', '.join(SERVICES)}")
    settings = pip_settings(_said(sys.executable, "-m", "pip", "config", "list"))
    with tempfile.TemporaryDirectory(prefix="hydatis-images-") as folder:
        configuration = Path(folder) / "pip.conf"
        configuration.write_text(pip_configuration(settings))
        secrets = [f"id=pip.conf,src={configuration}"]
        if settings.get("cert"):
            secrets.append(f"id=ca.pem,src={settings['cert']}")
        for service in options.services or SERVICES:
            done = subprocess.run(
                command(service, options, secrets), cwd=ROOT, env=os.environ | {"DOCKER_BUILDKIT": "1"}, check=False
            )
            if done.returncode != 0:
                raise SystemExit(f"the image of {service} was not built")


def _said(*words: str) -> str:
    """What a program prints; empty where it fails or is not there."""
    try:
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


if __name__ == "__main__":
    main()
