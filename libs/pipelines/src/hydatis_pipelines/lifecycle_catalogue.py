"""The catalogue of a lifecycle's home: its database, objects and access policy, for whoever runs this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydatis_pipelines.lifecycle_home import LifecycleHome

if TYPE_CHECKING:
    from hydatis_lifecycle.adapters.catalogue.catalogue import Catalogue

__all__ = ["open_catalogue"]


def open_catalogue(home: LifecycleHome) -> Catalogue:
    """The catalogue; made where there is none.

    Raises:
        InvalidValue: the access policy is none.
        DependencyUnavailable: the database cannot be opened.
    """
    from hydatis_lifecycle.adapters.catalogue.catalogue import Catalogue
    from hydatis_lifecycle.adapters.catalogue.policy_file import current_user, read_policy

    policy = read_policy(home.access_policy)
    return Catalogue(home.catalogue_url, home.objects, policy, current_user(home.environment))
