"""One repository that tests share: Feast takes seconds to import and half a second to apply."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hydatis_feature_store.repository import FeatureRepository


@pytest.fixture
def make_repository(tmp_path: Path) -> Callable[..., FeatureRepository]:
    """A repository of the test's own; apply it."""

    def make(online: str = "sqlite") -> FeatureRepository:
        return FeatureRepository(tmp_path / "feast", online)

    return make


@pytest.fixture
def repository(make_repository: Callable[..., FeatureRepository]) -> FeatureRepository:
    """An applied repository without rows."""
    made = make_repository()
    made.apply()
    return made
