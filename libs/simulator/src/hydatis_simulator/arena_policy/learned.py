"""hydatis: the greedy bound and the correction that was learned for it, over after-states of one shared network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from hydatis_core.errors import ArtifactRefused
from hydatis_placement.moment_state import MOMENT_COLUMNS, moment_states
from hydatis_placement.q_function import FILE_NAME, QFunction
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.arena_policy.load_ledger import LoadLedger

__all__ = ["MOMENT_FILE_NAME", "HydatisLearned", "correction_of"]

#: The correction among the files of a placement-policy artifact.
MOMENT_FILE_NAME = "moment_correction.npz"


class HydatisLearned:
    """Score = greedy value + correction, at one objective weight.

    Args:
        correction: f of ``q_learning``; None: zero.
        objective_weight: 0 (spread) to 1 (pack).
        name: what tables call it.
    """

    def __init__(self, correction: QFunction | None, *, objective_weight: float = 0.0, name: str = "hydatis") -> None:
        self._name = name
        self._correction = correction
        self._objective_weight = objective_weight
        self.ledger: LoadLedger | None = None
        """What is known; None before a run."""

    @property
    def name(self) -> str:
        """What tables call it."""
        return self._name

    def start(self, seen: Seen) -> None:
        """No pod is bound."""
        self.ledger = LoadLedger(seen)

    def tick(self, seen: Seen) -> None:
        """Measurements are not needed: what was bound is known at once."""

    def states(self, seen: Seen, pod: int) -> NDArray[np.float32]:
        """After-states of all nodes, shape (nodes, columns)."""
        assert self.ledger is not None, "the arena starts a contender before it asks"
        own = self.ledger.of_pod(seen, pod)
        asked = seen.fleet.requests[:, pod][:, None] / seen.allocatable
        requested = seen.requested / seen.allocatable + asked
        return moment_states(self.ledger.nodes.after(own), requested, seen.pods_count == 0, self._objective_weight)

    def scores(self, seen: Seen, pod: int) -> NDArray[np.float64]:
        """shape (nodes,)."""
        states = self.states(seen, pod)
        weight = self._objective_weight
        values = (1 - weight) * states[:, 0].astype(np.float64) + weight * states[:, 1]
        return values if self._correction is None else values + self._correction.values(states)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """Counts the pod."""
        assert self.ledger is not None, "the arena starts a contender before it places"
        self.ledger.place(seen, pod, node)


def correction_of(files: Mapping[str, bytes]) -> QFunction | None:
    """The correction of a placement-policy artifact; None: it has none, as when greedy was better on validation.

    Raises:
        ArtifactRefused: the file is not one, or takes other inputs.
    """
    if MOMENT_FILE_NAME not in files:
        return None
    try:
        return QFunction.from_files({FILE_NAME: files[MOMENT_FILE_NAME]}, input_count=len(MOMENT_COLUMNS))
    except ArtifactRefused as error:
        raise ArtifactRefused(error.message, field=MOMENT_FILE_NAME, expected=error.expected) from error
