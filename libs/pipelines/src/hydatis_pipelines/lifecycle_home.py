"""Where the lifecycle keeps what it knows: one folder on a laptop, and other engines by their addresses.

Nothing else decides where the catalogue, the tracking server or a search is found. Each address has an environment variable, so
that the same steps write into a folder here and to PostgreSQL, MLflow and an object store's mount in a cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LifecycleHome"]


@dataclass(frozen=True, slots=True)
class LifecycleHome:
    """Folders and addresses of the lifecycle.

    Args:
        root: the folder; it is made by whoever first writes below it.
        environment: variables that name other engines; ``HYDATIS_CATALOGUE_URL``, ``HYDATIS_MLFLOW_URI``, ``HYDATIS_SEARCH_URL``,
            ``HYDATIS_OBJECTS``, ``HYDATIS_SIGNING_KEY``.
    """

    root: Path
    environment: Mapping[str, str]

    @property
    def catalogue_url(self) -> str:
        """SQLAlchemy URL of datasets, access log and lineage."""
        return self.environment.get("HYDATIS_CATALOGUE_URL") or f"sqlite:///{self.root / 'catalogue.sqlite'}"

    @property
    def objects(self) -> Path:
        """Content-addressed files of registered datasets."""
        return Path(self.environment.get("HYDATIS_OBJECTS") or self.root / "objects")

    @property
    def mlflow_uri(self) -> str:
        """MLflow's tracking and registry URI."""
        return self.environment.get("HYDATIS_MLFLOW_URI") or f"sqlite:///{self.root / 'mlflow.sqlite'}"

    @property
    def mlflow_artifacts(self) -> Path:
        """Where an embedded MLflow keeps artifacts; a server has its own place."""
        return self.root / "mlflow-artifacts"

    @property
    def search_url(self) -> str:
        """SQLAlchemy URL of the studies of searches."""
        return self.environment.get("HYDATIS_SEARCH_URL") or f"sqlite:///{self.root / 'search.sqlite'}"

    @property
    def feature_repository(self) -> Path:
        """Feast's registry, offline store and embedded online store."""
        return self.root / "feast"

    @property
    def step_cache(self) -> Path:
        """Outputs of steps by the digest of their inputs."""
        return self.root / "step-cache"

    @property
    def runs(self) -> Path:
        """Working folders of pipeline runs."""
        return self.root / "runs"

    @property
    def lineage_events(self) -> Path:
        """OpenLineage events, a JSON line each."""
        return self.root / "openlineage.jsonl"

    @property
    def stages(self) -> Path:
        """Which version of a model is in staging and which in production: a file per model."""
        return self.root / "stages"

    @property
    def signing_key(self) -> Path:
        """Private EC key (PEM, 0600); made when it is first needed."""
        return Path(self.environment.get("HYDATIS_SIGNING_KEY") or self.root / "keys" / "signing.pem")

    @property
    def access_policy(self) -> Path:
        """Who may read, register and delete datasets."""
        return self.root / "access.yaml"
