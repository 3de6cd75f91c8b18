"""What a folder of windows holds: every window that is done, its files by digest, and what it lacks.

    collection.json                   what is asked, of whom; another question is refused
    ledger.json                       the windows that are done
    nodes/nodes-20261123T2300Z.parquet   a window of a table

A file that the ledger does not name is no part: it was being made when the lights went out, and is made again, byte for byte. No
time of the clock is written anywhere, so that a collection that was killed ten times equals one that was not.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from hydatis_core.errors import ArtifactRefused, InvalidValue, TooMany

from hydatis_collection.gaps import Gap
from hydatis_collection.window_file import UNFINISHED, put_file
from hydatis_collection.windows import Window

__all__ = ["Collection", "Entry", "Ledger"]

_QUESTION, _LEDGER = "collection.json", "ledger.json"


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """What is collected; a folder holds one collection."""

    prometheus: str
    """Base URL, without credentials."""
    step_seconds: int = 60
    window_seconds: int = 3600
    rate_window_seconds: int = 120
    most_age_seconds: int = 90
    matchers: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A window that is done."""

    files: dict[str, str]
    """Digest by path in the folder; none: nobody was measured."""
    rows_count: int
    gaps: list[Gap] = []
    warnings: list[str] = []
    """What Prometheus said beside its answers: some of what it should know may be missing."""
    asked_count: int = 1
    """How often it was asked for, as long as Prometheus warned."""


class Ledger:
    """A folder of windows.

    Args:
        path: the folder; it need not be there.

    Raises:
        ArtifactRefused: what is there is no collection.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, Entry] = self._read(_LEDGER, dict[str, Entry]) or {}

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
                raise TooMany(f"{self.path} is being collected into", field="--out", expected="one at a time") from None
            # what another one has done since this was opened
            self.entries = self._read(_LEDGER, dict[str, Entry]) or {}
            yield

    def begin(self, asked: Collection) -> None:
        """Begins a collection, or goes on with it; throws away what a killed one left half done, and forgets windows without files.

        Raises:
            InvalidValue: it was begun with another question.
            ArtifactRefused: the folder holds something else.
        """
        there = self._read(_QUESTION, Collection)
        if there is None:
            if any(not one.name.startswith(".") for one in self.path.iterdir()):
                shown = f"{self.path} holds something else"
                raise ArtifactRefused(shown, field="--out", expected="a collection, or an empty folder")
            put_file(self.path / _QUESTION, msgspec.json.format(msgspec.json.encode(asked), indent=1) + b"\n")
        elif there != asked:
            mine, its = msgspec.structs.asdict(there), msgspec.structs.asdict(asked)
            told = ", ".join(f"{name} {mine[name]!r} and not {its[name]!r}" for name in mine if mine[name] != its[name])
            raise InvalidValue(f"{self.path} was begun with {told}", field="--out", expected="the same question, or another folder")
        lost = [name for name, entry in self.entries.items() if not all((self.path / file).is_file() for file in entry.files)]
        self.drop(lost)
        named = {file for entry in self.entries.values() for file in entry.files}
        for file in (*self.path.glob("*/*.parquet"), *self.path.glob(f"*/{UNFINISHED}"), *self.path.glob(UNFINISHED)):
            if str(file.relative_to(self.path)) not in named:
                file.unlink()

    def windows(self, length_seconds: int) -> dict[str, Window]:
        """Windows that are done, by name."""
        return {name: Window.named(name, length_seconds) for name in self.entries}

    def put(self, window: Window, entry: Entry) -> None:
        """Says that a window is done."""
        before = self.entries.get(window.name)
        self.entries[window.name] = entry
        self._write()
        self._forget(set(before.files if before else ()) - set(entry.files))

    def drop(self, names: list[str]) -> None:
        """Throws windows away, first from the ledger."""
        gone = [self.entries.pop(name) for name in names]
        if gone:
            self._write()
            self._forget({file for entry in gone for file in entry.files})

    def _forget(self, files: set[str]) -> None:
        for file in files:
            (self.path / file).unlink(missing_ok=True)

    def _write(self) -> None:
        told = dict(sorted(self.entries.items()))
        put_file(self.path / _LEDGER, msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")

    def _read(self, name: str, kind: type[msgspec.Struct] | type[dict[str, Entry]]) -> Any:
        path = self.path / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except FileNotFoundError:
            return None
        except (msgspec.MsgspecError, OSError) as wrong:
            raise ArtifactRefused(f"{path} cannot be read: {wrong}", field="--out", expected="a collection") from None
