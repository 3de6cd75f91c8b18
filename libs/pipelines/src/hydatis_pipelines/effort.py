"""How much work a run is worth: a table.

``smoke`` proves that everything runs and is worth nothing else. ``demo`` is what somebody waits for who wants to see the thing run:
under a minute and a half on two cores. ``full`` is what a model that decides over a cluster deserves. Everything else about them is
the same, steps, splits and checks.
"""

from __future__ import annotations

from dataclasses import dataclass

from hydatis_core.errors import InvalidValue

__all__ = ["EFFORTS", "Effort", "effort_named"]


@dataclass(frozen=True, slots=True)
class Effort:
    """Sizes of one run."""

    name: str
    dataset_rows_count: int
    """Rows (nodes x sampled ticks) of the dataset at most; ticks are sampled to stay below."""
    boosting_rounds: int
    """Rounds per target of a forecaster."""
    tree_depth: int
    """Depth of a forecaster's trees."""
    forest_rows_count: int
    """Rows that the anomaly detector is grown and mapped on, at most."""
    episodes: int
    """Episodes of the placement policy."""
    episode_hours: float
    """Length of an episode."""
    compare_hours: float
    """Length of the window that policies are compared on, at most; it is later than all episodes."""


EFFORTS: dict[str, Effort] = {
    effort.name: effort
    for effort in (
        Effort("smoke", 8_000, 12, 4, 4_000, 2, 3.0, 2.0),
        Effort("demo", 40_000, 40, 5, 15_000, 12, 8.0, 12.0),
        Effort("full", 400_000, 80, 6, 100_000, 60, 24.0, 48.0),
    )
}


def effort_named(name: str) -> Effort:
    """The effort of a name.

    Raises:
        InvalidValue: there is none.
    """
    if name not in EFFORTS:
        raise InvalidValue(f"there is no effort {name!r}", field="effort", expected=" or ".join(EFFORTS))
    return EFFORTS[name]
