"""One run of one step: what it reads is known by digest, what it made before is restored, and what it did is written down.

A step that is restored imports nothing but this and its table of arguments, so a run in which nothing changed costs seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from hydatis_core.errors import HydatisError
from hydatis_lifecycle.lineage.record import Entity, EntityKind

from hydatis_pipelines.code_version import code_version
from hydatis_pipelines.progress import Progress
from hydatis_pipelines.register_dataset_step import DATASET_FILE
from hydatis_pipelines.step_cache import Restored, StepCache, key_of
from hydatis_pipelines.step_journal import DONE, RUNNING, StepEntry, write_entry
from hydatis_pipelines.step_table import STEPS, Argument, Role
from hydatis_pipelines.trained_model import MODEL_FILE

__all__ = ["Recording", "run_step"]


@dataclass(frozen=True, slots=True)
class Recording:
    """Where what a step did is kept beside its outputs."""

    cache: Path | None = None
    """Folder of the cache; None: it runs."""
    journal: Path | None = None
    """Folder of the run's journal; None: nobody keeps one."""
    task: str = ""
    """Its place in the pipeline; empty: the step's name."""


def run_step(step: str, options: Mapping[str, Any], progress: Progress, recording: Recording) -> dict[str, Any]:
    """Runs a step, or restores what it made from the same inputs.

    Args:
        step: a key of ``STEPS``.
        options: one value for every argument of it, by ``Argument.key``.
        progress: told how far it is.
        recording: where to keep what it did.

    Returns:
        What the step says, with ``cached`` and ``seconds``.

    Raises:
        HydatisError: what the step raised; the journal's entry says so.
    """
    started, clock = time.time(), perf_counter()
    entry = StepEntry(
        recording.task or step,
        step,
        RUNNING,
        started,
        parameters=_plain(step, options, Role.VALUE, Role.TOLD),
        code_version=code_version() if recording.cache or recording.journal else "",
    )
    _note(recording, entry)
    try:
        inputs = _digests(step, options) if recording.cache or recording.journal else {}
        entry = replace(entry, inputs=_entities(step, options, inputs, Role.INPUT) if recording.journal else ())
        result, restored = _made(step, options, inputs, progress, recording)
        outputs = _entities(step, options, {}, Role.OUTPUT) if recording.journal else ()
    except HydatisError as error:
        _note(recording, entry.failed(str(error), perf_counter() - clock))
        raise
    except Exception as error:
        _note(recording, entry.failed(f"{type(error).__name__}: {error}", perf_counter() - clock))
        raise
    named = tuple(Entity(**{**one, "kind": EntityKind(one["kind"])}) for one in result.pop("entities", ()))
    cached, seconds = restored.result is not None, round(perf_counter() - clock, 3)
    _note(
        recording,
        replace(
            entry,
            status=DONE,
            seconds=seconds,
            cached=cached,
            cache_refusal=restored.refusal,
            outputs=outputs + named,
            result=result,
        ),
    )
    return result | {"cached": cached, "seconds": seconds}


def _made(
    step: str, options: Mapping[str, Any], inputs: Mapping[str, str], progress: Progress, recording: Recording
) -> tuple[dict[str, Any], Restored]:
    """What the step says, and what the cache said."""
    command = STEPS[step]
    if recording.cache is None or not command.cached:
        return command.run(**options, progress=progress), Restored(None)
    out: Path = options["out"]
    outputs = {"out": out} | {f"out{suffix}": out.with_suffix(suffix) for suffix in command.beside}
    places = {f"{{{name}}}": str(path) for name, path in outputs.items()}
    key = key_of(step, code_version(), _plain(step, options, Role.VALUE), inputs)
    cache = StepCache(recording.cache)
    restored = cache.restore(key, outputs)
    if restored.result is not None:
        progress(1, 1, "restored")
        return _renamed(restored.result, places), restored
    result = command.run(**options, progress=progress)
    cache.store(key, step, _renamed(result, {path: name for name, path in places.items()}), outputs)
    return result, restored


def _renamed(result: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A result in which the places of outputs are called otherwise."""
    return {name: names.get(value, value) if isinstance(value, str) else value for name, value in result.items()}


def _arguments(step: str, options: Mapping[str, Any], *roles: Role) -> list[tuple[Argument, Any]]:
    """Arguments of some roles that were given, with their values."""
    given = [(argument, options.get(argument.key)) for argument in STEPS[step].arguments if argument.role in roles]
    return [(argument, value) for argument, value in given if value is not None]


def _plain(step: str, options: Mapping[str, Any], *roles: Role) -> dict[str, Any]:
    """What was told, by name; where things lie is not among it."""
    return {argument.name: value for argument, value in _arguments(step, options, *roles) if not isinstance(value, Path)}


def _digests(step: str, options: Mapping[str, Any]) -> dict[str, str]:
    return {argument.name: argument.digest(value) for argument, value in _arguments(step, options, Role.INPUT)}


def _entities(step: str, options: Mapping[str, Any], digests: Mapping[str, str], role: Role) -> tuple[Entity, ...]:
    """What a lineage knows of what was read or made."""
    wanted = [(argument, value) for argument, value in _arguments(step, options, role) if argument.entity is not None]
    return tuple(_entity(step, argument, path, digests.get(argument.name) or argument.digest(path)) for argument, path in wanted)


def _entity(step: str, argument: Argument, path: Path, digest: str) -> Entity:
    """Datasets and models say who they are, judgements who judged; the rest is known by its kind."""
    kind = argument.entity
    assert kind is not None, "only those that a lineage knows are asked for"
    if kind is EntityKind.DATASET and (path / DATASET_FILE).is_file():
        said = json.loads((path / DATASET_FILE).read_text())
        return Entity(kind, said["name"], said["digest"], said["version"])
    if kind is EntityKind.MODEL and (path / MODEL_FILE).is_file():
        return Entity(kind, json.loads((path / MODEL_FILE).read_text())["name"], digest)
    if kind is EntityKind.EVALUATION:
        return Entity(kind, step if argument.role is Role.OUTPUT else argument.name, digest)
    return Entity(kind, kind.value, digest)


def _note(recording: Recording, entry: StepEntry) -> None:
    if recording.journal is not None:
        write_entry(recording.journal, entry)
