"""Which kind of model is opened by what, and how it is run.

A new kind is a new row and a new module. Rows are names and not imports, because the modules are heavy and a process needs one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from hydatis_core.errors import ArtifactRefused, HydatisError
from hydatis_lifecycle.artifacts import Artifact
from numpy.typing import NDArray

__all__ = ["RUNTIMES", "Runtime", "RuntimeKind", "open_runtime"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """A model that computes."""

    columns: tuple[tuple[str, str], ...]
    """(name, definition hash) of what it reads, in order."""
    outputs: tuple[str, ...]
    """Names of what it says of each row, in order."""
    compute: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    """Rows [n x columns] to values [n x outputs], both float32. NaN in a row means unknown."""
    parameters: dict[str, str] = field(default_factory=dict)
    """What every answer carries besides its values."""


@dataclass(frozen=True, slots=True)
class RuntimeKind:
    """How a kind is opened and run."""

    module: str
    """Module with ``open_model(artifact) -> Runtime``."""
    inline: bool
    """Whether it computes on the event loop: right where that is faster than handing over to a thread (about 0.1 ms each way)
    and no call is long. Otherwise a thread computes, and health checks and short calls are answered meanwhile."""


RUNTIMES: dict[str, RuntimeKind] = {
    "xgboost_quantile": RuntimeKind("hydatis_model_server.runtimes.xgboost_quantile", inline=False),
    "isolation_forest": RuntimeKind("hydatis_model_server.runtimes.isolation_forest", inline=False),
    "q_function": RuntimeKind("hydatis_model_server.runtimes.q_function", inline=True),
}


def open_runtime(artifact: Artifact) -> Runtime:
    """Opens a verified artifact and has it compute once.

    Raises:
        ArtifactRefused: of an unknown kind, it cannot be opened, or it is not what its manifest says.
    """
    manifest = artifact.manifest
    kind = RUNTIMES.get(manifest.kind)
    if kind is None:
        raise ArtifactRefused(f"{manifest.kind!r} has no runtime", field="kind", expected=f"one of {', '.join(RUNTIMES)}")
    open_model: Callable[[Artifact], Runtime] = importlib.import_module(kind.module).open_model
    try:
        runtime = open_model(artifact)
        _require_same("columns", runtime.columns, manifest.columns)
        # What a runtime says beyond the model's own outputs (reasons) comes after them.
        _require_same("outputs", runtime.outputs[: len(manifest.outputs)], manifest.outputs)
        # The first call of a model pays for what it allocates; a model that cannot answer must fail here and not in service.
        probe = np.zeros((2, len(runtime.columns)), dtype=np.float32)
        values = runtime.compute(probe)
    except ArtifactRefused:
        raise
    except HydatisError as cause:
        raise ArtifactRefused(f"the model cannot answer: {cause}", field="files") from cause
    if values.shape != (2, len(runtime.outputs)) or values.dtype != np.float32:
        shown = f"the model answers {values.dtype} of shape {values.shape} for 2 rows"
        raise ArtifactRefused(shown, field="outputs", expected=f"float32 of shape (2, {len(runtime.outputs)})")
    return runtime


def _require_same(field_name: str, found: tuple[object, ...], said: tuple[object, ...]) -> None:
    if found != said:
        raise ArtifactRefused("the files and the manifest differ", field=field_name, expected="the same, in the same order")
