"""From risk to flags: which nodes are flagged now, which of them for long enough to count, and what sets them apart.

Risk is a statement about one tick. What a placement may avoid a node for is a run of ticks, so the runs are kept here, over all
ticks of one cluster; so is every node's own record of risks, which sets the threshold that it must pass. Nobody is kept off a node
that has no record yet: on the first day of a cluster all of it may look unlike what the model learned from.
"""

from __future__ import annotations

from dataclasses import replace

from hydatis_anomaly.confirmation import Confirmation
from hydatis_anomaly.risk_table import RiskTable
from hydatis_anomaly.trailing_threshold import WINDOW_DAYS, TrailingThreshold
from hydatis_core.event_time import DAY_SECONDS
from hydatis_features.table import NodeTable

from hydatis_anomaly_detector.peculiarity import contributions
from hydatis_anomaly_detector.risk_maker import Scores

__all__ = ["Flagging"]

#: After a pause this long, what was known of the nodes is no longer theirs.
_FORGET_SECONDS = WINDOW_DAYS * DAY_SECONDS


class Flagging:
    """Keeps the runs of flagged ticks, and the trailing thresholds.

    Args:
        confirm_ticks_count: for how many ticks in a row a node must be flagged to be confirmed.
        false_alarm_rate: share of a node's own ticks of the last week that may lie above its threshold, 0 < rate < 1.
    """

    def __init__(self, confirm_ticks_count: int, false_alarm_rate: float) -> None:
        self._confirm_ticks_count = confirm_ticks_count
        self._false_alarm_rate = false_alarm_rate
        self._begin()

    def _begin(self) -> None:
        self._confirmation = Confirmation(self._confirm_ticks_count)
        self._trailing = TrailingThreshold(self._false_alarm_rate)

    def flag(self, table: NodeTable, scores: Scores) -> RiskTable:
        """The risk table of one tick.

        A generation that is not later than the last, or later by more than a trailing window, means that another cluster was
        loaded: all runs and records begin anew.

        Raises:
            InvalidValue: a risk is outside 0..1.
        """
        # Made first without flags: risks that are none must not enter the runs.
        plain = RiskTable(table.generation, scores.risk, scores.threshold, (), scores.version)
        passed = table.generation - self._confirmation.generation
        if passed <= 0 or passed > _FORGET_SECONDS:
            self._begin()
        thresholds = self._trailing.update(table.generation, plain.risk, plain.threshold, table.node_names)
        flagged = self._confirmation.update(table.generation, plain.risk, thresholds, table.node_names)
        # The model explains the risks that it finds worth it; the rest are compared with the fleet.
        unexplained = [node.row for node in flagged if node.row not in scores.contributions]
        reasons = scores.contributions | dict(zip(unexplained, contributions(table, unexplained), strict=True))
        has_record = self._trailing.has_record
        named = tuple(
            replace(node, contributions=reasons[node.row], confirmed=node.confirmed and bool(has_record[node.row]))
            for node in flagged
        )
        return replace(plain, flagged=named)
