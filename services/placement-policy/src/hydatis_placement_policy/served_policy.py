"""The policy as the model server computes it, behind a circuit.

A decision waits for it only while it is worth waiting: not longer than its share of the deadline, and not at all after a few
failures in a row. A probe with a real row says when the server is back, and no decision pays for finding out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import numpy as np
from hydatis_core.errors import DependencyUnavailable, HydatisError, TooLate
from hydatis_placement.after_state import COLUMN_DEFINITIONS
from hydatis_serving.logs import get_logger
from hydatis_serving.model_client import ModelAnswer
from numpy.typing import NDArray

from hydatis_placement_policy.circuit import Circuit
from hydatis_placement_policy.placement_metrics import PlacementMetrics

__all__ = ["Model", "ServedPolicy"]

_PROBE_ROW = np.zeros((1, len(COLUMN_DEFINITIONS)), dtype=np.float32)


class Model(Protocol):
    """A served model, as ``hydatis_serving.model_client.ModelClient`` reaches it."""

    async def infer(self, rows: NDArray[np.float32], columns: Sequence[tuple[str, str]], timeout_seconds: float) -> ModelAnswer:
        """Outputs for rows: float32 of shape (rows, outputs)."""
        ...


class ServedPolicy:
    """Asks the model server, or says at once that it is not to be asked.

    Args:
        model: the served model.
        circuit: whether it may be asked.
        metrics: where failures are counted.
        timeout_seconds: how long a decision waits at most.
        probe_seconds: how often a server that failed is probed.
        probe_timeout_seconds: how long a probe may take.
    """

    def __init__(
        self,
        model: Model,
        circuit: Circuit,
        metrics: PlacementMetrics,
        *,
        timeout_seconds: float,
        probe_seconds: float,
        probe_timeout_seconds: float,
    ) -> None:
        self._model = model
        self._circuit = circuit
        self._metrics = metrics
        self._timeout_seconds = timeout_seconds
        self._probe_seconds = probe_seconds
        self._probe_timeout_seconds = probe_timeout_seconds
        self._doubt = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = get_logger("hydatis_placement_policy")

    def start(self) -> None:
        """Begins to probe whenever the server is in doubt."""
        self._task = asyncio.create_task(self._probe(), name="policy-probe")

    async def stop(self) -> None:
        """Stops probing."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def values(self, states: NDArray[np.float32], seconds_left: float) -> tuple[NDArray[np.float32], str]:
        """Q value per row and the version that computed it.

        Args:
            states: after-states, float32 of shape (rows, columns).
            seconds_left: what the decision can spare.

        Raises:
            TooLate: it did not answer in time.
            DependencyUnavailable: it is not to be asked now, or not there, or answered nonsense.
        """
        if self._circuit.is_open:
            raise DependencyUnavailable("the model server failed before and is being probed", field="model_address")
        timeout_seconds = min(self._timeout_seconds, seconds_left)
        if timeout_seconds <= 0:
            raise TooLate("no time is left to ask the model server", field="deadline")
        try:
            answer = await self._ask(states, timeout_seconds)
        except HydatisError as error:
            self._failed(error, cut_short=timeout_seconds < self._timeout_seconds)
            raise
        self._succeeded()
        return answer

    async def _ask(self, states: NDArray[np.float32], timeout_seconds: float) -> tuple[NDArray[np.float32], str]:
        answer = await self._model.infer(states, COLUMN_DEFINITIONS, timeout_seconds)
        if answer.values.shape != (len(states), 1) or not np.isfinite(answer.values).all():
            shown = f"the policy {answer.version} answered shape {answer.values.shape}, or values that are not finite"
            raise DependencyUnavailable(shown, field="values", expected=f"finite values of shape ({len(states)}, 1)")
        return answer.values[:, 0], answer.version

    def _failed(self, error: HydatisError, *, cut_short: bool) -> None:
        self._metrics.model_failed(type(error).__name__)
        if cut_short and isinstance(error, TooLate):
            return  # a caller in a hurry says nothing about the server
        if self._circuit.failed():
            self._metrics.circuit_open(True)
            self._log.warning("the model server is not asked any more: probing it", reason=str(error))
        self._doubt.set()

    def _succeeded(self) -> None:
        if self._circuit.succeeded():
            self._metrics.circuit_open(False)
            self._log.info("the model server answers again")

    async def _probe(self) -> None:
        while True:
            await self._doubt.wait()
            self._doubt.clear()
            while self._circuit.in_doubt:
                await asyncio.sleep(self._probe_seconds)
                try:
                    await self._ask(_PROBE_ROW, self._probe_timeout_seconds)
                except HydatisError as error:
                    self._failed(error, cut_short=False)
                else:
                    self._succeeded()
