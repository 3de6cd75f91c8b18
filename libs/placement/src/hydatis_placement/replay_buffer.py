"""What happened, for learning from it more than once and in another order.

Successive placements look alike and steer each other; drawing them at random from a long memory gives batches that a network can
learn from (Mnih et al., "Human-level control through deep reinforcement learning", Nature 2015).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

__all__ = ["Batch", "ReplayBuffer"]

Matrix = NDArray[np.float32]


class Batch(NamedTuple):
    """Transitions drawn from the buffer."""

    states: Matrix
    """shape (batch, inputs): after-states of candidates."""
    rewards: Matrix
    """shape (batch, 2): with objective weight 0, and with 1."""
    next_states: Matrix
    """shape (candidates of all, inputs): after-states of the next decision, one transition after the other."""
    next_counts: NDArray[np.intp]
    """shape (batch,): how many of them belong to each transition; 0: the episode ended."""


class ReplayBuffer:
    """The newest transitions.

    The candidates of the next decision are many rows per transition: of more than ``candidate_limit`` a random sample is kept,
    which is what kube-scheduler itself does with large clusters.

    Args:
        capacity: transitions kept, >= 1; the oldest are overwritten.
        input_count: numbers in an after-state.
        candidate_limit: candidates kept per transition, >= 1.
        random: generator of the samples and the draws.
    """

    def __init__(self, capacity: int, input_count: int, candidate_limit: int, random: np.random.Generator) -> None:
        if capacity < 1 or candidate_limit < 1 or input_count < 1:
            shown = f"capacity {capacity}, inputs {input_count}, candidates {candidate_limit}"
            raise InvalidValue(shown, field="capacity, input_count, candidate_limit", expected="whole numbers >= 1")
        self._states = np.zeros((capacity, input_count), dtype=np.float32)
        self._rewards = np.zeros((capacity, 2), dtype=np.float32)
        self._next_states = np.zeros((capacity, candidate_limit, input_count), dtype=np.float32)
        self._next_counts = np.zeros(capacity, dtype=np.intp)
        self._random = random
        self._written = 0

    def __len__(self) -> int:
        """Transitions held."""
        return min(self._written, len(self._rewards))

    def add(self, state: Matrix, rewards: Matrix, next_states: Matrix | None) -> None:
        """Remembers a transition.

        Args:
            state: shape (inputs,), the after-state of a candidate.
            rewards: shape (2,), what it brings with objective weight 0, and with 1.
            next_states: shape (candidates, inputs), after-states of the next decision; None: the episode ended.
        """
        slot = self._written % len(self._rewards)
        self._written += 1
        self._states[slot] = state
        self._rewards[slot] = rewards
        if next_states is None:
            self._next_counts[slot] = 0
            return
        limit = self._next_states.shape[1]
        if len(next_states) > limit:
            next_states = next_states[self._random.choice(len(next_states), limit, replace=False)]
        self._next_counts[slot] = len(next_states)
        self._next_states[slot, : len(next_states)] = next_states

    def draw(self, size: int) -> Batch:
        """Transitions drawn with equal chance, with replacement.

        Raises:
            InvalidValue: nothing is held yet.
        """
        if not len(self):
            raise InvalidValue("the buffer is empty", field="size", expected="transitions added before")
        slots = self._random.integers(len(self), size=size)
        counts = self._next_counts[slots]
        held = np.arange(self._next_states.shape[1]) < counts[:, None]
        return Batch(self._states[slots], self._rewards[slots], self._next_states[slots][held], counts)
