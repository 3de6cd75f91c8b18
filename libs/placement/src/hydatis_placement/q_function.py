"""The Q function: a small network that values one after-state, used for every node of every cluster.

It is numpy and a few matrix products, so that placement-policy can hold the verified stable policy itself and answer when the model
server is late, without any of the weights that training needs.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from hydatis_core.errors import ArtifactRefused, InvalidValue, WrongShape
from numpy.typing import NDArray

__all__ = ["EPSILON", "FILE_NAME", "HIDDEN_UNITS", "QFunction", "initial_q_function", "zero_q_function"]

Matrix = NDArray[np.float32]

#: Name of the one data file.
FILE_NAME = "q_function.npz"
#: Hidden layers of a new network.
HIDDEN_UNITS: tuple[int, ...] = (64, 64)
#: Q values this close are as good as each other: as for the greedy rung, whose unit they share.
EPSILON = 0.001
#: Rows computed at once: the layers of a block stay in the processor's cache. 5,000 rows take 1.0 ms instead of 1.9.
_BLOCK_ROWS = 512
_LARGEST_LAYER = 4096
_LARGEST_DEPTH = 16


@dataclass(frozen=True)
class QFunction:
    """A multilayer perceptron: normalised inputs, rectified hidden layers, one linear output.

    Raises:
        WrongShape: the layers do not fit each other, or do not end in one output.
        InvalidValue: a number is not finite, or a scale is not > 0.
    """

    mean: Matrix
    """shape (inputs,): subtracted from the inputs."""
    scale: Matrix
    """shape (inputs,): the inputs are divided by it, > 0."""
    weights: tuple[Matrix, ...]
    """Layer by layer, shape (inputs of the layer, outputs of the layer), float32."""
    biases: tuple[Matrix, ...]
    """Layer by layer, shape (outputs of the layer,), float32."""

    def __post_init__(self) -> None:
        if not self.weights or len(self.weights) != len(self.biases):
            raise WrongShape(f"{len(self.weights)} weights and {len(self.biases)} biases", field="layers", expected="one of each")
        width = self.mean.size
        if self.mean.shape != (width,) or self.scale.shape != (width,) or width == 0:
            raise WrongShape(f"mean {self.mean.shape}, scale {self.scale.shape}", field="mean, scale", expected="one per input")
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if weight.ndim != 2 or weight.shape[0] != width or bias.shape != (weight.shape[1],):
                shown = f"weight {weight.shape} and bias {bias.shape}"
                raise WrongShape(shown, field=f"layer {layer}", expected=f"({width}, outputs) and (outputs,)")
            width = weight.shape[1]
        if width != 1:
            raise WrongShape(f"{width} outputs", field="layers", expected="one output")
        for array in (self.mean, self.scale, *self.weights, *self.biases):
            if array.dtype != np.float32 or not np.isfinite(array).all():
                raise InvalidValue("a parameter is not a finite float32", field="layers", expected="finite float32")
        if not (self.scale > 0).all():
            raise InvalidValue("a scale is not > 0", field="scale", expected="numbers > 0")

    @property
    def input_count(self) -> int:
        """Numbers in an after-state."""
        return int(self.mean.size)

    @cached_property
    def _folded(self) -> tuple[tuple[Matrix, Matrix], ...]:
        """Layers with the normalisation folded into the first, so that a decision does not pay for it."""
        first: Matrix = self.weights[0] / self.scale[:, None]
        bias = (self.biases[0] - (self.mean / self.scale) @ self.weights[0]).astype(np.float32)
        return ((first, bias), *zip(self.weights[1:], self.biases[1:], strict=True))

    def values(self, states: Matrix) -> Matrix:
        """Q values: expected discounted reward from this placement on.

        Args:
            states: shape (candidates, inputs), float32, finite.

        Returns:
            shape (candidates,), float32, finite, high = better, in the unit of the reward.

        Raises:
            WrongShape: the states have another width.
            InvalidValue: a state, or a value computed from it, is not finite.
        """
        if states.ndim != 2 or states.shape[1] != self.input_count:
            raise WrongShape(f"states of shape {states.shape}", field="states", expected=f"(candidates, {self.input_count})")
        values = np.empty(len(states), dtype=np.float32)
        last = len(self._folded) - 1
        for first in range(0, len(states), _BLOCK_ROWS):
            layer = states[first : first + _BLOCK_ROWS]
            for number, (weight, bias) in enumerate(self._folded):
                layer = layer @ weight
                layer += bias
                if number < last:
                    np.maximum(layer, np.float32(0.0), out=layer)
            values[first : first + _BLOCK_ROWS] = layer[:, 0]
        if not np.isfinite(values).all() or not np.isfinite(states).all():
            raise InvalidValue("a state or its value is not finite", field="states", expected="finite numbers")
        return values

    def to_files(self) -> dict[str, bytes]:
        """The function as data files: one uncompressed npz of float32 arrays, equal bytes for equal parameters."""
        arrays = {"mean": self.mean, "scale": self.scale}
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            arrays[f"weight_{layer}"] = weight
            arrays[f"bias_{layer}"] = bias
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]  # the stub takes the names for its own keyword allow_pickle
        return {FILE_NAME: buffer.getvalue()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], *, input_count: int | None = None) -> QFunction:
        """The function that ``to_files`` wrote.

        Args:
            files: contents by name.
            input_count: inputs it must have; None: any.

        Raises:
            ArtifactRefused: the file is missing, is no npz, holds other arrays than these, of other shapes or types, or numbers
                that are not finite.
        """
        if FILE_NAME not in files:
            raise ArtifactRefused("the file is missing", field=FILE_NAME)
        try:
            with np.load(io.BytesIO(files[FILE_NAME]), allow_pickle=False) as stored:
                names = list(stored.files)
                layers = (len(names) - 2) // 2
                if layers > _LARGEST_DEPTH or set(names) != _names(layers) or len(names) != len(set(names)):
                    shown = ", ".join(sorted(names)[:8])
                    raise ArtifactRefused(f"holds {shown}", field=FILE_NAME, expected="mean, scale, weight_0, bias_0 ...")
                arrays = {name: stored[name] for name in names}
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError) as error:
            raise ArtifactRefused("not an npz of plain arrays", field=FILE_NAME) from error
        if any(array.dtype != np.float32 or max(array.shape, default=0) > _LARGEST_LAYER for array in arrays.values()):
            raise ArtifactRefused("an array is not float32, or too large", field=FILE_NAME, expected="float32 of at most 4096")
        try:
            function = cls(
                arrays["mean"],
                arrays["scale"],
                tuple(arrays[f"weight_{layer}"] for layer in range(layers)),
                tuple(arrays[f"bias_{layer}"] for layer in range(layers)),
            )
        except (WrongShape, InvalidValue) as error:
            raise ArtifactRefused(f"{error.field}: {error.message}", field=FILE_NAME, expected=error.expected) from error
        if input_count is not None and function.input_count != input_count:
            raise ArtifactRefused(f"takes {function.input_count} inputs", field=FILE_NAME, expected=f"{input_count} inputs")
        return function


def _names(layers: int) -> set[str]:
    return {"mean", "scale", *(f"{kind}_{layer}" for kind in ("weight", "bias") for layer in range(layers))}


def initial_q_function(
    random: np.random.Generator, mean: Matrix, scale: Matrix, hidden_units: Sequence[int] = HIDDEN_UNITS
) -> QFunction:
    """A new network: weights drawn as He et al. 2015 (normal, variance 2 / inputs), the output layer small, biases zero.

    Args:
        random: generator of the weights.
        mean, scale: normalisation of the inputs, shape (inputs,), float32.
        hidden_units: width of each hidden layer.
    """
    widths = (mean.size, *hidden_units, 1)
    weights = []
    for layer, (rows, columns) in enumerate(pairwise(widths)):
        spread = np.sqrt(2.0 / rows) * (0.1 if layer == len(hidden_units) else 1.0)
        weights.append((random.standard_normal((rows, columns)) * spread).astype(np.float32))
    biases = tuple(np.zeros(width, dtype=np.float32) for width in widths[1:])
    return QFunction(mean.astype(np.float32), scale.astype(np.float32), tuple(weights), biases)


def zero_q_function(input_count: int) -> QFunction:
    """The function that adds nothing: 0 for every after-state. What is published where nothing better was learned.

    Args:
        input_count: numbers in an after-state, >= 1.
    """
    nothing = np.zeros((input_count, 1), dtype=np.float32)
    ones = np.ones(input_count, dtype=np.float32)
    return QFunction(nothing[:, 0], ones, (nothing,), (np.zeros(1, dtype=np.float32),))
