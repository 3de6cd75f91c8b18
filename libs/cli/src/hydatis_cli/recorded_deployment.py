"""A promotion in the lineage: a version that servers are told to serve is a deployment, found from the raw data it was made of."""

from __future__ import annotations

from hydatis_core.errors import DependencyUnavailable

from hydatis_cli.signed_models import lifecycle_home
from hydatis_cli.state_folder import StateFolder

__all__ = ["record_deployment"]


def record_deployment(state: StateFolder, name: str, version: str, *, at_seconds: float, who: str) -> str:
    """Records that a published version is served from now on; returns why it could not, empty: it could.

    The version serves already: a catalogue that is locked or gone takes nothing back.
    """
    from hydatis_lifecycle.adapters.lineage_store import LineageStore
    from hydatis_lifecycle.lineage.deployment import deployment_record
    from hydatis_pipelines.finish_step import SERVING, artifact_entity

    artifact = artifact_entity(state.models, name, version)
    try:
        LineageStore(lifecycle_home(state).catalogue_url).add(deployment_record(artifact, SERVING, at_seconds=at_seconds, by=who))
    except DependencyUnavailable as wrong:
        return str(wrong)
    return ""
