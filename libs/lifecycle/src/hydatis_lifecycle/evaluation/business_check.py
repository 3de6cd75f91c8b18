"""Whether a set of models is worth having: the second gate, after each model was judged alone.

Models that each err less may still place worse together, and only what placing costs is paid for. So the candidates are put in the
place of the champions and a judged window is replayed; the score (``business_objective``) must not fall below that of the champions
by more than a tolerance, nor below what the stock scheduler reaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hydatis_lifecycle.business_objective import DEFAULT_PRICES, Outcome, Prices, business_roi_score

__all__ = ["DEFAULT_TOLERANCE", "BusinessVerdict", "check"]

#: Share of the baseline's node-hours that a score may fall short: less than a replay of one day tells apart.
DEFAULT_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class BusinessVerdict:
    """What the business says of the candidates."""

    passed: bool
    reason: str
    """One sentence."""
    scores: Mapping[str, float]
    """Score of ``candidate`` and, where there are champions, ``champion``; the stock scheduler is 0."""
    outcomes: Mapping[str, Mapping[str, float | None]]
    """What each placement came to, with ``stock``."""
    tolerance: float

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "passed": self.passed,
            "reason": self.reason,
            "scores": dict(self.scores),
            "outcomes": {name: dict(outcome) for name, outcome in self.outcomes.items()},
            "tolerance": self.tolerance,
        }


def check(
    candidate: Outcome,
    champion: Outcome | None,
    stock: Outcome,
    *,
    tolerance: float = DEFAULT_TOLERANCE,
    prices: Prices = DEFAULT_PRICES,
) -> BusinessVerdict:
    """Holds the candidates against the champions (None: there are none) and the stock scheduler, all on the same window."""
    outcomes = {"candidate": candidate, "champion": champion, "stock": stock}
    scores = {
        name: business_roi_score(outcome, stock, prices)
        for name, outcome in outcomes.items()
        if outcome is not None and name != "stock"
    }
    rivals = {"the stock scheduler": 0.0} | ({"the champions": scores["champion"]} if champion is not None else {})
    lost = {name: score for name, score in rivals.items() if scores["candidate"] < score - tolerance}
    shown = ", ".join(f"{name} {score:+.4f}" for name, score in (lost or rivals).items())
    words = "is below" if lost else "holds against"
    return BusinessVerdict(
        passed=not lost,
        reason=f"score {scores['candidate']:+.4f} {words} {shown} (tolerance {tolerance})",
        scores=scores,
        outcomes={name: outcome.to_json() for name, outcome in outcomes.items() if outcome is not None},
        tolerance=tolerance,
    )
