"""Adam: the step from gradients to parameters (Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015), with weight
decay apart from the gradients (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019).

Kept apart from the learner, because what a step is does not depend on what is learned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

__all__ = ["Adam"]

Matrix = NDArray[np.float32]


class Adam:
    """Moments of the gradients seen so far.

    m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + 1e-8), with b1 = 0.9 and
    b2 = 0.999; then p -= rate decay p for matrices, not for biases. Gradients are first scaled down to a joint norm of at most
    ``largest_norm``.

    Args:
        parameters: changed in place by ``step``.
        rate: step size, > 0.
        decay: share of a weight lost per step and unit of rate, >= 0.
        largest_norm: > 0.
    """

    def __init__(self, parameters: Sequence[Matrix], *, rate: float, decay: float = 0.0, largest_norm: float = 10.0) -> None:
        if not rate > 0 or not decay >= 0 or not largest_norm > 0:
            shown = f"rate {rate!r}, decay {decay!r}, norm {largest_norm!r}"
            raise InvalidValue(shown, field="rate, decay, largest_norm", expected="numbers > 0, decay >= 0")
        self._parameters = parameters
        self._decay = decay
        self._largest_norm = largest_norm
        self._first = [np.zeros_like(parameter) for parameter in parameters]
        self._second = [np.zeros_like(parameter) for parameter in parameters]
        self._steps = 0
        self.rate = rate

    def step(self, gradients: Sequence[Matrix]) -> None:
        """Moves every parameter one step down its gradient."""
        norm = float(np.sqrt(sum(float(np.vdot(gradient, gradient)) for gradient in gradients)))
        shrink = np.float32(min(1.0, self._largest_norm / norm)) if norm > 0 else np.float32(1.0)
        self._steps += 1
        first_bias = 1.0 - 0.9**self._steps
        second_bias = 1.0 - 0.999**self._steps
        rate = np.float32(self.rate * np.sqrt(second_bias) / first_bias)
        tiny = np.float32(1e-8 * np.sqrt(second_bias))
        for number, gradient in enumerate(gradients):
            scaled = gradient * shrink
            self._first[number] += np.float32(0.1) * (scaled - self._first[number])
            self._second[number] += np.float32(0.001) * (scaled * scaled - self._second[number])
            self._parameters[number][...] -= rate * self._first[number] / (np.sqrt(self._second[number]) + tiny)
            if self._parameters[number].ndim > 1:
                self._parameters[number][...] *= np.float32(1.0 - self.rate * self._decay)
