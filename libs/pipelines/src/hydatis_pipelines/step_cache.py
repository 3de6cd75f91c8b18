"""Outputs of steps by the digest of what they were made from: an unchanged step is not run again.

    key = SHA-256(step, code version, parameters, digests of inputs)

An entry names the files of a step's outputs by their digests; the files lie apart, each once. Both appear whole. What is restored
is checked while it is copied: an entry that does not hold what it says is removed, and the step runs again as if it had never been.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydatis_core.errors import ArtifactRefused

from hydatis_pipelines.whole_files import digest_of, new_folder, write_whole

__all__ = ["Restored", "StepCache", "key_of"]

FORMAT = "hydatis-step-cache/1"


def key_of(step: str, code_version: str, parameters: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Key of a step's outputs, 64 hexadecimal digits.

    Args:
        step: its name.
        code_version: what it runs with.
        parameters: JSON values.
        inputs: digest of each input by its name.
    """
    said = {"format": FORMAT, "step": step, "code": code_version, "parameters": dict(parameters), "inputs": dict(inputs)}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class Restored:
    """What the cache said to a key."""

    result: dict[str, Any] | None
    """What the step said when it ran; None: it has to run."""
    refusal: str = ""
    """Why an entry that was there was not taken."""


class StepCache:
    """A folder of entries and files.

    Args:
        root: the folder; made when something is first stored. Deleting it, or anything in it, costs time and nothing else.
    """

    def __init__(self, root: Path) -> None:
        self._entries = root / "entries"
        self._files = root / "files"

    def restore(self, key: str, outputs: Mapping[str, Path]) -> Restored:
        """Puts the outputs of a key where they belong.

        Args:
            key: of ``key_of``.
            outputs: where each output goes; nothing is there yet.
        """
        path = self._entries / f"{key}.json"
        try:
            entry = json.loads(path.read_text())
            if entry["format"] != FORMAT or entry["key"] != key or set(entry["outputs"]) != set(outputs):
                raise ArtifactRefused("it is the entry of something else", field=path.name)
            for name, target in outputs.items():
                self._put(entry["outputs"][name], target)
            return Restored(dict(entry["result"]))
        except FileNotFoundError:
            refusal = f"a file of entry {key[:12]} is missing" if path.exists() else ""
        except (OSError, ValueError, KeyError, TypeError, ArtifactRefused) as wrong:
            refusal = f"entry {key[:12]} was refused: {wrong}"
        path.unlink(missing_ok=True)
        for target in outputs.values():
            _remove(target)
        return Restored(None, refusal)

    def store(self, key: str, step: str, result: Mapping[str, Any], outputs: Mapping[str, Path]) -> None:
        """Keeps what a step made."""
        entry = {
            "format": FORMAT,
            "key": key,
            "step": step,
            "result": dict(result),
            "outputs": {name: self._keep(path) for name, path in outputs.items()},
        }
        write_whole(self._entries / f"{key}.json", json.dumps(entry, indent=1).encode())

    def _keep(self, path: Path) -> dict[str, Any]:
        folder = path.is_dir()
        files = sorted(one for one in path.rglob("*") if one.is_file()) if folder else [path]
        kept = {}
        for file in files:
            digest = digest_of(file)
            name = digest.removeprefix("sha256:")
            if not (self._files / name).exists():
                write_whole(self._files / name, file.read_bytes())
            kept[str(file.relative_to(path)) if folder else ""] = name
        return {"folder": folder, "files": kept}

    def _put(self, output: Mapping[str, Any], target: Path) -> None:
        if not output["folder"]:
            write_whole(target, self._checked(output["files"][""]))
            return
        with new_folder(target) as folder:
            for relative, name in output["files"].items():
                place = (folder / relative).resolve()
                if not place.is_relative_to(folder.resolve()):
                    raise ArtifactRefused(f"it names a file outside: {relative[:80]}", field="files")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(self._checked(name))

    def _checked(self, name: str) -> bytes:
        path = self._files / Path(name).name
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != name:
            path.unlink(missing_ok=True)
            raise ArtifactRefused(f"file {name[:12]} is not what was stored", field="files")
        return data


def _remove(target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target, ignore_errors=True)
    else:
        target.unlink(missing_ok=True)
