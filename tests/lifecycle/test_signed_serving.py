"""Who may write the models folder and has no key changes nothing that is served: real processes, real signatures."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydatis_core.seeds import generator
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.adapters.ec_key import EcSigner, trusted_keys_beside
from hydatis_lifecycle.artifacts import Manifest, digest_files, manifest_to_json
from hydatis_placement.after_state import COLUMN_DEFINITIONS
from hydatis_placement.q_function import initial_q_function

MODEL = "placement-policy"
PATIENCE_SECONDS = 60.0


class Service:
    """A service on free ports whose log lines can be waited for."""

    def __init__(self, module: str, **settings: object) -> None:
        arguments = [part for name, value in settings.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HYDATIS_")}
        command = [sys.executable, "-m", module, *arguments]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=kept)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put("")

    def said(self, message: str, **fields: object) -> dict[str, Any]:
        """The next log line that begins with a message and has these fields."""
        seen = []
        while line := self._lines.get(timeout=PATIENCE_SECONDS):
            seen.append(line)
            told = json.loads(line) if line.startswith("{") else {}
            if str(told.get("message", "")).startswith(message) and fields.items() <= told.items():
                return dict(told)
        raise AssertionError(f"no {message!r} with {fields} in:\n{''.join(seen)}")

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE_SECONDS)


@pytest.fixture
def start() -> Iterator[Any]:
    running: list[Service] = []

    def started(module: str, **settings: object) -> Service:
        running.append(Service(module, **settings))
        return running[-1]

    yield started
    for service in running:
        service.stop()


@pytest.fixture
def signer(tmp_path: Path) -> EcSigner:
    return EcSigner.from_file(tmp_path / "keys" / "signing.pem")


@pytest.fixture
def trusted(tmp_path: Path, signer: EcSigner) -> Path:
    return trusted_keys_beside(tmp_path / "keys" / "signing.pem")


def policy(version: str, seed: int) -> tuple[Manifest, dict[str, bytes]]:
    inputs = len(COLUMN_DEFINITIONS)
    function = initial_q_function(generator(seed, "test"), np.zeros(inputs, np.float32), np.ones(inputs, np.float32), (8,))
    files = dict(function.to_files())
    made = Manifest(MODEL, version, "q_function", COLUMN_DEFINITIONS, ("q",), "dataset", "run", {}, {}, digest_files(files))
    return made, files


def forge(path: Path, manifest: Manifest, files: dict[str, bytes]) -> None:
    """What somebody without the key can do: other files, and a manifest whose digests are theirs."""
    for name, data in files.items():
        (path / name).write_bytes(data)
    (path / "manifest.json").write_bytes(manifest_to_json(manifest))


def server_of(start: Any, models: Path, **settings: object) -> Service:
    told = {"model_name": MODEL, "models_dir": models, "http_port": 0, "grpc_port": 0, "metrics_port": 0, "poll_seconds": 0.05}
    made: Service = start("hydatis_model_server", **(told | settings))
    return made


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_SECONDS) as answer:
        return str(answer.read().decode())


def test_a_model_server_goes_on_with_the_signed_version_whatever_is_put_beside_it(
    start: Any, signer: EcSigner, trusted: Path, tmp_path: Path
) -> None:
    folder = ArtifactFolder(tmp_path / "models")
    folder.publish(*policy("1.0.0", 1), signer)
    server = server_of(start, folder.models_dir, trusted_keys=trusted)
    assert server.said("serving")["signer"] == signer.identity
    port = server.said("listening")["http_port"]

    folder.publish(*policy("1.0.1", 2))
    assert "the version is not signed" in server.said("artifact refused", version="1.0.1")["reason"]

    path = folder.publish(*policy("1.0.2", 3), signer, make_current=False)
    forge(path, *policy("1.0.2", 4))
    folder.set_current(MODEL, "1.0.2")  # digests agree with each other, so who checks nothing else moves on
    refused = server.said("artifact refused", version="1.0.2")
    assert "which is not the one that was signed" in refused["reason"]
    assert refused["serving"] == "1.0.0"

    stranger = EcSigner.from_file(tmp_path / "stranger" / "signing.pem")
    folder.publish(*policy("1.0.3", 5), stranger)
    reason = server.said("artifact refused", version="1.0.3")["reason"]
    assert f"signed by key {stranger.identity[:16]}, which is not trusted" in reason

    text = metrics(port)
    assert f'hydatis_model_served{{model="{MODEL}",version="1.0.0"}} 1.0' in text
    assert "hydatis_signatures_required 1.0" in text
    for version in ("1.0.1", "1.0.2", "1.0.3"):
        assert f'hydatis_artifact_refused_total{{model="{MODEL}",version="{version}"}} 1.0' in text

    shutil.copy(next((tmp_path / "stranger" / "trusted").iterdir()), trusted)  # a second key is trusted from the next version on
    folder.publish(*policy("1.0.4", 6), stranger)
    assert server.said("serving", version="1.0.4")["signer"] == stranger.identity


def test_a_model_server_does_not_start_on_unsigned_models_unless_it_is_told_to_accept_them(
    start: Any, trusted: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    ArtifactFolder(models).publish(*policy("1.0.0", 1))
    strict = server_of(start, models, trusted_keys=trusted)
    assert strict.process.wait(PATIENCE_SECONDS) != 0

    lenient = server_of(start, models, trusted_keys=trusted, unsigned_models="accept")
    lenient.said("models without a signature are accepted")
    assert "hydatis_signatures_required 0.0" in metrics(lenient.said("listening")["http_port"])

    unasked = server_of(start, models)
    unasked.said("signatures of models are not checked")
    assert unasked.said("serving")["signer"] == "unchecked"


def test_the_policy_that_placement_holds_itself_is_held_to_the_same_rule(
    start: Any, signer: EcSigner, trusted: Path, tmp_path: Path
) -> None:
    folder = ArtifactFolder(tmp_path / "models")
    folder.publish(*policy("1.0.0", 1), signer)
    folder.publish(*policy("1.0.1", 2))
    settings = {"models_dir": folder.models_dir, "grpc_port": 0, "metrics_port": 0, "models_check_seconds": 0.05}
    service = start("hydatis_placement_policy", trusted_keys=trusted, **settings)
    assert "the version is not signed" in service.said("policy version refused", version="1.0.1")["reason"]
    service.said("local policy loaded", version="1.0.0")
