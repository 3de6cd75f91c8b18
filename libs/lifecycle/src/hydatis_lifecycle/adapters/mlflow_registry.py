"""MLflow as we use it: experiments, runs and registered models, by SQLite here and by a server's address elsewhere.

MLflow is a mirror. What is published is the signed folder, whose stage is in our own book; here people and other tools find it.
So nothing is lost when MLflow is down: what was not registered is registered by saying it again, since a version is known by the
digest of its artifact and registered once.

``mlflow`` takes 3.5 s to import and is imported when the first instance is made. It sends usage statistics unless it is told not
to, and unpickles what it is given unless it is told not to: both are told before the import.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydatis_core.errors import DependencyUnavailable, InvalidValue

from hydatis_lifecycle.stages import Stage

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

__all__ = ["DIGEST_TAG", "STAGE_TAG", "VERSION_TAG", "MlflowRegistry", "RegisteredModelVersion"]

DIGEST_TAG, VERSION_TAG, STAGE_TAG = "hydatis.digest", "hydatis.version", "hydatis.stage"

#: Aliases by the stage that they follow.
ALIASES = {Stage.STAGING: "staging", Stage.PRODUCTION: "production"}

#: Set unless somebody set them: no statistics to anybody, no pickles, and a server that is down is said so in seconds, not minutes.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}

_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class RegisteredModelVersion:
    """A version as MLflow knows it."""

    name: str
    version: str
    """Ours: three numbers."""
    number: str
    """MLflow's own count."""
    digest: str
    """``sha256:...`` of the artifact."""
    run_id: str
    source: str
    """Where its files are, as a URI of MLflow."""
    stage: str
    """The stage that was last mirrored."""


class MlflowRegistry:
    """One tracking server or database.

    Args:
        uri: ``sqlite:///FILE``, another database, or ``http(s)://``.
        artifacts: where an embedded one keeps files; a server has its own place.

    Raises:
        InvalidValue: a kind of address that MLflow gave up, such as a folder.
        DependencyUnavailable: it does not answer, or MLflow is not installed.
    """

    def __init__(self, uri: str, artifacts: Path) -> None:
        self.uri = uri
        self._artifacts = artifacts
        if "://" not in uri or uri.startswith("file:"):
            expected = "sqlite:///FILE, the URL of a database, or http://HOST:PORT"
            raise InvalidValue(f"{uri} is no address of MLflow", field="HYDATIS_MLFLOW_URI", expected=expected)
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow.tracking import MlflowClient
        except ImportError:
            shown, expected = "MLflow is not installed", "pip install 'hydatis-lifecycle[registry]'"
            raise DependencyUnavailable(shown, field="mlflow", expected=expected) from None
        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        with self.answering(), self._first_of_many():
            self.client: MlflowClient = MlflowClient(uri, uri)
            """MLflow's own client, for what this class has no words for; its calls belong into ``answering()``."""
            self.client.search_experiments(max_results=1)  # makes the tables of a new database

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Turns whatever MLflow raises into one error of ours.

        Raises:
            DependencyUnavailable: MLflow, its database or its server failed.
        """
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, SQLAlchemyError, OSError) as cause:
            shown = f"MLflow did not answer: {type(cause).__name__}: {' '.join(str(cause).split())[:200]}"
            expected = "a server or database that answers; what was published stays, and can be registered again"
            raise DependencyUnavailable(shown, field=self.uri, expected=expected) from None

    def experiment(self, name: str) -> str:
        """The id of an experiment, made if need be."""
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        place = None if self.uri.startswith("http") else (self._artifacts / name).resolve().as_uri()
        return str(self.client.create_experiment(name, artifact_location=place))

    def find(self, name: str, digest: str) -> RegisteredModelVersion | None:
        """The version of a model with this digest; None: it is not registered."""
        with self.answering():
            found = self.client.search_model_versions(f"name = '{name}' and tags.`{DIGEST_TAG}` = '{digest}'")
        return _version(found[0]) if found else None

    def versions(self, name: str) -> tuple[RegisteredModelVersion, ...]:
        """Everything that is registered of a model, oldest first."""
        with self.answering():
            found = self.client.search_model_versions(f"name = '{name}'")
        return tuple(_version(one) for one in sorted(found, key=lambda one: int(one.version)))

    def register(
        self, name: str, version: str, digest: str, run_id: str, source: str, tags: Mapping[str, str]
    ) -> RegisteredModelVersion:
        """Registers an artifact that a run logged.

        Raises:
            DependencyUnavailable: MLflow failed.
        """
        with self.answering():
            if not self.client.search_registered_models(f"name = '{name}'"):
                self.client.create_registered_model(name)
            said = {DIGEST_TAG: digest, VERSION_TAG: version, STAGE_TAG: Stage.NONE.value, **tags}
            return _version(self.client.create_model_version(name, source, run_id, tags=said))

    def mirror(self, name: str, stages: Mapping[str, Stage]) -> int:
        """Writes stages to tags and aliases; returns how many registered versions stand otherwise now.

        Args:
            name: the model.
            stages: stage by our version; the others are at none.
        """
        changed = 0
        with self.answering():
            registered = self.versions(name)
            if not registered:
                return 0
            held = {alias: str(number) for alias, number in self.client.get_registered_model(name).aliases.items()}
            wanted: dict[str, str] = {}
            for one in registered:
                stage = stages.get(one.version, Stage.NONE)
                if stage in ALIASES:
                    wanted[ALIASES[stage]] = one.number
                if one.stage != stage.value:
                    self.client.set_model_version_tag(name, one.number, STAGE_TAG, stage.value)
                    changed += 1
            for alias in ALIASES.values():
                if held.get(alias) == wanted.get(alias):
                    continue
                if alias in wanted:
                    self.client.set_registered_model_alias(name, alias, wanted[alias])
                else:
                    self.client.delete_registered_model_alias(name, alias)
        return changed

    @contextmanager
    def _first_of_many(self) -> Iterator[None]:
        """One process at a time makes the tables of a SQLite database: two would each find them half made."""
        if not self.uri.startswith(_SQLITE):
            yield
            return
        database = Path(self.uri.removeprefix(_SQLITE))
        database.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(database.with_name(f".{database.name}.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _version(found: ModelVersion) -> RegisteredModelVersion:
    tags: Mapping[str, Any] = found.tags
    return RegisteredModelVersion(
        name=found.name,
        version=tags.get(VERSION_TAG, ""),
        number=str(found.version),
        digest=tags.get(DIGEST_TAG, ""),
        run_id=found.run_id or "",
        source=found.source or "",
        stage=tags.get(STAGE_TAG, Stage.NONE.value),
    )
