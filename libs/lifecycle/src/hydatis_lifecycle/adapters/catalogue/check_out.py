"""A version as a folder that its reader may change: whole or not there at all, and never the store's own files."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from hydatis_core.errors import InvalidValue

from hydatis_lifecycle.adapters.catalogue.blobs import BlobStore, explained
from hydatis_lifecycle.adapters.catalogue.folder_files import Progress, Tally, in_parallel
from hydatis_lifecycle.datasets.manifest import DatasetManifest, FileEntry

__all__ = ["write_folder"]


def write_folder(manifest: DatasetManifest, blobs: BlobStore, folder: Path, progress: Progress) -> None:
    """Copies every file of a version into a new folder, which gets its name when all are there and hold what they should.

    Raises:
        InvalidValue: there is something of that name.
        ArtifactRefused: an object is missing or was changed; there is no folder.
        DependencyUnavailable: the disk is full; there is no folder.
    """
    if folder.exists() or folder.is_symlink():
        raise InvalidValue(f"{folder} exists", field="folder", expected="a folder that is not there yet")
    tally = Tally(manifest.bytes_count, progress)
    temporary = folder.with_name(f".{folder.name}-{secrets.token_hex(6)}")

    def write(entry: FileEntry) -> None:
        target = temporary / entry.path
        target.parent.mkdir(parents=True, exist_ok=True)
        blobs.copy_out(entry.sha256, target, tally.told(entry.path))

    try:
        with explained(f"folder {folder}", "nothing was checked out"):
            temporary.mkdir(parents=True)
            in_parallel(write, manifest.files)
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
