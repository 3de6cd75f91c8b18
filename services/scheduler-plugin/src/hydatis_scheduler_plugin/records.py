"""Decision records: what was decided and why, built and written off the decision's path.

A record is for the person who asks later why a pod stands where it stands, so it says the best five nodes with their figures,
and for a sampled share of pods the whole input. It is built in the log's own thread, a moment after the answers are out.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from hydatis_core.errors import UnknownNode as UnknownDecision  # 404 in the error table: a name that is not here
from hydatis_placement.admission import REASONS
from hydatis_placement.after_state import COLUMNS, after_states
from hydatis_placement.credits import CREDIT_COLUMNS
from hydatis_placement.load_after import load_after
from hydatis_serving.decision_record import DecisionRecord, FullInput, NodeReason, decision_to_json
from hydatis_serving.decisions import DecisionLog
from hydatis_serving.policy_file import ramp_position_pct
from hydatis_serving.tracing import current_trace_id

from hydatis_scheduler_plugin.ranking import Basis, Ranking

__all__ = ["Recorder", "record_of"]

TOP_COUNT = 5
_CPU_CREDIT, _MEMORY_CREDIT = CREDIT_COLUMNS.index("cpu_p50_cores"), CREDIT_COLUMNS.index("memory_p50_bytes")
#: Pause before records are built: both of the pod's answers are out by then, and building them delays neither.
PAUSE_SECONDS = 0.02


class Recorder:
    """Writes decision records and reads them back.

    Args:
        log: where they are kept.
        full_input_ratio: share of pods recorded with their whole input, 0..1, by stable hash of the uid.
    """

    def __init__(self, log: DecisionLog, full_input_ratio: float) -> None:
        self._log = log
        self._full_input_ratio = full_input_ratio
        self._pending: deque[Callable[[], DecisionRecord]] = deque()

    @property
    def dropped_count(self) -> int:
        """Records that were dropped."""
        return self._log.dropped_count

    def record(self, ranking: Ranking) -> None:
        """Takes a decision; needs a running loop."""
        decision_id, trace_id = secrets.token_hex(8), current_trace_id()
        with_input = ramp_position_pct("input/" + ranking.request.pod.uid) < 100 * self._full_input_ratio
        self._pending.append(lambda: record_of(ranking, decision_id, trace_id, with_input=with_input))
        if len(self._pending) == 1:
            asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._hand_over)

    def bound(self, pod_uid: str, node_name: str) -> None:
        """Says where a pod was bound."""
        self._hand_over()  # the decision must be in the log before its bind
        self._log.bound(pod_uid, node_name)

    async def find(self, pod: str, limit: int) -> list[dict[str, Any]]:
        """Records of a pod (uid or namespace/name; empty: of all pods), newest first, as JSON values."""
        self._hand_over()
        found = await asyncio.to_thread(self._read, pod, limit)
        return [decision_to_json(record) for record in found]

    async def get(self, decision_id: str) -> dict[str, Any]:
        """One record.

        Raises:
            UnknownDecision: it is not kept (any more).
        """
        self._hand_over()
        await asyncio.to_thread(self._log.flush)
        found = await asyncio.to_thread(self._log.by_id, decision_id)
        if found is None:
            raise UnknownDecision(f"{decision_id[:64]!r} is not a decision that is kept", field="decision_id")
        return decision_to_json(found)

    async def close(self) -> None:
        """Writes what is left."""
        self._hand_over()
        await asyncio.to_thread(self._log.close)

    def _read(self, pod: str, limit: int) -> list[DecisionRecord]:
        self._log.flush()
        return self._log.of_pod(pod, limit) if pod else self._log.newest(limit)

    def _hand_over(self) -> None:
        while self._pending:
            self._log.append(self._pending.popleft())


def record_of(ranking: Ranking, decision_id: str, trace_id: str, *, with_input: bool) -> DecisionRecord:
    """The record of a ranking."""
    basis = ranking.basis
    return DecisionRecord(
        decision_id=decision_id,
        event_time_seconds=ranking.event_time_seconds,
        pod=ranking.request.pod,
        expected_use=basis.expected_use if basis is not None else None,
        generation=ranking.generation,
        rung=ranking.rung,
        rung_reason=ranking.reason,
        risk_masked=ranking.risk_masked,
        shadow=ranking.shadow,
        candidate_count=len(ranking.candidates.names),
        rejected_count=ranking.rejected_count,
        filter_waived=basis is not None and basis.admission.waived,
        chosen_node=ranking.chosen,
        top=_top(ranking, basis) if basis is not None else (),
        model_versions=ranking.model_versions,
        latency_milliseconds=ranking.seconds * 1000,
        full_input=_full_input(ranking, basis) if basis is not None and with_input else None,
        trace_id=trace_id,
    )


def _top(ranking: Ranking, basis: Basis) -> tuple[NodeReason, ...]:
    """The best nodes with their figures; a node that the table lacks has its name and score only."""
    positions = ranking.order[:TOP_COUNT]
    names = [ranking.candidates.names[i] for i in positions]
    row_by_name = basis.view.table.row_by_name
    rows = np.array([row_by_name.get(name, 0) for name in names], dtype=np.int32)
    loads = load_after(basis.view, rows, ranking.request.pod, basis.expected_use, basis.credits)
    credits = basis.credits.at(rows, basis.view.node_count)
    ratios = np.stack((loads.cpu_p50, loads.cpu_p95, loads.memory_p50, loads.memory_p95))
    if not basis.view.has_forecast:
        ratios[:] = np.nan  # the loads are stand-ins then, and a record says what was known
    columns = zip(
        names,
        ranking.scores[positions].tolist(),
        ranking.utilities[positions].tolist(),
        *ratios.tolist(),
        (basis.view.risk[rows] if basis.view.risk is not None else np.full(rows.size, np.nan)).tolist(),
        credits[_CPU_CREDIT].tolist(),
        credits[_MEMORY_CREDIT].tolist(),
        [REASONS[code] for code in ranking.codes[positions]],
        strict=True,
    )
    return tuple(NodeReason(*figures) if figures[0] in row_by_name else NodeReason(*figures[:2]) for figures in columns)


def _full_input(ranking: Ranking, basis: Basis) -> FullInput:
    """The known candidates' whole input, in the order of their rows."""
    rows = ranking.candidates.rows
    states = after_states(basis.view, rows, ranking.request.pod, basis.expected_use, basis.credits, basis.objective_weight)
    names = tuple(basis.view.table.node_names[row] for row in rows)
    return FullInput(names, COLUMNS, states, basis.credits, basis.utilities)
