"""What stands behind the extender in a replay: the policies to compare.

kube-scheduler asks an extender two things of a pod, which nodes to keep and how to score them. A policy answers both at once,
because one ranking serves both calls. The two here are the yardsticks: the stock scheduler (no extender at all) and chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from hydatis_core.pods import Pod
from hydatis_core.seeds import generator

__all__ = ["Policy", "RandomPolicy", "Ranking", "StockPolicy"]

#: Nodes kept, and the extender score 0..10 of each of them (higher is better).
Ranking = tuple[list[str], dict[str, int]]


class Policy(Protocol):
    """Filters and scores nodes for a pod, as an extender does."""

    @property
    def name(self) -> str:
        """What outcomes call it."""
        ...

    def filter_and_score(self, pod: Pod, node_names: Sequence[str], time_seconds: float) -> Ranking | None:
        """The nodes to keep and their scores.

        Args:
            pod: the pod to be placed.
            node_names: the nodes kube-scheduler would send: those the pod fits on, after sampling; at least one.
            time_seconds: event time of the decision, Unix seconds.

        Returns:
            Kept names, a subset of ``node_names``, and a score 0..10 by name (higher is better, absent is 0); None: it abstains,
            and the pod is placed as the stock scheduler places it.
        """
        ...


class StockPolicy:
    """No extender: the in-tree scores alone decide."""

    name = "stock"

    def filter_and_score(self, pod: Pod, node_names: Sequence[str], time_seconds: float) -> Ranking | None:
        """Abstains, always."""
        return None


class RandomPolicy:
    """Any node the pod fits on, with equal chance: the floor of every comparison.

    One node scores 10 and all others 0, so that with the extender's weight no in-tree score overrules the draw.

    Args:
        seed: of the draws; each pod draws by the order in which it is asked for.
    """

    name = "random"

    def __init__(self, seed: int) -> None:
        self._random: np.random.Generator = generator(seed, "policy/random")

    def filter_and_score(self, pod: Pod, node_names: Sequence[str], time_seconds: float) -> Ranking | None:
        """Keeps every node and scores one of them, drawn with equal chance."""
        drawn = node_names[int(self._random.integers(len(node_names)))]
        return list(node_names), {drawn: 10}
