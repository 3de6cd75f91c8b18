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

__all__ = ["OnlineOption", "feature_repository", "view_named"]

OnlineOption = Annotated[
    str,
    typer.Option(
        "--online",
        envvar="HYDATIS_FEATURES_ONLINE",
        help="Online store: sqlite (in the folder), redis://HOST:PORT/DB or rediss://.",
    ),
]


def feature_repository(state: Path, online: str = "sqlite") -> FeatureRepository:
    """The repository of a state folder."""
    from hydatis_feature_store.repository import FeatureRepository

    return FeatureRepository(LifecycleHome(StateFolder(state).root / "lifecycle", os.environ).feature_repository, online)


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
