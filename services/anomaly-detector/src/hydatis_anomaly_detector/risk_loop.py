"""The work of the anomaly-detector: a table in, scores out, over and over.

What can fail here is a model, and a failure must end with the model's: the newest table is tried again with growing waits until it
succeeds or a newer one is there, and the log says once when an outage begins and once when it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter

from hydatis_anomaly.risk_table import RiskTable
from hydatis_core.errors import HydatisError
from hydatis_features.table import NodeTable
from hydatis_serving.logs import get_logger

from hydatis_anomaly_detector.anomaly_metrics import AnomalyMetrics
from hydatis_anomaly_detector.flagging import Flagging
from hydatis_anomaly_detector.newest_table import NewestTable
from hydatis_anomaly_detector.risk_maker import RiskMaker

__all__ = ["RiskLoop"]


class RiskLoop:
    """Scores each newest table and hands the result on.

    Args:
        maker: asks the model.
        flagging: decides which nodes are flagged.
        publish: takes a table and its scores.
        metrics: where work is counted.
        retry_first_seconds: wait after a first failure; it doubles with each further one.
        retry_longest_seconds: longest such wait.
    """

    def __init__(
        self,
        maker: RiskMaker,
        flagging: Flagging,
        publish: Callable[[NodeTable, RiskTable], None],
        metrics: AnomalyMetrics,
        *,
        retry_first_seconds: float,
        retry_longest_seconds: float,
    ) -> None:
        self._maker = maker
        self._flagging = flagging
        self._publish = publish
        self._metrics = metrics
        self._retry_first_seconds = retry_first_seconds
        self._retry_longest_seconds = retry_longest_seconds
        self._tables = NewestTable()
        self._failing = False
        self._task: asyncio.Task[None] | None = None
        self._log = get_logger("hydatis_anomaly_detector")

    def take(self, table: NodeTable) -> None:
        """A new table is here."""
        self._tables.put(table)

    def start(self) -> None:
        """Begins to work."""
        self._task = asyncio.create_task(self._run(), name="risk-loop")

    async def stop(self) -> None:
        """Ends the work; what is half done is dropped."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            table = await self._tables.take()
            self._metrics.skipped(self._tables.skipped_count)
            await self._score(table)

    async def _score(self, table: NodeTable) -> None:
        """Until it succeeds, or a newer table is here."""
        wait_seconds = self._retry_first_seconds
        while True:
            began = perf_counter()
            try:
                scores = await self._maker.make(table)
                # What sets flagged nodes apart takes a look at the whole table: not on the loop that serves.
                risk = await asyncio.to_thread(self._flagging.flag, table, scores)
            except HydatisError as error:
                self._failed(error)
            except Exception as error:  # a defect must cost this tick and not all that follow
                self._log.exception("scoring failed", generation=table.generation)
                self._failed(error)
            else:
                self._metrics.made(risk, perf_counter() - began)
                self._recovered()
                self._publish(table, risk)
                return
            if await self._tables.wait(wait_seconds):
                return
            wait_seconds = min(wait_seconds * 2, self._retry_longest_seconds)

    def _failed(self, error: Exception) -> None:
        self._metrics.failed(type(error).__name__)
        if not self._failing:
            self._failing = True
            self._log.warning("no scores: trying again until the model answers", error=str(error))

    def _recovered(self) -> None:
        if self._failing:
            self._failing = False
            self._log.info("scores are made again")
