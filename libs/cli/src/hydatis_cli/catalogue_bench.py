"""What a catalogue costs: seconds of registering real and made-up data, milliseconds of asking one with ten thousand versions.

Data are made from a seed and are not compressed, so that their bytes on disk are their size. The many versions are written through
the same rows as a registration writes, in one transaction: what is measured is asking for them.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hydatis_core.seeds import generator
from hydatis_lifecycle.adapters.catalogue import version_rows
from hydatis_lifecycle.adapters.catalogue.catalogue import Catalogue
from hydatis_lifecycle.adapters.catalogue.database import open_database, writing
from hydatis_lifecycle.adapters.lineage_store import LineageStore
from hydatis_lifecycle.datasets.access import owner_policy
from hydatis_lifecycle.datasets.manifest import DatasetManifest, FileEntry
from hydatis_lifecycle.datasets.registered_version import RegisteredVersion
from hydatis_lifecycle.datasets.schema import Column, schema_of
from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord
from hydatis_lifecycle.versions import Change

__all__ = ["BIG", "ManyVersions", "registering_seconds", "write_samples"]

USER = "bench"
#: The dataset of half of all versions; the others have a hundred each.
BIG = "big"
_COLUMNS = tuple(Column(f"feature_{number}_ratio", "float", "ratio") for number in range(12))
_FILES_COUNT = 5

Progress = Callable[[int, int, str], None]


def write_samples(folder: Path, bytes_count: int, seed: int) -> None:
    """Parquet files of about so many bytes in all: a time, a machine, and ten columns of random numbers."""
    random = generator(seed, "catalogue-bench")
    folder.mkdir(parents=True)
    rows = bytes_count // _FILES_COUNT // (4 * 10 + 8)
    for number in range(_FILES_COUNT):
        columns: dict[str, Any] = {
            "machine_id": random.integers(0, 2**31, rows, np.int32),
            "timestamp_s": random.integers(0, 2**31, rows, np.int32),
        }
        columns |= {f"use_{column}_ratio": random.random(rows, np.float32) for column in range(10)}
        pq.write_table(pa.table(columns), folder / f"part-{number}.parquet", compression="none", use_dictionary=False)


def registering_seconds(folder: Path, home: Path, repeats: int, progress: Progress) -> dict[str, Any]:
    """Seconds of what is done to one dataset: registered into an empty catalogue, again, verified, checked out.

    Args:
        folder: the data.
        home: folder for a catalogue per repeat.
        repeats: how often.
        progress: told of repeats.
    """
    spent: dict[str, list[float]] = {}
    _catalogue(home / "warm").register("dataset", folder, time_seconds=0.0)  # imports, and the folder in the page cache
    for repeat in range(repeats):
        progress(repeat, repeats, folder.name)
        place = home / str(repeat)
        catalogue = _catalogue(place)
        out = place / "out"
        steps: dict[str, Callable[[], object]] = {
            "register": partial(catalogue.register, "dataset", folder, time_seconds=0.0),
            "register again": partial(catalogue.register, "dataset", folder, time_seconds=0.0),
            "verify": partial(catalogue.verify, "dataset"),
            "check out": partial(catalogue.check_out, "dataset", None, out),
        }
        for what, work in steps.items():
            started = time.perf_counter()
            work()
            spent.setdefault(what, []).append(time.perf_counter() - started)
    found = catalogue.get("dataset")
    amounts = {"files_count": found.files_count, "rows_count": found.rows_count, "bytes_count": found.bytes_count}
    return amounts | {"seconds": spent, "digest": found.digest}


def _catalogue(home: Path) -> Catalogue:
    return Catalogue(f"sqlite:///{home / 'c.sqlite'}", home / "objects", owner_policy(USER), USER)


@dataclass(frozen=True)
class ManyVersions:
    """A catalogue with so many versions, and lineage of as many steps.

    Args:
        home: folder of its database.
        versions_count: versions; half of them of one dataset.
    """

    home: Path
    versions_count: int

    @property
    def _url(self) -> str:
        return f"sqlite:///{self.home / 'c.sqlite'}"

    def fill(self, progress: Progress) -> None:
        """Writes versions and lineage."""
        with writing(open_database(self._url)) as connection:
            for number, (name, version) in enumerate(self._names()):
                progress(number, self.versions_count, "versions")
                if version.endswith(".0.0"):
                    version_rows.lock_dataset(connection, name, 0.0)
                version_rows.insert_version(connection, *_version(name, version, number))
        store = LineageStore(self._url)
        for number in range(self.versions_count // _STEPS_COUNT):
            progress(number, self.versions_count // _STEPS_COUNT, "lineage")
            for record in _run(number):
                store.add(record)

    def asked_ms(self, repeats: int) -> dict[str, list[float]]:
        """Milliseconds of each question, asked so often."""
        catalogue = _catalogue(self.home)
        store = LineageStore(self._url)
        dataset, _, _, artifact = _entities(self.versions_count // 6)
        questions: dict[str, Callable[[], object]] = {
            "list all datasets": catalogue.datasets,
            "list the newest 20 versions": lambda: catalogue.versions(BIG, 20),
            f"list all {self.versions_count // 2} versions of one": lambda: catalogue.versions(BIG),
            "get the newest": lambda: catalogue.get(BIG),
            "get one by its name": lambda: catalogue.get(BIG, "1.7.0"),
            "files of one": lambda: catalogue.manifest(BIG, "1.7.0"),
            "last 50 accesses": lambda: catalogue.access_events(BIG),
            "lineage upstream of an artifact": lambda: store.upstream(artifact.digest),
            "lineage downstream of a dataset": lambda: store.downstream(dataset.digest),
            "lineage downstream of what all was made of, nearest 500": lambda: store.downstream(_SOURCE.digest, limit=500),
            "lineage by name": lambda: store.find(artifact.name),
        }
        spent: dict[str, list[float]] = {}
        for what, ask in questions.items():
            ask()
            for _ in range(repeats):
                started = time.perf_counter()
                ask()
                spent.setdefault(what, []).append((time.perf_counter() - started) * 1000)
        return spent

    def _names(self) -> Iterator[tuple[str, str]]:
        half = self.versions_count // 2
        for minor in range(half):
            yield BIG, f"1.{minor}.0"
        for number in range(half):
            yield f"team/small-{number // 100}", f"1.{number % 100}.0"


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _version(name: str, version: str, number: int) -> tuple[RegisteredVersion, DatasetManifest]:
    paths = [f"part-{part}.parquet" for part in range(_FILES_COUNT)]
    manifest = DatasetManifest.of(FileEntry(path, _digest(number, path), 20_000_000, 400_000) for path in paths)
    made = RegisteredVersion(
        name=name,
        version=version,
        digest=manifest.digest,
        schema=schema_of(dict.fromkeys(paths, _COLUMNS)),
        files_count=_FILES_COUNT,
        rows_count=manifest.rows_count,
        bytes_count=manifest.bytes_count,
        registered_seconds=float(number),
        registered_by=USER,
        change=Change.MINOR,
        reasons=("400,000 rows added", "file changed: part-4.parquet"),
        metadata={"key": "machine_id,timestamp_s"},
    )
    return made, manifest


#: What every dataset of the lineage was made of, and steps that follow it: to dataset, features, model and artifact.
_SOURCE = Entity(EntityKind.DATASET, "source", f"sha256:{_digest('source')}", "1.0.0")
_STEPS_COUNT = 4


def _entities(number: int) -> tuple[Entity, Entity, Entity, Entity]:
    named = (
        (EntityKind.DATASET, BIG),
        (EntityKind.FEATURES, "node-table"),
        (EntityKind.MODEL, "cpu-forecaster"),
        (EntityKind.ARTIFACT, f"cpu-forecaster-{number % 4}"),
    )
    made = [Entity(kind, name, f"sha256:{_digest(number, name)}", f"1.{number}.0") for kind, name in named]
    return made[0], made[1], made[2], made[3]


def _run(number: int) -> Iterator[StepRecord]:
    for step, (made_of, made) in enumerate(pairwise((_SOURCE, *_entities(number)))):
        yield StepRecord(f"step-{step}", f"run-{number}", (made_of,), (made,), float(number), float(number))
