"""The ranking of one pod's candidates: who is kept, what each scores, who comes first.

A ranking is made once per pod and answers both of kube-scheduler's calls, so everything it may be asked is derived here from
the same utilities. What only the record or the second answer needs is computed when it is asked for, after the first answer is
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from hydatis_features.expected_use import ExpectedUse
from hydatis_placement.admission import REASONS, Admission
from hydatis_placement.credits import Credits
from hydatis_placement.ladder import Rung
from hydatis_placement.scores import scores
from hydatis_placement.view import ClusterView
from msgspec import Raw
from numpy.typing import NDArray

from hydatis_scheduler_plugin.candidates import Candidates
from hydatis_scheduler_plugin.convert import PodRequest, names_json, prioritize_body
from hydatis_scheduler_plugin.host_scores import HostScores

__all__ = ["NEUTRAL_SCORE", "Basis", "Ranking"]

#: What every node scores in a neutral answer: the extender adds nothing, the stock order stands.
NEUTRAL_SCORE = 0
#: What stands before every reason that kube-scheduler shows.
REASON_PREFIX = "hydatis: "


@dataclass(frozen=True, slots=True)
class Basis:
    """What a ranking was computed from."""

    view: ClusterView
    expected_use: ExpectedUse
    credits: Credits
    objective_weight: float
    """0 spreads, 1 packs."""
    utilities: NDArray[np.float32]
    """shape (known candidates,), high = better, finite, in the unit of the rung."""
    admission: Admission
    """The filter, one value per known candidate."""
    epsilon: float
    """Utilities this close to the best score as the best does."""
    host_scores: HostScores
    """Writes the answer to /prioritize."""


@dataclass(frozen=True)
class Ranking:
    """One pod's ranking. Without a basis it is neutral: everyone is kept, everyone scores the same."""

    request: PodRequest
    candidates: Candidates
    rung: Rung | None
    """None: the pod is not ours, ``reason`` says why."""
    reason: str
    """Why not a higher rung; empty on the full rung."""
    basis: Basis | None = None
    generation: int = 0
    """Generation decided on; 0: none."""
    event_time_seconds: float = 0.0
    risk_masked: bool = False
    model_versions: tuple[str, ...] = ()
    """As "name version"."""
    shadow: bool = False
    """Only recorded: the answer is neutral all the same."""
    seconds: float = 0.0
    """Wall clock from request to ranking."""

    @property
    def speaks(self) -> bool:
        """Whether the answer differs from a neutral one."""
        return self.basis is not None and not self.shadow

    @cached_property
    def allowed(self) -> NDArray[np.bool_]:
        """shape (candidates,): who passes the filter. Unknown nodes always do."""
        if self.basis is None:
            return np.ones(len(self.candidates.names), dtype=np.bool_)
        return self.candidates.spread(self.basis.admission.allowed, True).astype(np.bool_, copy=False)

    @cached_property
    def rejected_count(self) -> int:
        """How many candidates the filter rejects."""
        return int(self.allowed.size - np.count_nonzero(self.allowed))

    @cached_property
    def failed(self) -> dict[str, str]:
        """Why each rejected node is rejected, as kube-scheduler shows it."""
        if self.basis is None or self.rejected_count == 0:
            return {}
        codes = self.codes
        names = self.candidates.names
        return {names[i]: REASON_PREFIX + REASONS[int(codes[i])] for i in np.flatnonzero(~self.allowed)}

    @cached_property
    def codes(self) -> NDArray[np.int8]:
        """shape (candidates,): position in ``admission.REASONS``; 0: nothing against it."""
        if self.basis is None:
            return np.zeros(len(self.candidates.names), dtype=np.int8)
        return self.candidates.spread(self.basis.admission.codes, 0).astype(np.int8, copy=False)

    @cached_property
    def utilities(self) -> NDArray[np.float32]:
        """shape (candidates,), high = better, in the unit of the rung; NaN: none."""
        if self.basis is None:
            return np.full(len(self.candidates.names), np.nan, dtype=np.float32)
        return self.candidates.spread(self.basis.utilities, np.nan).astype(np.float32, copy=False)

    @cached_property
    def scores(self) -> NDArray[np.int64]:
        """shape (candidates,): 0..10, high = better, among all that are kept; the rejected score 0.

        A node that the table lacks scores the (lower) median of the known: nothing is known for or against it.
        """
        return self._scores(np.arange(len(self.candidates.names)))

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Positions of the candidates that are kept, best score first, ties as offered."""
        kept = np.flatnonzero(self.allowed)
        # Small integers are sorted by counting: 5,000 scores in a tenth of the time.
        return kept[np.argsort(-self.scores[kept].astype(np.int8), kind="stable")]

    @cached_property
    def chosen(self) -> str:
        """First choice: the best score, ties to the first; empty when there is none or the ranking is neutral."""
        if self.basis is None or not self.allowed.any():
            return ""
        return self.candidates.names[int(np.argmax(np.where(self.allowed, self.scores, -1)))]

    @property
    def kept_names(self) -> list[str]:
        """Who the answer to /filter keeps, in the order offered."""
        names = self.candidates.names
        if not self.speaks:
            return names
        return names if self.rejected_count == 0 else [names[i] for i in np.flatnonzero(self.allowed)]

    @cached_property
    def kept_names_json(self) -> Raw:
        """``kept_names`` as kube-scheduler would send them back with /prioritize."""
        return names_json(self.kept_names)

    @cached_property
    def prioritize_body(self) -> bytes:
        """The answer to a /prioritize of exactly the kept candidates."""
        names = self.kept_names
        if self.basis is None or self.shadow:
            return prioritize_body(names, [NEUTRAL_SCORE] * len(names))
        scores = self.scores if self.rejected_count == 0 else self.scores[self.allowed]
        if self.candidates.positions is not None:
            return prioritize_body(names, scores.tolist())
        rows = self.candidates.rows if self.rejected_count == 0 else self.candidates.rows[self.allowed]
        return self.basis.host_scores.body(rows, scores)

    def scores_of(self, names: Sequence[str]) -> NDArray[np.int64] | None:
        """Scores of a part of the candidates among themselves, shape (names,); None: one of them is no candidate."""
        position = {name: i for i, name in enumerate(self.candidates.names)}
        positions = np.fromiter((position.get(name, -1) for name in names), dtype=np.intp, count=len(names))
        return None if positions.size and int(positions.min()) < 0 else self._scores(positions)

    def _scores(self, positions: NDArray[np.intp]) -> NDArray[np.int64]:
        if self.basis is None:
            return np.full(positions.size, NEUTRAL_SCORE, dtype=np.int64)
        utilities = self.utilities[positions]
        allowed = self.allowed[positions]
        known = allowed & ~np.isnan(utilities)
        if known.all():
            return scores(utilities, epsilon=self.basis.epsilon)
        result = np.full(positions.size, NEUTRAL_SCORE, dtype=np.int64)
        result[known] = scores(utilities[known], epsilon=self.basis.epsilon)
        unknown = allowed & ~known
        if unknown.any() and known.any():
            result[unknown] = np.sort(result[known])[(int(known.sum()) - 1) // 2]
        return result
