"""What an evaluation comes to: a table from intervals to verdicts, and another from verdicts to what is registered.

A model is replaced for a reason. "Its mean is a little better" is none: on other days it would be a little worse. So a candidate
has to be better with its whole interval, or, where something else speaks for it (fresh data after a drift), be shown to be no worse
than a stated margin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from hydatis_core.errors import ArtifactRefused

from hydatis_lifecycle.evaluation.paired_bootstrap import Improvement

__all__ = ["ACCEPTED", "DEFAULT_MARGIN", "ModelVerdict", "Verdict", "judge"]

#: A candidate that loses no more than this share of the rival's loss is no worse.
DEFAULT_MARGIN = 0.02


class Verdict(Enum):
    """What a candidate is beside its champion."""

    FIRST = "first"
    """There is no champion, and it is no worse than the baseline."""
    BETTER = "better"
    """All of the interval is above 0."""
    NOT_WORSE = "not_worse"
    """The interval stays above the margin, and reaches 0."""
    WORSE = "worse"
    """It may be worse by more than the margin: of the champion, or of the baseline where there is none."""
    SAME = "same"
    """It is the champion: the same files."""
    UNJUDGED = "unjudged"
    """There was nothing to judge it on: its resource was never measured."""


#: By what a run is for: verdicts that are registered. A search for something better replaces by better only; after a drift the
#: champion's data is stale, and what is no worse on the new data takes its place.
ACCEPTED: Mapping[str, frozenset[Verdict]] = {
    "better": frozenset({Verdict.FIRST, Verdict.BETTER}),
    "not_worse": frozenset({Verdict.FIRST, Verdict.BETTER, Verdict.NOT_WORSE}),
}


@dataclass(frozen=True, slots=True)
class ModelVerdict:
    """The judgement of one candidate."""

    model: str
    """Its name: ``cpu-forecaster``."""
    digest: str
    """``sha256:...`` of the trained model's folder."""
    verdict: Verdict
    loss: str
    """What was lost, in words."""
    baseline: str
    """What costs nothing and has to be beaten: ``persistence``."""
    champion: str
    """Version of the champion; empty: none."""
    losses: Mapping[str, float]
    """Mean loss of ``candidate``, ``baseline`` and, where there is one, ``champion``."""
    over_champion: Improvement | None
    over_baseline: Improvement | None
    margin: float
    reason: str
    """One sentence."""

    def accepted(self, policy: str) -> bool:
        """Whether it may be registered, by a key of ``ACCEPTED``."""
        return self.verdict in ACCEPTED[policy]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"verdict": self.verdict.value, "losses": dict(self.losses)}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> ModelVerdict:
        """What ``to_json`` told.

        Raises:
            ArtifactRefused: it is no such thing.
        """
        try:
            intervals = {name: told[name] and Improvement(**told[name]) for name in ("over_champion", "over_baseline")}
            return cls(**{**told, "verdict": Verdict(told["verdict"]), **intervals})
        except (KeyError, TypeError, ValueError) as wrong:
            raise ArtifactRefused(f"no verdict: {wrong}", field="evaluation", expected="what evaluate writes") from None


def judge(over_champion: Improvement | None, over_baseline: Improvement, margin: float = DEFAULT_MARGIN) -> tuple[Verdict, str]:
    """The verdict and why, from how much better a candidate is than the champion and than the baseline.

    | champion | interval of the improvement      | verdict   |
    |----------|----------------------------------|-----------|
    | yes      | low > 0                          | better    |
    | yes      | low >= -margin                   | not worse |
    | yes      | else                             | worse     |
    | none     | over the baseline, low >= -margin | first    |
    | none     | else                             | worse     |
    """
    rival, rival_name = (over_baseline, "the baseline") if over_champion is None else (over_champion, "the champion")
    shown = f"{_share(rival.ratio)} (95 % interval {_share(rival.low)} to {_share(rival.high)}) against {rival_name}"
    if over_champion is not None and over_champion.low > 0:
        return Verdict.BETTER, f"better by {shown}"
    if rival.low >= -margin:
        verdict = Verdict.FIRST if over_champion is None else Verdict.NOT_WORSE
        return verdict, f"{shown}: no worse by the margin of {_share(margin)}"
    return Verdict.WORSE, f"{shown}: may be worse by more than the margin of {_share(margin)}"


def _share(value: float) -> str:
    return f"{100 * value:+.1f} %"
