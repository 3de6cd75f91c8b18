"""Removes what nothing names any more, while nothing comes in.

Versions first, in one transaction, then files: killed in between, the files that are left are garbage of the next collection, and
no version is ever without a file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from hydatis_lifecycle.adapters.catalogue import version_rows
from hydatis_lifecycle.adapters.catalogue.blobs import BlobStore
from hydatis_lifecycle.adapters.catalogue.database import reading, writing
from hydatis_lifecycle.datasets.garbage import StoredVersion, objects_to_remove

__all__ = ["Collected", "collect"]


@dataclass(frozen=True, slots=True)
class Collected:
    """What a garbage collection took away, or would."""

    retired: tuple[StoredVersion, ...]
    objects_count: int
    bytes_count: int


def collect(
    engine: Engine,
    blobs: BlobStore,
    choose: Callable[[tuple[StoredVersion, ...]], tuple[StoredVersion, ...]],
    retire: Callable[[Connection, StoredVersion], None],
    *,
    dry_run: bool,
    wait_seconds: float,
) -> Collected:
    """Collects garbage.

    Args:
        engine: the database.
        blobs: the store.
        choose: which of the live versions (each dataset's newest first) are retired.
        retire: takes one out of use and logs it.
        dry_run: only say what would go.
        wait_seconds: for registrations that are under way.

    Raises:
        DependencyUnavailable: files are still coming in after that time, or the database or the disk does not do its part.
    """
    with blobs.collecting(wait_seconds):
        with reading(engine) as connection:
            retired = choose(version_rows.live_versions(connection))
        if retired and not dry_run:
            with writing(engine) as connection:
                for one in retired:
                    retire(connection, one)
        with reading(engine) as connection:
            named = version_rows.live_digests(connection, without={(one.dataset, one.version) for one in retired})
        objects = objects_to_remove(blobs.all(), named)
        bytes_count = sum(map(blobs.size, objects))
        for sha256 in () if dry_run else objects:
            blobs.remove(sha256)
    return Collected(retired, len(objects), bytes_count)
