"""Gradients of the Q function's loss, written out.

The network is three matrix products: its gradient is six more, and a test holds them against finite differences. So training needs
no framework and the weight of none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["HUBER_WIDTH", "Gradients", "gradients"]

Matrix = NDArray[np.float32]

#: Errors above this count linearly. Rewards have a heavy tail (a rare pile-up of overload costs tens of what a choice between good
#: nodes does), and squared errors would spend the whole network on it.
HUBER_WIDTH = 0.1


class Gradients(NamedTuple):
    """Loss of a batch and its derivatives, layer by layer."""

    loss: float
    """Mean over the batch of the Huber loss: e^2 / 2 for |e| <= w, else w (|e| - w / 2)."""
    weights: tuple[Matrix, ...]
    biases: tuple[Matrix, ...]


def gradients(
    weights: tuple[Matrix, ...], biases: tuple[Matrix, ...], inputs: Matrix, targets: Matrix, *, huber_width: float = HUBER_WIDTH
) -> Gradients:
    """Loss of the network on a batch, and its derivatives by every parameter.

    Args:
        weights, biases: layer by layer as in ``QFunction``.
        inputs: shape (batch, inputs), already normalised.
        targets: shape (batch,), what the outputs should be.
        huber_width: w, > 0.

    Returns:
        Derivatives in the shapes and dtype of the parameters.
    """
    activations = [inputs]
    last = len(weights) - 1
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        layer = activations[-1] @ weight + bias
        activations.append(layer if number == last else np.maximum(layer, 0.0))
    error = activations[-1][:, 0] - targets
    size = np.abs(error)
    loss = np.where(size <= huber_width, 0.5 * error * error, huber_width * (size - 0.5 * huber_width)).mean()
    upstream = (np.clip(error, -huber_width, huber_width) / error.size).astype(inputs.dtype)[:, None]
    by_weight: list[Matrix] = []
    by_bias: list[Matrix] = []
    for number in range(last, -1, -1):
        below = activations[number]
        by_weight.append(below.T @ upstream)
        by_bias.append(upstream.sum(axis=0))
        if number:
            upstream = (upstream @ weights[number].T) * (below > 0)
    return Gradients(float(loss), tuple(reversed(by_weight)), tuple(reversed(by_bias)))
