"""One tick's work: the model is asked about every node, then it is settled which are flagged.

Flagging keeps runs over ticks and must count a tick once, while the model may have to be asked again and again. So the flags come
only when the model has answered for every node.
"""

from __future__ import annotations

import asyncio

from hydatis_anomaly.risk_table import RiskTable
from hydatis_features.table import NodeTable

from hydatis_anomaly_detector.flagging import Flagging
from hydatis_anomaly_detector.risk_maker import RiskMaker

__all__ = ["Scoring"]


class Scoring:
    """Makes risk tables of node tables.

    Args:
        maker: asks the model.
        flagging: decides which nodes are flagged.
    """

    def __init__(self, maker: RiskMaker, flagging: Flagging) -> None:
        self._maker = maker
        self._flagging = flagging

    async def make(self, table: NodeTable) -> RiskTable:
        """The risk table of one tick.

        Raises:
            HydatisError: the model did not answer, refused, or answered something else than one risk 0..1 per node.
        """
        scores = await self._maker.make(table)
        # What sets flagged nodes apart takes a look at the whole table: not on the loop that serves.
        return await asyncio.to_thread(self._flagging.flag, table, scores)
