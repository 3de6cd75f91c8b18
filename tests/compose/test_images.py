"""What the images hold and do not hold, as the engine sees them."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from container_engine.engine import Engine

ROOT = Path(__file__).resolve().parents[2]
SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/pyproject.toml"))
#: Largest image in MB (10^6 bytes, unpacked, as `docker images` counts). model-server: kserve needs pandas and the client of
#: Kubernetes, xgboost needs scipy.
LARGEST_MB = dict.fromkeys(SERVICES, 350) | {"model-server": 600}
#: How a container of ours is run where it is run well.
CONFINED = ("run", "--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")


@pytest.fixture(params=SERVICES)
def image(request: pytest.FixtureRequest, engine: Engine, images: dict[str, str]) -> dict[str, Any]:
    """What the engine knows of an image, and its service."""
    return json.loads(engine.run("inspect", images[request.param]))[0] | {"service": request.param}


def test_an_image_is_small(image: dict[str, Any]) -> None:
    assert image["Size"] / 1e6 <= LARGEST_MB[image["service"]]


def test_an_image_says_what_it_is(image: dict[str, Any]) -> None:
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in image["Config"]["Labels"].items()}
    project = tomllib.loads((ROOT / "services" / image["service"] / "pyproject.toml").read_text())["project"]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    assert labels["title"] == f"hydatis-{image['service']}"
    assert labels["version"] == project["version"]
    assert labels["licenses"] == project["license"]
    assert labels["description"].startswith("HYDATIS: ")
    assert labels["source"] == "https://git.example.org/hydatis"
    assert labels.get("revision", "") == commit


def test_an_image_runs_confined_and_tells_its_settings(engine: Engine, image: dict[str, Any]) -> None:
    assert image["Config"]["User"] == "10001:10001"
    said = engine.run(*CONFINED, image["Id"], "--help")
    assert f"HYDATIS_{image['service'].upper().replace('-', '_')}_LOG_LEVEL" in said


def test_a_setting_that_is_wrong_ends_a_container_with_a_sentence(engine: Engine, image: dict[str, Any]) -> None:
    command = [engine.docker, *CONFINED, image["Id"], "--log-level", "LOUD"]
    done = subprocess.run(command, env=engine.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "LOG_LEVEL" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_of_the_build_stays_in_an_image(engine: Engine, image: dict[str, Any]) -> None:
    # as root, who may look everywhere
    found = engine.run(
        "run", "--rm", "--user=0", "--network=none", "--entrypoint=find", image["Id"],
        "/src", "/run/secrets", "/tmp", "/opt/hydatis", "-mindepth", "1",
        "(", "-type", "f", "-not", "-path", "/opt/hydatis/*", "-o", "-type", "d", "-name", "tests", ")",
    )  # fmt: skip
    assert found == ""
    anywhere = ["/", "-xdev", "-type", "f", "-path", "*/.cache/*"]
    assert engine.run("run", "--rm", "--user=0", "--network=none", "--entrypoint=find", image["Id"], *anywhere) == ""


def test_where_packages_came_from_is_not_told_by_an_image(engine: Engine, image: dict[str, Any]) -> None:
    history = engine.run("history", "--no-trunc", "--format={{.CreatedBy}}", image["Id"])
    told = history + json.dumps(image["Config"])
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    settings = dict(line.split("=", 1) for line in listed.splitlines() if "=" in line)
    secret = [value.strip("'") for key, value in settings.items() if key.endswith(("index-url", "proxy", "trusted-host"))]
    assert [value for value in secret if value in told] == []
    assert "index" not in told


def test_the_images_share_what_all_services_need(engine: Engine, images: dict[str, str]) -> None:
    layers = [json.loads(engine.run("inspect", name))[0]["RootFS"]["Layers"] for name in images.values()]
    shared = [layer for layer in layers[0] if all(layer in other for other in layers)]
    # a service's own: its packages, a folder of work and, of one, a folder of records
    assert min(len(own) for own in layers) - len(shared) <= 2
