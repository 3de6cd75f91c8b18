"""hydatis.placement.v1: what is ranked, on which credits, and the ranking.

The request is the largest message of a decision after the model's own, so candidates and credits are raw bytes; the values on this
side of the door have all been checked, and the policy behind it need not check again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hydatis.placement.v1 import placement_pb2
from hydatis_core.errors import Duplicate, InvalidValue, WrongShape
from hydatis_placement.credits import CREDIT_COLUMNS, Credits

from hydatis_serving.convert.cluster import pod_from_proto, pod_to_proto
from hydatis_serving.convert.workload import expected_use_from_proto, expected_use_to_proto
from hydatis_serving.ranking import RankAnswer, RankQuery
from hydatis_serving.wire import (
    check_finite,
    matrix_from_bytes,
    rows_from_bytes,
    to_float32_bytes,
    to_int32_bytes,
    vector_from_bytes,
)

__all__ = [
    "credits_from_proto",
    "credits_to_proto",
    "rank_answer_from_proto",
    "rank_answer_to_proto",
    "rank_query_from_proto",
    "rank_query_to_proto",
    "rank_request_from_proto",
    "rank_request_to_proto",
]


def credits_to_proto(credits: Credits) -> placement_pb2.Credits:
    """Credits."""
    return placement_pb2.Credits(rows=to_int32_bytes(credits.rows), values=to_float32_bytes(credits.values))


def credits_from_proto(message: placement_pb2.Credits) -> Credits:
    """Credits.

    Raises:
        WrongShape, InvalidValue, Duplicate: rows or values are not what the proto's comments say.
    """
    rows = rows_from_bytes(message.rows, field="credits.rows")
    return Credits(rows, matrix_from_bytes(message.values, len(rows), len(CREDIT_COLUMNS), field="credits.values"))


def rank_query_to_proto(query: RankQuery) -> placement_pb2.RankQuery:
    """One pod and its candidates."""
    return placement_pb2.RankQuery(
        pod=pod_to_proto(query.pod),
        expected_use=expected_use_to_proto(query.expected_use),
        rows=to_int32_bytes(query.rows),
        node_names=query.node_names,
        credits=credits_to_proto(query.credits),
        objective_weight=query.objective_weight,
    )


def rank_query_from_proto(message: placement_pb2.RankQuery) -> RankQuery:
    """One pod and its candidates.

    Raises:
        InvalidValue: no candidate, or a value that is none.
        WrongShape, Duplicate: rows, names or credits are not what the proto's comments say.
    """
    rows = rows_from_bytes(message.rows)
    names = tuple(message.node_names) if rows.size == 0 else ()
    if rows.size == 0 and not names:
        raise InvalidValue("there is no candidate", field="rows", expected="rows, or node_names")
    if len(set(names)) != len(names):
        raise Duplicate("a node stands twice", field="node_names", expected="names without repeats")
    if not (math.isfinite(message.objective_weight) and 0 <= message.objective_weight <= 1):
        raise InvalidValue(f"{message.objective_weight!r} is not a weight", field="objective_weight", expected="0..1")
    return RankQuery(
        pod_from_proto(message.pod),
        expected_use_from_proto(message.expected_use),
        rows,
        names,
        credits_from_proto(message.credits),
        message.objective_weight,
    )


def rank_request_to_proto(queries: Sequence[RankQuery], generations: Sequence[int]) -> placement_pb2.RankNodesRequest:
    """A request."""
    return placement_pb2.RankNodesRequest(generations=generations, queries=[rank_query_to_proto(query) for query in queries])


def rank_request_from_proto(message: placement_pb2.RankNodesRequest) -> tuple[tuple[RankQuery, ...], tuple[int, ...]]:
    """The queries, and the generations that the caller holds, best first.

    Raises:
        InvalidValue: no query, no generation, or a value that is none.
    """
    if not message.generations:
        raise InvalidValue("no generation is offered", field="generations", expected="at least one")
    if not message.queries:
        raise InvalidValue("there is no query", field="queries", expected="at least one")
    return tuple(rank_query_from_proto(query) for query in message.queries), tuple(message.generations)


def rank_answer_to_proto(answer: RankAnswer) -> placement_pb2.RankNodesResponse:
    """Rankings."""
    source = placement_pb2.POLICY_SOURCE_LOCAL if answer.local else placement_pb2.POLICY_SOURCE_MODEL_SERVER
    return placement_pb2.RankNodesResponse(
        generation=answer.generation,
        rankings=[placement_pb2.Ranking(utilities=to_float32_bytes(utilities)) for utilities in answer.utilities],
        source=source,
        model_version=answer.model_version,
        risk_masked=answer.risk_masked,
    )


def rank_answer_from_proto(message: placement_pb2.RankNodesResponse, candidate_counts: Sequence[int]) -> RankAnswer:
    """Rankings.

    Args:
        message: the answer.
        candidate_counts: how many candidates each query had.

    Raises:
        WrongShape: not one ranking per query, or not one utility per candidate.
        InvalidValue: a utility is not finite.
    """
    if len(message.rankings) != len(candidate_counts):
        shown = f"{len(message.rankings)} rankings of {len(candidate_counts)} queries"
        raise WrongShape(shown, field="rankings", expected=str(len(candidate_counts)))
    utilities = tuple(
        check_finite(vector_from_bytes(ranking.utilities, count, field="utilities"), field="utilities")
        for ranking, count in zip(message.rankings, candidate_counts, strict=True)
    )
    local = message.source == placement_pb2.POLICY_SOURCE_LOCAL
    return RankAnswer(message.generation, utilities, local, message.model_version, message.risk_masked)
