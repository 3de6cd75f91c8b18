"""Tiny models, and the processes that serve them: the tests never import the SDK, whose message types clash with our own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xgboost
from hydatis_anomaly import training
from hydatis_anomaly.forest import IsolationForestArrays
from hydatis_core.seeds import generator
from hydatis_features.schema import SCHEMA
from hydatis_forecasting.inputs import INPUT_COLUMNS
from hydatis_forecasting.model import QuantileForecaster
from hydatis_forecasting.shape import shape_of
from hydatis_forecasting.targets import TARGETS
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.artifacts import Manifest, digest_files
from hydatis_placement.after_state import COLUMN_DEFINITIONS
from hydatis_placement.q_function import QFunction, initial_q_function

#: What a test waits for something to happen, at most.
PATIENCE_SECONDS = 30.0


def publish(models_dir: Path, name: str, kind: str, columns, outputs, files, version="1.0.0") -> Path:
    manifest = Manifest(name, version, kind, tuple(columns), tuple(outputs), "dataset", "run", {}, {}, digest_files(files))
    return ArtifactFolder(models_dir).publish(manifest, files)


def q_function(seed: int) -> QFunction:
    inputs = len(COLUMN_DEFINITIONS)
    return initial_q_function(generator(seed, "test"), np.zeros(inputs, np.float32), np.ones(inputs, np.float32), (8,))


def publish_q(models_dir: Path, version: str, seed: int = 1) -> tuple[QFunction, Path]:
    function = q_function(seed)
    return function, publish(models_dir, "placement-policy", "q_function", COLUMN_DEFINITIONS, ("q",), function.to_files(), version)


def quantile_forecaster(rounds: int = 2, max_depth: int = 2, columns=INPUT_COLUMNS) -> QuantileForecaster:
    rows = np.random.default_rng(1).random((200, len(columns)), dtype=np.float32)
    parameters = {"objective": "reg:quantileerror", "quantile_alpha": [0.5, 0.95], "max_depth": max_depth, "nthread": 1}
    shapes = shape_of([name for name, _ in columns], rows, "cpu").rows
    boosters = [xgboost.train(parameters, xgboost.DMatrix(shapes, rows[:, place] - 0.5), rounds) for place in range(len(TARGETS))]
    return QuantileForecaster("cpu", columns, boosters)


def publish_forecaster(models_dir: Path, version: str = "1.0.0", columns=INPUT_COLUMNS, **size: int) -> QuantileForecaster:
    forecaster = quantile_forecaster(columns=columns, **size)
    files = forecaster.to_files()
    publish(models_dir, "cpu-forecaster", "xgboost_quantile", columns, forecaster.outputs, files, version)
    return forecaster


def publish_forest(models_dir: Path, version: str = "1.0.0") -> IsolationForestArrays:
    columns = training.columns_of(training.INPUTS)
    rows = np.random.default_rng(2).random((300, len(columns)), dtype=np.float32)
    forest = training.train(rows, seed=1, parameters=training.ForestParameters(tree_count=5, rows_per_tree=32))
    publish(models_dir, "anomaly-detector", "isolation_forest", columns, forest.outputs, forest.to_files(), version)
    return forest


#: (name, definition hash) of the whole node table: what clients send.
TABLE_COLUMNS = tuple(zip(SCHEMA.names, SCHEMA.hashes, strict=True))


def picked(rows, offered, wanted):
    """The columns of rows that a model wants, found the slow and obvious way."""
    return np.ascontiguousarray(rows[:, [list(offered).index(column) for column in wanted]])


def layout(columns) -> str:
    return ",".join(f"{name}:{definition}" for name, definition in columns)


class Server:
    """``python -m hydatis_model_server``, on free loopback ports."""

    def __init__(self, models_dir: Path, name: str, **settings: object) -> None:
        self.name = name
        told = {
            "models-dir": models_dir,
            "model-name": name,
            "http-port": 0,
            "grpc-port": 0,
            "metrics-port": 0,
            "poll-seconds": 0.05,
        }
        arguments = [part for key, value in (told | settings).items() for part in (f"--{key}", str(value))]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hydatis_model_server", *arguments],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={key: value for key, value in os.environ.items() if not key.startswith("HYDATIS_")},
        )
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self.lines.append("")
            self._changed.notify_all()

    def events(self, message: str) -> list[dict]:
        return [event for event in map(_parsed, list(self.lines)) if event.get("message") == message]

    def wait_for(self, message: str, **fields: object) -> dict:
        """The log line with this message and these fields, once it is there."""

        def found() -> list[dict]:
            return [event for event in self.events(message) if fields.items() <= event.items()]

        with self._changed:
            self._changed.wait_for(lambda: found() or (self.lines and self.lines[-1] == ""), PATIENCE_SECONDS)
            assert found(), f"no {message!r} with {fields} in:\n{''.join(self.lines)}"
            return found()[0]

    @property
    def grpc_address(self) -> str:
        return f"127.0.0.1:{self.wait_for('listening')['grpc_port']}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.wait_for('listening')['http_port']}"

    def rest(self, path: str, body: object = None) -> tuple[int, object]:
        """(status, JSON or text) of a GET, or of a POST when there is a body."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        self.process.stderr.close()
        return code


def _parsed(line: str) -> dict:
    try:
        return json.loads(line)
    except ValueError:
        return {}


@pytest.fixture(scope="session")
def kit():
    """What the tests make models with."""
    return SimpleNamespace(
        publish=publish,
        publish_q=publish_q,
        publish_forecaster=publish_forecaster,
        publish_forest=publish_forest,
        q_function=q_function,
        layout=layout,
        picked=picked,
        table_columns=TABLE_COLUMNS,
        state_columns=COLUMN_DEFINITIONS,
        input_columns=INPUT_COLUMNS,
    )


@pytest.fixture(scope="session")
def serve_all_session():
    yield from _serving()


@pytest.fixture
def serve():
    """Starts servers; they are stopped after the test."""
    yield from _serving()


def _serving():
    started: list[Server] = []

    def start(models_dir: Path, name: str = "placement-policy", **settings: object) -> Server:
        started.append(Server(models_dir, name, **settings))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def served(tmp_path_factory, serve_all_session):
    """One server of each kind, with the model it serves: nothing in the folder changes."""
    models_dir = tmp_path_factory.mktemp("models")
    q, _ = publish_q(models_dir, "1.0.0")
    models = {
        "placement-policy": q,
        "cpu-forecaster": publish_forecaster(models_dir),
        "anomaly-detector": publish_forest(models_dir),
    }
    return {name: SimpleNamespace(model=model, server=serve_all_session(models_dir, name)) for name, model in models.items()}
