"""Folders of data and a catalogue to register them in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_lifecycle.adapters.catalogue.catalogue import Catalogue
from hydatis_lifecycle.datasets.access import owner_policy

NOW = 1_795_392_000.0


@pytest.fixture
def write_folder(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, files: Mapping[str, Any]) -> Path:
        """A folder anew: Parquet of columns, or text."""
        folder = tmp_path / name
        shutil.rmtree(folder, ignore_errors=True)
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                (folder / path).write_text(content)
            else:
                pq.write_table(content if isinstance(content, pa.Table) else pa.table(content), folder / path)
        return folder

    return write


@pytest.fixture
def make_catalogue(tmp_path: Path) -> Callable[..., Catalogue]:
    def make(**changes: Any) -> Catalogue:
        fields = {
            "url": f"sqlite:///{tmp_path / 'home' / 'catalogue.sqlite'}",
            "objects": tmp_path / "home" / "objects",
            "policy": owner_policy("alice"),
            "user": "alice",
            "clock": lambda: NOW,
        }
        return Catalogue(**(fields | changes))

    return make


@pytest.fixture
def catalogue(make_catalogue: Callable[..., Catalogue]) -> Catalogue:
    return make_catalogue()
