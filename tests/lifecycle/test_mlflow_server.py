"""A real MLflow server: what it is sent, what happens when it is killed, and that saying it again brings it up to date."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from control_plane.waiting import until
from hydatis_core.errors import DependencyUnavailable
from hydatis_core.seeds import generator
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.adapters.ec_key import EcSigner
from hydatis_lifecycle.adapters.mlflow_registry import MlflowRegistry
from hydatis_lifecycle.stages import Stage
from hydatis_pipelines.lifecycle_home import LifecycleHome
from hydatis_pipelines.publish_step import PublishedModel, publish
from hydatis_pipelines.tracking import track_run
from hydatis_pipelines.trained_model import TrainedModel
from hydatis_placement.after_state import COLUMN_DEFINITIONS
from hydatis_placement.q_function import initial_q_function

NAME = "placement-policy"
#: A second for a server on a quiet machine, many on one that runs other tests.
PATIENCE_SECONDS = 240.0


class Server:
    """``mlflow server`` on loopback, whose database outlives it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        store, files = f"sqlite:///{self._folder / 'server.sqlite'}", (self._folder / "files").as_uri()
        options = ["--backend-store-uri", store, "--artifacts-destination", files, "--host", "127.0.0.1", "--workers", "1"]
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(self.port), *options]
        told = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self._folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=os.environ | told, stdout=log, stderr=log, start_new_session=True)
        until(self._answers, f"the server answers; its log is in {self._folder}", PATIENCE_SECONDS)

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
            self.process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path)
    running.start()
    yield running
    running.kill()


def published(models: Path, signer: EcSigner, seed: int) -> PublishedModel:
    inputs = len(COLUMN_DEFINITIONS)
    function = initial_q_function(generator(seed, "test"), np.zeros(inputs, np.float32), np.ones(inputs, np.float32), (4,))
    files = dict(function.to_files())
    model = TrainedModel(
        NAME, "q_function", COLUMN_DEFINITIONS, ("q",), files, f"sha256:{'2' * 64}", f"run-{seed}", {"reward": 0.5}
    )
    return publish(model, models, signer)


def test_what_a_killed_server_missed_is_registered_when_it_is_said_again(server: Server, tmp_path: Path) -> None:
    home = LifecycleHome(tmp_path / "lifecycle", {"HYDATIS_MLFLOW_URI": server.url})
    models, signer = tmp_path / "models", EcSigner.from_file(home.signing_key)
    first = published(models, signer, 1)
    there = track_run(home, [first])[NAME]
    assert (there.version, there.number, there.stage) == ("1.0.0", "1", "none")
    assert there.source.startswith("mlflow-artifacts:")
    registry = MlflowRegistry(server.url, home.mlflow_artifacts)
    fetched = Path(registry.client.download_artifacts(there.run_id, "model/artifact", str(tmp_path)))
    assert {file.name: file.read_bytes() for file in fetched.iterdir()} == {
        file.name: file.read_bytes() for file in first.path.iterdir()
    }

    server.kill()
    second = published(models, signer, 2)
    with pytest.raises(DependencyUnavailable, match=r"MLflow did not answer.*can be registered again"):
        track_run(home, [second])
    assert ArtifactFolder(models).load(NAME).manifest.version == "1.0.1"  # published, signed and served all the same

    server.start()
    again = track_run(home, [first, second])[NAME]
    assert (again.version, again.number) == ("1.0.1", "2")
    assert track_run(home, [second])[NAME] == again
    assert [one.version for one in registry.versions(NAME)] == ["1.0.0", "1.0.1"]
    assert registry.mirror(NAME, {"1.0.0": Stage.ARCHIVED, "1.0.1": Stage.PRODUCTION}) == 2
    assert registry.client.get_registered_model(NAME).aliases == {"production": "2"}
