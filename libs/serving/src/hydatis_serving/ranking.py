"""What placement-policy is asked, and what it answers, as values.

The shim asks and placement-policy answers in arrays; the generated messages are seen by neither. One pod is one query, so
that a batch of pods is one call.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse
from hydatis_placement.credits import Credits
from numpy.typing import NDArray

__all__ = ["AwaitedGeneration", "RankAnswer", "RankQuery"]


def _no_rows() -> NDArray[np.int32]:
    return np.empty(0, dtype=np.int32)


@dataclass(frozen=True)
class RankQuery:
    """One pod and its candidates."""

    pod: Pod
    expected_use: ExpectedUse
    rows: NDArray[np.int32] = field(default_factory=_no_rows)
    """shape (candidates,), int32: rows of the first generation offered, without repeats. Empty: ``node_names`` says which."""
    node_names: tuple[str, ...] = ()
    """Candidates by name, used when ``rows`` is empty."""
    credits: Credits = field(default_factory=Credits)
    """Credits as the caller knows them, for the first generation offered."""
    objective_weight: float = 0.0
    """0 spreads load over nodes, 1 packs it on few."""


@dataclass(frozen=True)
class RankAnswer:
    """Rankings of the queries, in their order."""

    generation: int
    """The generation they were computed on: one of those offered."""
    utilities: tuple[NDArray[np.float32], ...]
    """Per query, shape (candidates,), float32, finite, high = better: Q value of the state after placing."""
    local: bool
    """True: computed by the policy that placement-policy holds itself, since the model server was late or gone."""
    model_version: str
    """Semantic version of the policy that computed them."""
    risk_masked: bool
    """Whether the risk was missing and masked."""


@dataclass(frozen=True, slots=True)
class AwaitedGeneration:
    """A generation that placement-policy holds whole."""

    generation: int
    """The newest complete one, >= the one asked for."""
    model_version: str
    """Semantic version of the local policy."""
