"""An engine, the images and the stack in containers: made once, and taken away with all that they left."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from container_engine.composed import Composed
from container_engine.engine import Engine, engine
from container_engine.foreign_images import ForeignImages

ROOT = Path(__file__).resolve().parents[2]
NEEDED = "apt-get install docker.io docker-compose debootstrap, as root; or a Docker that runs and a registry"


@pytest.fixture(scope="session", name="engine")
def engine_fixture() -> Iterator[Engine]:
    """The machine's engine, or one of the tests' own."""
    with engine() as running:
        assert running is not None, f"no container engine: {NEEDED}"
        yield running


@pytest.fixture(scope="session")
def foreign(engine: Engine) -> Iterator[ForeignImages]:
    """Python, Redis and Prometheus."""
    found = ForeignImages.of(engine)
    assert found is not None, f"no images: {NEEDED}"
    yield found
    found.remove(engine)


@pytest.fixture(scope="session")
def images(engine: Engine, foreign: ForeignImages) -> Iterator[dict[str, str]]:
    """Our images by service, of this working tree, under a tag of their own."""
    services = sorted(path.parent.name for path in (ROOT / "services").glob("*/pyproject.toml"))
    options = ["--docker", engine.docker, "--tag", "test", "--source", "https://git.example.org/hydatis"]
    options += ["--base", foreign.base] if foreign.base else []
    options += ["--network", engine.build_network] if engine.build_network else []
    command = [sys.executable, "deploy/images/build.py", *options]
    done = subprocess.run(command, cwd=ROOT, env=engine.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    yield {service: f"hydatis-{service}:test" for service in services}
    engine.run("rmi", "--force", *(f"hydatis-{service}:test" for service in services))


@pytest.fixture(scope="session")
def composed(engine: Engine, foreign: ForeignImages, images: dict[str, str], models_folder: Path) -> Iterator[Composed]:
    """docker-compose.yaml with every container healthy."""
    keys = models_folder.parent / "lifecycle" / "keys" / "trusted"
    variables = {"HYDATIS_VERSION": "test", "HYDATIS_REGISTRY": "", "HYDATIS_MODELS": str(models_folder)}
    variables["HYDATIS_TRUSTED_KEYS"] = str(keys)
    stack = Composed(engine, {**variables, **foreign.variables})
    with ExitStack() as ends:
        ends.callback(stack.down)
        stack.up()
        yield stack
