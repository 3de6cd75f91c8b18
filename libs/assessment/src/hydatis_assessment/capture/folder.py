"""A capture on disk: a file for each day, so that what was interrupted goes on, and in the end one cluster's past.

    manifest.json   the question, and the digest of every file that counts
    day-000.npz     a day that was asked for, until all are there
    use.npy         the whole, to be mapped and not read; cluster.json and days.npz beside it

Whatever is not in the manifest is no part of it: a file that was being written when the lights went out is written again.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
from hydatis_core.errors import ArtifactRefused, InvalidValue, TooMany
from hydatis_pipelines.whole_files import digest_of, read_arrays, write_arrays, write_whole
from numpy.typing import NDArray

from hydatis_assessment.capture.captured_day import CapturedDay
from hydatis_assessment.capture.question import Question

__all__ = ["CaptureFolder"]

FORMAT = 1
_MANIFEST = "manifest.json"


class _Manifest(msgspec.Struct, kw_only=True):
    question: Question
    format: int = FORMAT
    days: dict[str, str] = {}
    """Digest by file of days."""
    whole: dict[str, str] = {}
    """Digest by file of the whole; empty: it is not there yet."""
    warnings: list[str] = []


class _Facts(msgspec.Struct):
    """What of a day are no numbers."""

    keys: list[tuple[str, str, str]]
    owners: list[tuple[str, str, str]]
    set_owners: list[tuple[str, str, str]]
    nodes: list[tuple[str, str, str]]


class CaptureFolder:
    """A folder of one capture.

    Args:
        path: the folder; it need not be there.

    Raises:
        ArtifactRefused: what is there is no capture, or of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._manifest = self._read()

    @property
    def question(self) -> Question | None:
        """What it was begun with; None: it was not."""
        return self._manifest.question if self._manifest else None

    @property
    def is_whole(self) -> bool:
        """Whether all of it is there."""
        return bool(self._manifest and self._manifest.whole)

    @property
    def warnings(self) -> list[str]:
        """What Prometheus warned of."""
        return self._manifest.warnings if self._manifest else []

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other processes from writing here.

        Raises:
            TooMany: another one does.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise TooMany(f"{self.path} is being captured into", field="folder", expected="one at a time") from None
            yield

    def begin(self, asked: Question) -> None:
        """Begins a capture, or goes on with it.

        Raises:
            InvalidValue: it was begun with another question.
        """
        if self._manifest is None:
            self._manifest = _Manifest(question=asked)
            self._write()
        elif differences := self._manifest.question.differences(asked):
            told = ", ".join(f"{name} {mine!r} and not {its!r}" for name, (mine, its) in differences.items())
            expected = "the same question, or another folder"
            raise InvalidValue(f"{self.path} was captured with {told}", field="folder", expected=expected)

    def has_day(self, number: int) -> bool:
        """Whether a day is there."""
        return _file(number) in self._open.days and (self.path / _file(number)).is_file()

    def put_day(self, number: int, day: CapturedDay, warnings: set[str]) -> None:
        """Keeps a day."""
        facts = _Facts(day.keys, *(_listed(told) for told in (day.owners, day.set_owners, day.nodes)))
        arrays: dict[str, NDArray[np.generic]] = {
            "use": day.use,
            "throttled_ratio": day.throttled_ratio,
            "kills_count": day.kills_count,
            "killed_at_bytes": day.killed_at_bytes,
            "facts": np.frombuffer(msgspec.json.encode(facts), dtype=np.uint8),
        }
        manifest = self._open
        manifest.days[_file(number)] = write_arrays(self.path / _file(number), arrays)
        manifest.warnings = sorted({*manifest.warnings, *warnings})[:20]
        self._write()

    def day(self, number: int) -> CapturedDay:
        """A day that is there.

        Raises:
            ArtifactRefused: it is not what was captured.
        """
        path = self.path / _file(number)
        self._check(path, self._open.days.get(path.name, ""))
        arrays = read_arrays(path, "captured day")
        facts = msgspec.json.decode(arrays["facts"].tobytes(), type=_Facts)
        return CapturedDay(
            keys=facts.keys,
            use=arrays["use"].astype(np.float32, copy=False),
            throttled_ratio=arrays["throttled_ratio"].astype(np.float32, copy=False),
            kills_count=arrays["kills_count"].astype(np.float32, copy=False),
            killed_at_bytes=arrays["killed_at_bytes"].astype(np.float64, copy=False),
            owners={(namespace, name): told for namespace, name, told in facts.owners},
            set_owners={(namespace, name): told for namespace, name, told in facts.set_owners},
            nodes={(namespace, name): told for namespace, name, told in facts.nodes},
        )

    def finish(self, names: list[str]) -> None:
        """Says that the whole is there, in these files; those of the days go."""
        manifest = self._open
        manifest.whole = {name: digest_of(self.path / name) for name in names}
        days, manifest.days = manifest.days, {}
        self._write()
        for name in days:
            (self.path / name).unlink(missing_ok=True)

    def whole_file(self, name: str) -> Path:
        """A file of the whole.

        Raises:
            ArtifactRefused: the capture is not whole, or this is not what was captured.
        """
        manifest = self._manifest
        if manifest is None or not manifest.whole:
            shown = f"{self.path} holds no whole capture"
            raise ArtifactRefused(shown, field="--from", expected="a folder that a capture has finished; run it again to go on")
        self._check(self.path / name, manifest.whole.get(name, ""))
        return self.path / name

    @property
    def _open(self) -> _Manifest:
        if self._manifest is None:
            raise InvalidValue(f"{self.path} was not begun", field="folder", expected="begin first")
        return self._manifest

    def _read(self) -> _Manifest | None:
        path = self.path / _MANIFEST
        if not path.exists():
            if self.path.is_dir() and any(one.name != ".lock" for one in self.path.iterdir()):
                raise ArtifactRefused(
                    f"{self.path} holds something else", field="folder", expected="a capture, or no such folder yet"
                )
            return None
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_Manifest)
        except (msgspec.MsgspecError, OSError) as wrong:
            raise ArtifactRefused(f"{path} cannot be read: {wrong}", field="folder", expected="a capture") from None
        if found.format != FORMAT:
            raise ArtifactRefused(f"{path} is of format {found.format}", field="folder", expected=f"format {FORMAT}")
        return found

    def _write(self) -> None:
        write_whole(self.path / _MANIFEST, msgspec.json.format(msgspec.json.encode(self._open), indent=1))

    def _check(self, path: Path, digest: str) -> None:
        if not path.is_file() or digest_of(path) != digest:
            expected = "what was captured; delete that file, or the folder, and capture again"
            raise ArtifactRefused(f"{path} is gone or was changed", field="folder", expected=expected)


def _file(number: int) -> str:
    return f"day-{number:03d}.npz"


def _listed(told: dict[tuple[str, str], str]) -> list[tuple[str, str, str]]:
    return [(*key, value) for key, value in sorted(told.items())]
