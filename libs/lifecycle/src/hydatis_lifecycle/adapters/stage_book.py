"""Where stages are kept: one JSON file per model, with everything that ever happened in it.

A file and not a database, because it has one writer at a time, a few lines per promotion and somebody who reads it after an
incident. It is written whole, under a lock that the kernel lets go of when its holder dies.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydatis_core.errors import DependencyUnavailable, InvalidValue

from hydatis_lifecycle.adapters.safe_files import write_file
from hydatis_lifecycle.manifest import is_model_name
from hydatis_lifecycle.stages import Facts, Stage, StageChange, promote

__all__ = ["StageBook", "StageEntry"]


@dataclass(frozen=True, slots=True)
class StageEntry:
    """One change, as it was made."""

    change: StageChange
    time_seconds: float
    """Unix time."""
    who: str
    reason: str


class StageBook:
    """Stages of all models below one folder.

    Args:
        folder: made when something is first written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def stages(self, model: str) -> dict[str, Stage]:
        """Stage by version; versions that nothing was said of are left out.

        Raises:
            InvalidValue: the file of the model is spoiled.
        """
        found: dict[str, Stage] = {}
        for entry in self.history(model):
            found[entry.change.version] = entry.change.after
        return found

    def history(self, model: str) -> tuple[StageEntry, ...]:
        """Every change of a model, oldest first.

        Raises:
            InvalidValue: the file of the model is spoiled.
        """
        file = self._file(model)
        try:
            return tuple(_entry(item) for item in json.loads(file.read_bytes())["history"])
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError):
            expected = "the file as it was written; its backup, or none (every version is at none then)"
            raise InvalidValue("the stages cannot be read", field=str(file), expected=expected) from None

    def promote(
        self, model: str, version: str, to: Stage, facts: Facts, *, time_seconds: float, who: str
    ) -> tuple[StageChange, ...]:
        """Lets a version go to a stage and writes it down.

        Returns:
            What changed; nothing, when it was there already.

        Raises:
            InvalidValue: it may not go there (``hydatis_lifecycle.stages``).
            DependencyUnavailable: the file cannot be written; nothing changed.
        """
        with self._lock(model):
            history = self.history(model)
            changes = promote(self.stages(model), version, to, facts)
            if changes:
                added = tuple(StageEntry(change, time_seconds, who, facts.reason) for change in changes)
                self._write(model, [_json(entry) for entry in (*history, *added)])
        return changes

    def _file(self, model: str) -> Path:
        if not is_model_name(model):
            raise InvalidValue(f"{model[:40]!r} is not a model name", field="model", expected="lower-case letters, digits, dashes")
        return self._folder / f"{model}.json"

    def _write(self, model: str, history: list[Mapping[str, Any]]) -> None:
        file = self._file(model)
        temporary = file.with_name(f".{file.name}-{secrets.token_hex(6)}")
        try:
            write_file(temporary, (json.dumps({"model": model, "history": history}, indent=1) + "\n").encode())
            temporary.replace(file)
        except OSError as cause:
            shown = f"the stages of {model} cannot be written: {cause.strerror}"
            raise DependencyUnavailable(shown, field=str(file), expected="a disk with room for it") from None
        finally:
            temporary.unlink(missing_ok=True)

    @contextmanager
    def _lock(self, model: str) -> Iterator[None]:
        lock = self._file(model).with_suffix(".lock")
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as cause:
            shown = f"the stages of {model} cannot be written: {cause.strerror}"
            raise DependencyUnavailable(shown, field=str(lock), expected="a folder that can be written") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _json(entry: StageEntry) -> dict[str, Any]:
    change = entry.change
    said = {"version": change.version, "before": change.before.value, "after": change.after.value}
    return said | {"time_seconds": entry.time_seconds, "who": entry.who, "reason": entry.reason}


def _entry(item: Mapping[str, Any]) -> StageEntry:
    change = StageChange(str(item["version"]), Stage(item["before"]), Stage(item["after"]))
    return StageEntry(change, float(item["time_seconds"]), str(item["who"]), str(item["reason"]))
