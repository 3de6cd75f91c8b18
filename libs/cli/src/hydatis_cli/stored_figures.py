"""Figures of a benchmark as they are stored: JSON that any program reads, whole or not at all, and no longer than it need be."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from hydatis_pipelines.whole_files import write_whole

__all__ = ["storable", "store_figures"]


def storable(value: Any) -> Any:
    """A value as JSON takes it: unknown (NaN, infinite) is null, for JSON knows neither; floats have six digits, more is noise.

    >>> storable({"a": (0.123456789, float("nan"))})
    {'a': [0.123457, None]}
    """
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: storable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [storable(one) for one in value]
    return value


def store_figures(path: Path, figures: dict[str, Any]) -> None:
    """Writes figures that are ``storable`` already, one line for each top-level name: a benchmark has a hundred thousand of them.

    Raises:
        ValueError: one is not finite.
    """
    compact = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
    lines = ",\n".join(f"{compact(name)}: {compact(value)}" for name, value in figures.items())
    write_whole(path, f"{{\n{lines}\n}}\n".encode())
