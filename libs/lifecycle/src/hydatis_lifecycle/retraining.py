"""What a drift calls for: nothing, fresh days for one model, everything anew, or the version before.

Retraining costs hours and can make things worse, so it is decided by a table that people can read beforehand, and a trigger that
fires twice must not train twice. Both are rules over values here; who watches for drift and who keeps the lock are elsewhere.

| the first row that holds                                   | action      | families                        |
|------------------------------------------------------------|-------------|---------------------------------|
| no family drifted, or all of them below ``moderate``       | none        | none                            |
| critical, and fewer fresh days than a training needs       | fallback    | those that are critical         |
| fewer fresh days than a training needs                     | none        | none: wait for data             |
| critical anywhere, or half of the features drifted         | full        | all                             |
| else                                                       | incremental | drifted, and who learns by them |

**incremental** trains the affected families alone, on the newest days; **full** trains all on all days; **fallback** serves the
version before the current one until there is data.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hydatis_core.errors import InvalidValue

__all__ = ["FAMILIES", "Action", "DriftReport", "RetrainingPlan", "Severity", "TriggerState", "decide", "may_start"]

#: Model families, each with those it learns by: the policy learns on what the forecasters say.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "cpu-forecaster": (),
    "memory-forecaster": (),
    "anomaly-detector": (),
    "placement-policy": ("cpu-forecaster", "memory-forecaster"),
}
#: Days that a training needs: what is judged on is cut off, and a day has 24 different hours.
LEAST_FRESH_DAYS = 1.0
#: Share of drifted features from which the world is another, and not one model's view of it.
FULL_FEATURES_RATIO = 0.5
#: Between two retrainings that drift triggered: a rollout needs hours to be judged.
COOLDOWN_SECONDS = 6 * 3600.0


class Severity(Enum):
    """How much a model's inputs or errors moved, rising."""

    NONE = 0
    MINOR = 1
    MODERATE = 2
    CRITICAL = 3


class Action(Enum):
    """What is done."""

    NONE = "none"
    INCREMENTAL = "incremental"
    FULL = "full"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What a drift detector saw.

    Raises:
        InvalidValue: a family is unknown, or a number out of range.
    """

    observed_seconds: float
    """When, Unix seconds."""
    models: Mapping[str, Severity]
    """Severity by family; a family that is missing did not drift."""
    features: tuple[str, ...]
    """Columns of the node table that drifted."""
    features_checked_count: int
    fresh_days: float
    """Days of data since the champions were trained, >= 0."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.models) - set(FAMILIES))
        if unknown:
            raise InvalidValue(f"there is no family {unknown[0]!r}", field="models", expected=", ".join(FAMILIES))
        numbers = {"observed_seconds": self.observed_seconds, "fresh_days": self.fresh_days}
        for name, value in numbers.items():
            if not (math.isfinite(value) and value >= 0):
                raise InvalidValue(f"{value!r}", field=name, expected="a finite number >= 0")
        if not len(set(self.features)) == len(self.features) <= self.features_checked_count:
            shown = f"{len(self.features)} drifted features of {self.features_checked_count}"
            raise InvalidValue(shown, field="features", expected="each once, and no more than were checked")

    @property
    def digest(self) -> str:
        """``sha256:...`` of what drifted: two reports of the same drift have the same, whenever they were made."""
        said = {"models": {name: self.models[name].name for name in sorted(self.models)}, "features": sorted(self.features)}
        return f"sha256:{hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()}"

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> DriftReport:
        """From ``{"observed_seconds", "models": {family: "minor"}, "features": [...], "features_checked_count", "fresh_days"}``.

        Raises:
            InvalidValue: it is no such thing.
        """
        try:
            return cls(
                observed_seconds=float(told["observed_seconds"]),
                models={str(name): Severity[str(level).upper()] for name, level in dict(told["models"]).items()},
                features=tuple(str(name) for name in told["features"]),
                features_checked_count=int(told["features_checked_count"]),
                fresh_days=float(told["fresh_days"]),
            )
        except InvalidValue:
            raise
        except (KeyError, TypeError, ValueError) as wrong:
            shown = f"no drift report: {type(wrong).__name__} {wrong}"
            expected = "observed_seconds, models, features, features_checked_count, fresh_days"
            raise InvalidValue(shown, field="drift", expected=expected) from None


@dataclass(frozen=True, slots=True)
class RetrainingPlan:
    """What is done about a drift."""

    action: Action
    families: tuple[str, ...]
    """In the order of ``FAMILIES``."""
    reason: str
    """One sentence."""


def decide(report: DriftReport) -> RetrainingPlan:
    """The first row of the table that holds."""
    drifted = _ordered({name for name, level in report.models.items() if level.value >= Severity.MODERATE.value})
    critical = _ordered({name for name, level in report.models.items() if level is Severity.CRITICAL})
    share = len(report.features) / report.features_checked_count if report.features_checked_count else 0.0
    fresh = report.fresh_days >= LEAST_FRESH_DAYS
    days = f"{report.fresh_days:g} fresh days"
    rows: tuple[tuple[bool, Action, tuple[str, ...], str], ...] = (
        (not drifted, Action.NONE, (), "no model drifted moderately or worse"),
        (not fresh and bool(critical), Action.FALLBACK, critical, f"critical, and {days} are too few to train on"),
        (not fresh, Action.NONE, (), f"{days} are too few to train on: wait"),
        (bool(critical), Action.FULL, tuple(FAMILIES), f"critical: {', '.join(critical)}"),
        (share >= FULL_FEATURES_RATIO, Action.FULL, tuple(FAMILIES), f"{share:.0%} of the features drifted"),
        (True, Action.INCREMENTAL, _with_learners(drifted), f"moderate: {', '.join(drifted)}"),
    )
    return next(RetrainingPlan(action, families, reason) for holds, action, families, reason in rows if holds)


def _ordered(names: set[str]) -> tuple[str, ...]:
    return tuple(name for name in FAMILIES if name in names)


def _with_learners(drifted: tuple[str, ...]) -> tuple[str, ...]:
    return _ordered({name for name, by in FAMILIES.items() if name in drifted or set(by) & set(drifted)})


@dataclass(frozen=True, slots=True)
class TriggerState:
    """What the trigger did last."""

    started_seconds: float
    """When it last started a retraining, Unix seconds."""
    drift_digest: str
    """Of the report that it started for."""


def may_start(report: DriftReport, last: TriggerState | None, now_seconds: float) -> str:
    """Why a retraining may not start now; empty: it may. That only one runs at once is up to a lock.

    | the last one            | now                       | may it start                        |
    |-------------------------|---------------------------|-------------------------------------|
    | none                    |                           | yes                                 |
    | less than a cooldown ago |                          | no: its models are not judged yet   |
    | for the same drift      | report not newer than it  | no: it was seen before the training |
    | else                    |                           | yes                                 |
    """
    if last is None:
        return ""
    waited = now_seconds - last.started_seconds
    if waited < COOLDOWN_SECONDS:
        left = (COOLDOWN_SECONDS - waited) / 60
        return f"a retraining started {waited / 60:.0f} minutes ago: {left:.0f} minutes of the cooldown are left"
    if report.digest == last.drift_digest and report.observed_seconds <= last.started_seconds:
        return "this drift was seen before the last retraining, which was for it"
    return ""
