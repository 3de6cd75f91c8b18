"""Where the commands find the feature repository of a state folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from hydatis_core.errors import InvalidValue
from hydatis_pipelines.lifecycle_home import LifecycleHome

from hydatis_cli.state_folder import StateFolder

if TYPE_CHECKING:
    from hydatis_feature_store.repository import FeatureRepository
    from hydatis_feature_store.stored_views import StoredView

__all__ = ["OnlineOption", "RecordOption", "feature_repository", "view_named"]

OnlineOption = Annotated[
    str,
    typer.Option(
        "--online",
        envvar="HYDATIS_FEATURES_ONLINE",
        help="Online store: sqlite (in the folder), redis://HOST:PORT/DB or rediss://.",
    ),
]


RecordOption = Annotated[
    str,
    typer.Option(
        "--record",
        help="Features of a pipeline's run: first digits of their digest (lifecycle/feast/records). Left out: the live ones.",
    ),
]


def feature_repository(state: Path, online: str = "sqlite", record: str = "") -> FeatureRepository:
    """The repository of a state folder: of what is streamed, or of one record that a pipeline stored.

    Raises:
        InvalidValue: no record, or more than one, begins with these digits.
    """
    from hydatis_feature_store.repository import FeatureRepository

    folder = LifecycleHome(StateFolder(state).root / "lifecycle", os.environ).feature_repository
    if not record:
        return FeatureRepository(folder, online)
    held = sorted(path.name for path in (folder / "records").glob("*") if path.is_dir())
    meant = [name for name in held if name.startswith(record.removeprefix("sha256:")[: len(name)])]
    if len(meant) != 1:
        raise InvalidValue(
            f"{len(meant)} records begin with {record!r}", field="--record", expected=", ".join(held) or "none is stored"
        )
    return FeatureRepository(folder / "records" / meant[0], online)


def view_named(name: str) -> StoredView:
    """The view of a name.

    Raises:
        InvalidValue: there is none.
    """
    from hydatis_feature_store.stored_views import VIEWS

    for view in VIEWS:
        if view.name == name:
            return view
    raise InvalidValue(f"{name!r} is not a view", field="--view", expected=" or ".join(view.name for view in VIEWS))
