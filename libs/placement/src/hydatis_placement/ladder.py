"""The ladder: how much of the system takes part in a decision, as a table of what is missing.

Every failure costs a rung and never a pod: the lower rungs need less, and the lowest needs nobody.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum, IntEnum

__all__ = ["LADDER", "Missing", "Rung", "rung_for"]


class Rung(IntEnum):
    """Rungs, best first; the numbers are those of ``hydatis.decision.v1.Rung``."""

    FULL = 1
    """The policy of the model server on this tick's forecasts."""
    FULL_LOCAL = 2
    """The verified policy that placement-policy holds itself."""
    GREEDY = 3
    """Greedy on the forecast (``greedy.utility``), inside the shim."""
    LOAD = 4
    """Last measured load plus credits (``load.utility``), inside the shim."""
    ABSTAIN = 5
    """Equal scores, nothing filtered: the stock order stands."""


class Missing(Enum):
    """What can be missing, by the word that stands as reason in the decision record."""

    TABLE = "no_table"
    """No node table has come yet."""
    NODES = "unknown_nodes"
    """Candidates that the newest table lacks."""
    FRESH_METRICS = "stale_metrics"
    """The newest measurements are older than allowed."""
    FORECAST = "no_forecast"
    """No forecast for a table that is here."""
    POLICY = "no_policy"
    """placement-policy cannot be reached, refused, or has no policy."""
    POLICY_GENERATION = "no_common_generation"
    """placement-policy holds none of the generations that the shim holds."""
    POLICY_ANSWER = "policy_late"
    """placement-policy did not answer within its share of the deadline."""
    MODEL_SERVER = "no_model_server"
    """The model server cannot be reached or refused."""
    MODEL_SERVER_ANSWER = "model_server_late"
    """The model server did not answer within its share of the deadline."""
    RISK = "no_risk"
    """No risk scores: one masked input and a flag, no rung."""


#: What is missing -> the rung it leaves. Worst first: the first row that applies decides and gives the reason.
LADDER: tuple[tuple[Missing, Rung], ...] = (
    (Missing.TABLE, Rung.ABSTAIN),
    (Missing.NODES, Rung.ABSTAIN),
    (Missing.FRESH_METRICS, Rung.ABSTAIN),
    (Missing.FORECAST, Rung.LOAD),
    (Missing.POLICY, Rung.GREEDY),
    (Missing.POLICY_GENERATION, Rung.GREEDY),
    (Missing.POLICY_ANSWER, Rung.GREEDY),
    (Missing.MODEL_SERVER, Rung.FULL_LOCAL),
    (Missing.MODEL_SERVER_ANSWER, Rung.FULL_LOCAL),
    (Missing.RISK, Rung.FULL),
)


def rung_for(missing: Collection[Missing]) -> tuple[Rung, str]:
    """The rung that is left when these things are missing, and the reason in a word.

    Args:
        missing: what is missing; empty: nothing.

    Returns:
        The rung, and why it is not a higher one; the reason is empty on the full rung.

    >>> rung_for([Missing.POLICY, Missing.FORECAST])
    (<Rung.LOAD: 4>, 'no_forecast')
    """
    for what, rung in LADDER:
        if what in missing:
            return rung, "" if rung is Rung.FULL else what.value
    return Rung.FULL, ""
