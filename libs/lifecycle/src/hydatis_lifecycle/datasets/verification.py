"""Whether files are those of a version: what differs, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hydatis_lifecycle.datasets.manifest import DatasetManifest

__all__ = ["ChangedFile", "Verification", "compare_files"]


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that is not what the version says."""

    path: str
    expected_sha256: str
    found_sha256: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found where the files of a version should be."""

    files_count: int
    """Of the version."""
    changed: tuple[ChangedFile, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    """Paths that the version does not have."""

    @property
    def passed(self) -> bool:
        """Whether the files are exactly those of the version."""
        return not (self.changed or self.missing or self.extra)


def compare_files(manifest: DatasetManifest, found: Mapping[str, str]) -> Verification:
    """Holds files found, as digests by path, against a manifest."""
    wanted = {entry.path: entry.sha256 for entry in manifest.files}
    return Verification(
        files_count=len(wanted),
        changed=tuple(
            ChangedFile(path, wanted[path], found[path])
            for path in sorted(wanted.keys() & found.keys())
            if wanted[path] != found[path]
        ),
        missing=tuple(sorted(wanted.keys() - found.keys())),
        extra=tuple(sorted(found.keys() - wanted.keys())),
    )
