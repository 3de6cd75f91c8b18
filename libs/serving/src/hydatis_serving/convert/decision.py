"""hydatis.decision.v1: the decision record.

Records outlive the code that wrote them, so reading is lenient where writing is exact: an unknown rung is none, and a full
input that does not fit its shape is left out rather than the whole record.
"""

from __future__ import annotations

import numpy as np
from hydatis.decision.v1 import decision_pb2
from hydatis_core.errors import HydatisError
from hydatis_placement.ladder import Rung

from hydatis_serving.convert.cluster import pod_from_proto, pod_to_proto
from hydatis_serving.convert.placement import credits_from_proto, credits_to_proto
from hydatis_serving.convert.workload import expected_use_from_proto, expected_use_to_proto
from hydatis_serving.decision_record import DecisionRecord, FullInput, NodeReason
from hydatis_serving.wire import matrix_from_bytes, to_float32_bytes

__all__ = ["decision_from_proto", "decision_to_proto"]

_REASON_FIELDS = tuple(field.name for field in decision_pb2.NodeReason.DESCRIPTOR.fields)
#: Fields of a record that are the same on both sides.
_PLAIN_FIELDS = (
    "decision_id",
    "event_time_seconds",
    "generation",
    "rung_reason",
    "risk_masked",
    "shadow",
    "candidate_count",
    "rejected_count",
    "filter_waived",
    "chosen_node",
    "latency_milliseconds",
    "bound_node",
    "trace_id",
)
_TO_RUNG = {
    None: decision_pb2.RUNG_UNSPECIFIED,
    Rung.FULL: decision_pb2.RUNG_FULL,
    Rung.FULL_LOCAL: decision_pb2.RUNG_FULL_LOCAL,
    Rung.GREEDY: decision_pb2.RUNG_GREEDY,
    Rung.LOAD: decision_pb2.RUNG_LOAD,
    Rung.ABSTAIN: decision_pb2.RUNG_ABSTAIN,
}
_FROM_RUNG = {number: rung for rung, number in _TO_RUNG.items()}


def decision_to_proto(record: DecisionRecord) -> decision_pb2.DecisionRecord:
    """A decision record."""
    return decision_pb2.DecisionRecord(
        pod=pod_to_proto(record.pod),
        expected_use=None if record.expected_use is None else expected_use_to_proto(record.expected_use),
        rung=_TO_RUNG[record.rung],
        top=[decision_pb2.NodeReason(**{name: getattr(reason, name) for name in _REASON_FIELDS}) for reason in record.top],
        model_versions=record.model_versions,
        full_input=None if record.full_input is None else _full_input_to_proto(record.full_input),
        **{name: getattr(record, name) for name in _PLAIN_FIELDS},
    )


def decision_from_proto(message: decision_pb2.DecisionRecord) -> DecisionRecord:
    """A decision record.

    Raises:
        InvalidValue: there is no pod, or an amount is none.
    """
    return DecisionRecord(
        pod=pod_from_proto(message.pod),
        expected_use=expected_use_from_proto(message.expected_use) if message.HasField("expected_use") else None,
        rung=_FROM_RUNG.get(message.rung),
        top=tuple(NodeReason(**{name: getattr(reason, name) for name in _REASON_FIELDS}) for reason in message.top),
        model_versions=tuple(message.model_versions),
        full_input=_full_input_from_proto(message.full_input) if message.HasField("full_input") else None,
        **{name: getattr(message, name) for name in _PLAIN_FIELDS},
    )


def _full_input_to_proto(full: FullInput) -> decision_pb2.FullInput:
    return decision_pb2.FullInput(
        node_names=full.node_names,
        columns=full.columns,
        after_states=to_float32_bytes(full.after_states),
        credits=credits_to_proto(full.credits),
        utilities=to_float32_bytes(full.utilities),
    )


def _full_input_from_proto(message: decision_pb2.FullInput) -> FullInput | None:
    names, columns = tuple(message.node_names), tuple(message.columns)
    try:
        states = matrix_from_bytes(message.after_states, len(names), len(columns), field="after_states")
        credits = credits_from_proto(message.credits)
    except HydatisError:
        return None
    if len(message.utilities) != 4 * len(names):
        return None
    return FullInput(names, columns, states, credits, np.frombuffer(message.utilities, dtype="<f4"))
