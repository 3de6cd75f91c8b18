"""One question to the model and its answer, as values: what both sides of the protocol are converted to.

gRPC and REST differ in how they write a tensor and in nothing else, so they meet here, and what a request must be is checked once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

__all__ = ["DATATYPE", "INPUT_TENSOR", "OUTPUT_TENSOR", "InferAnswer", "InferCall", "check_tensor", "refuse_infinity"]

INPUT_TENSOR = "rows"
OUTPUT_TENSOR = "values"
DATATYPE = "FP32"


@dataclass(frozen=True, slots=True)
class InferCall:
    """What is asked."""

    rows: NDArray[np.float32]
    """shape (n, k), n and k >= 1. NaN: unknown."""
    columns: str
    """What stands in the rows: ``name:hash,...``."""
    model_version: str = ""
    """Version wanted; empty: the one that is served."""
    request_id: str = ""
    """Echoed."""


@dataclass(frozen=True, slots=True)
class InferAnswer:
    """What the model said."""

    values: NDArray[np.float32]
    """shape (n, m), C order."""
    outputs: tuple[str, ...]
    """Names of the m columns."""
    model_name: str
    model_version: str
    """The version that computed it."""
    parameters: dict[str, str]
    """What else belongs to the answer, by name; ``outputs`` is among them."""
    request_id: str = ""


def check_tensor(names: list[str], datatype: str, shape: list[int]) -> tuple[int, int]:
    """Holds the description of the input tensors against what the model takes; returns (rows, columns).

    Raises:
        InvalidValue: not exactly the tensor ``rows``, not FP32, or empty.
        WrongShape: not two dimensions.
    """
    if names != [INPUT_TENSOR]:
        shown = f"the input tensors are {', '.join(repr(name[:40]) for name in names[:4]) or 'none'}"
        raise InvalidValue(shown, field="inputs", expected=f"exactly one, named {INPUT_TENSOR!r}")
    if datatype != DATATYPE:
        raise InvalidValue(f"the data type is {datatype[:20]!r}", field=INPUT_TENSOR, expected=DATATYPE)
    if len(shape) != 2 or min(shape) < 0:
        raise WrongShape(f"the shape is {shape[:8]}", field=INPUT_TENSOR, expected="[rows, columns]")
    if min(shape) == 0:
        raise InvalidValue(f"the shape is {shape}, which is empty", field=INPUT_TENSOR, expected="one row and one column or more")
    return shape[0], shape[1]


def refuse_infinity(rows: NDArray[np.float32]) -> None:
    """Refuses rows with an infinite value; NaN is unknown and may be there.

    Raises:
        InvalidValue: a value is infinite.
    """
    # A finite sum holds no infinity, and summing is several times cheaper than looking at each value.
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.add.reduce(rows, axis=None)
    if not np.isfinite(total) and np.isinf(rows).any():
        row, column = np.argwhere(np.isinf(rows))[0]
        raise InvalidValue(
            f"row {row} of column {column} is infinite", field=INPUT_TENSOR, expected="finite values, or NaN for unknown"
        )
