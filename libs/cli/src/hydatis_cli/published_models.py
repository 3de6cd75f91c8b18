"""What lies in the models folder of a state folder, version by version: whether it verifies, who signed it, where it stands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from hydatis_core.errors import ArtifactRefused, InvalidValue
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.adapters.stage_book import StageBook
from hydatis_lifecycle.artifacts import Artifact
from hydatis_lifecycle.signing.statement import artifact_digest
from hydatis_lifecycle.stages import Facts, Stage

from hydatis_cli.signed_models import lifecycle_home, signed_folder
from hydatis_cli.state_folder import StateFolder

__all__ = ["PublishedVersion", "chosen_version", "facts_of", "published_versions", "version_of"]

#: A metric of this beginning in a manifest says that an evaluation let the version pass.
_JUDGED = "business_roi_"


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """One version, as a loader of the stack would find it."""

    name: str
    version: str
    digest: str
    """``sha256:...``; empty: its manifest cannot be read."""
    current: bool
    """Whether servers are told to serve it."""
    stage: str
    signer: str
    """Whose good signature it bears; empty: nobody's who is trusted."""
    refused: str
    """Why it would not be loaded; empty: it would."""
    bytes_count: int
    verify_milliseconds: float
    """What loading and verifying took: signature, digests and reading, without any parsing of the model."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def published_versions(state: StateFolder, name: str | None = None) -> Iterator[PublishedVersion]:
    """Every published version, by model and then from old to new.

    Raises:
        InvalidValue: there is no model of that name.
    """
    folder = ArtifactFolder(state.models)
    found = sorted(entry.name for entry in state.models.iterdir() if entry.is_dir()) if state.models.is_dir() else []
    names = [one for one in found if not one.startswith(".") and name in (None, one)]
    if name is not None and not names:
        expected = ", ".join(found) or "a model that `hydatis train` published"
        raise InvalidValue(f"there is no model {name!r} in {state.models}", field="NAME", expected=expected)
    for model in names:
        for version in folder.versions(model):
            yield version_of(state, model, version)


def version_of(state: StateFolder, name: str, version: str) -> PublishedVersion:
    """One version, verified as the stack would."""
    artifact, refused, milliseconds = _load(state, name, version)
    if artifact is None:
        artifact, _, _ = _load(state, name, version, signed=False)
        signer = ""
    else:
        signer = artifact.signer
    return PublishedVersion(
        name=name,
        version=version,
        digest=artifact_digest(artifact.manifest) if artifact is not None else "",
        current=_current(state, name) == version,
        stage=StageBook(lifecycle_home(state).stages).stages(name).get(version, Stage.NONE).value,
        signer=signer,
        refused=refused,
        bytes_count=sum(map(len, artifact.files.values())) if artifact is not None else 0,
        verify_milliseconds=milliseconds,
    )


def chosen_version(state: StateFolder, name: str, version: str | None) -> str:
    """The version that is meant: the one said, else the current one.

    Raises:
        InvalidValue: there is no such model or version.
    """
    versions = ArtifactFolder(state.models).versions(name)
    if not versions:
        next(published_versions(state, name), None)  # says which models there are
    chosen = version or _current(state, name) or (versions[-1] if versions else None)
    if chosen is None or chosen not in versions:
        expected = ", ".join(versions) or "a published version"
        raise InvalidValue(f"there is no version {version or 'at all'} of {name}", field="VERSION", expected=expected)
    return chosen


def facts_of(state: StateFolder, name: str, version: str, reason: str) -> Facts:
    """What is known of a version that is to be promoted."""
    bare, _, _ = _load(state, name, version, signed=False)
    signed, _, _ = _load(state, name, version)
    judged = bare is not None and any(metric.startswith(_JUDGED) for metric in bare.manifest.metrics)
    return Facts(verified=bare is not None, signed=signed is not None, judged=judged, reason=reason)


def _load(state: StateFolder, name: str, version: str, *, signed: bool = True) -> tuple[Artifact | None, str, float]:
    folder = signed_folder(state) if signed else ArtifactFolder(state.models)
    begin = time.perf_counter()
    try:
        artifact, refused = folder.load(name, version), ""
    except ArtifactRefused as wrong:
        artifact, refused = None, str(wrong)
    return artifact, refused, round((time.perf_counter() - begin) * 1000, 3)


def _current(state: StateFolder, name: str) -> str | None:
    try:
        return ArtifactFolder(state.models).current(name)
    except ArtifactRefused:
        return None
