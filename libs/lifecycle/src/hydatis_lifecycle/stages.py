"""Stages of a published version: none, staging, production, archived; who may go where, and on what condition.

The table below is the truth; MLflow's aliases and tags are written from it and never read back. At most one version of a model is
in staging and one in production: who comes takes the place, and who was in production is archived, where a rollback finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from hydatis_core.errors import InvalidValue

__all__ = ["TRANSITIONS", "Condition", "Facts", "Stage", "StageChange", "promote"]


class Stage(Enum):
    """Where a version stands."""

    NONE = "none"
    """Published, and nothing was said of it."""
    STAGING = "staging"
    """The next one: it is tried."""
    PRODUCTION = "production"
    """The one that servers are told to serve."""
    ARCHIVED = "archived"
    """It was one of these; a rollback may take it again."""


class Condition(Enum):
    """What must hold of a version before it goes somewhere; the value is the sentence of a refusal."""

    VERIFIED = "its files are not those of its manifest"
    SIGNED = "it bears no signature of a trusted key"
    JUDGED = "it was not judged against champion and baseline, and no reason is given why it goes on all the same"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a version when it is to go on."""

    verified: bool
    signed: bool
    judged: bool
    """An evaluation let it pass; False: it was not evaluated."""
    reason: str = ""
    """Why, in somebody's words."""

    def holds(self, condition: Condition) -> bool:
        """Whether a condition holds."""
        return {
            Condition.VERIFIED: self.verified,
            Condition.SIGNED: self.signed,
            Condition.JUDGED: self.judged or bool(self.reason.strip()),
        }[condition]


@dataclass(frozen=True, slots=True)
class StageChange:
    """One version goes from one stage to another."""

    version: str
    before: Stage
    after: Stage


_SOUND = (Condition.VERIFIED, Condition.SIGNED)

#: (from, to) -> what must hold. What is not here is not allowed: nothing reaches production that was not in staging once.
TRANSITIONS: dict[tuple[Stage, Stage], tuple[Condition, ...]] = {
    (Stage.NONE, Stage.STAGING): _SOUND,
    (Stage.STAGING, Stage.PRODUCTION): (*_SOUND, Condition.JUDGED),
    (Stage.STAGING, Stage.NONE): (),
    (Stage.STAGING, Stage.ARCHIVED): (),
    (Stage.PRODUCTION, Stage.ARCHIVED): (),
    (Stage.ARCHIVED, Stage.STAGING): _SOUND,
    (Stage.ARCHIVED, Stage.PRODUCTION): _SOUND,  # a rollback: it was judged when it came here first
}

#: Where a version goes whose place another one takes.
_MAKES_ROOM = {Stage.STAGING: Stage.NONE, Stage.PRODUCTION: Stage.ARCHIVED}


def promote(stages: Mapping[str, Stage], version: str, to: Stage, facts: Facts) -> tuple[StageChange, ...]:
    """What changes when a version goes to a stage.

    Args:
        stages: stage by version; versions that are not in it stand at none.
        version: who goes.
        to: where.
        facts: what is known of it.

    Returns:
        The changes, that of ``version`` last; none: it is there already.

    Raises:
        InvalidValue: there is no such way, or a condition does not hold; the message says which.
    """
    before = stages.get(version, Stage.NONE)
    if before is to:
        return ()
    conditions = TRANSITIONS.get((before, to))
    if conditions is None:
        ways = ", ".join(after.value for start, after in TRANSITIONS if start is before)
        raise InvalidValue(f"{version} is at {before.value} and cannot go to {to.value}", field="to", expected=f"one of {ways}")
    for condition in conditions:
        if not facts.holds(condition):
            raise InvalidValue(f"{version} cannot go to {to.value}: {condition.value}", field=condition.name.lower())
    room = tuple(StageChange(other, stage, _MAKES_ROOM[to]) for other, stage in stages.items() if stage is to and to in _MAKES_ROOM)
    return (*room, StageChange(version, before, to))
