"""The pipelines by name, and what they compile to: the files that a Kubeflow backend takes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hydatis_core.errors import InvalidValue

from hydatis_pipelines.kubeflow.retraining import retraining
from hydatis_pipelines.kubeflow.training import training

__all__ = ["PIPELINES", "compiled", "pipeline_named"]

#: By name.
PIPELINES: dict[str, Any] = {"training": training, "retraining": retraining}


def pipeline_named(name: str) -> Any:
    """The pipeline of a name.

    Raises:
        InvalidValue: there is none.
    """
    if name not in PIPELINES:
        raise InvalidValue(f"there is no pipeline {name!r}", field="pipeline", expected=" or ".join(PIPELINES))
    return PIPELINES[name]


def compiled(name: str) -> bytes:
    """The YAML of a pipeline: the same code gives the same bytes.

    Raises:
        InvalidValue: there is none of that name.
    """
    from kfp import compiler

    pipeline = pipeline_named(name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(pipeline, str(file))
        return file.read_bytes()
