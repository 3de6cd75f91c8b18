"""The one table between our errors, gRPC status codes, machine-readable reasons and HTTP statuses.

Errors know nothing of transports, and no servicer catches anything: whatever is raised passes through here once on its way out, and
once on its way in on the other side, so that a caller over the wire sees the very error that a caller in process would see.
"""

from __future__ import annotations

from dataclasses import dataclass

import grpc
import grpc.aio
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from hydatis.errors.v1 import errors_pb2
from hydatis_core import errors

__all__ = [
    "DETAILS_KEY",
    "DOMAIN",
    "ERROR_TABLE",
    "RETRY_SECONDS",
    "ErrorRow",
    "from_rpc_error",
    "from_status",
    "http_status",
    "row_of",
    "to_rpc_status",
]

#: Domain of every ErrorInfo of ours.
DOMAIN = "hydatis"
#: What who came one too many is told to wait.
RETRY_SECONDS = 1
#: Where gRPC carries a google.rpc.Status.
DETAILS_KEY = "grpc-status-details-bin"
_TYPE_URL = "type.googleapis.com/google.rpc.ErrorInfo"
_RETRY_URL = "type.googleapis.com/google.rpc.RetryInfo"
_PREFIX = "ERROR_REASON_"
_REASONS = frozenset(errors_pb2.ErrorReason.keys())


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """How one error class is said on the wire."""

    error: type[errors.HydatisError]
    code: grpc.StatusCode
    reason: str
    """Name in hydatis.errors.v1.ErrorReason, without its prefix."""
    http_status: int


_C = grpc.StatusCode
#: One row per class; the first row of a reason is the class that is made from it on the way back.
ERROR_TABLE: tuple[ErrorRow, ...] = (
    ErrorRow(errors.InvalidValue, _C.INVALID_ARGUMENT, "INVALID_VALUE", 400),
    ErrorRow(errors.WrongShape, _C.INVALID_ARGUMENT, "WRONG_SHAPE", 400),
    ErrorRow(errors.UnknownColumn, _C.INVALID_ARGUMENT, "UNKNOWN_COLUMN", 400),
    ErrorRow(errors.UnknownNode, _C.NOT_FOUND, "UNKNOWN_NODE", 404),
    ErrorRow(errors.Duplicate, _C.INVALID_ARGUMENT, "DUPLICATE", 400),
    ErrorRow(errors.NoDeadline, _C.INVALID_ARGUMENT, "NO_DEADLINE", 400),
    ErrorRow(errors.NotKnown, _C.UNAUTHENTICATED, "NOT_KNOWN", 401),
    ErrorRow(errors.NotAllowed, _C.PERMISSION_DENIED, "NOT_ALLOWED", 403),
    ErrorRow(errors.GenerationUnavailable, _C.FAILED_PRECONDITION, "GENERATION_UNAVAILABLE", 409),
    ErrorRow(errors.DependencyUnavailable, _C.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE", 503),
    ErrorRow(errors.ArtifactRefused, _C.FAILED_PRECONDITION, "ARTIFACT_REFUSED", 409),
    # A trace is an artifact that someone else made: it shares the reason, and arrives as ArtifactRefused.
    ErrorRow(errors.TraceRefused, _C.FAILED_PRECONDITION, "ARTIFACT_REFUSED", 409),
    ErrorRow(errors.TooLate, _C.DEADLINE_EXCEEDED, "TOO_LATE", 504),
    ErrorRow(errors.TooMany, _C.RESOURCE_EXHAUSTED, "TOO_MANY", 429),
    # The branches of the tree, for an error that is none of the above.
    ErrorRow(errors.CallerError, _C.INVALID_ARGUMENT, "INVALID_VALUE", 400),
    ErrorRow(errors.OperationalError, _C.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE", 503),
    ErrorRow(errors.HydatisError, _C.INTERNAL, "INTERNAL", 500),
)

#: What a status without our ErrorInfo means: it was said by gRPC itself or by a server that is not ours.
_FOREIGN_CODES: dict[grpc.StatusCode, type[errors.HydatisError]] = {
    _C.INVALID_ARGUMENT: errors.InvalidValue,
    _C.OUT_OF_RANGE: errors.InvalidValue,
    _C.RESOURCE_EXHAUSTED: errors.InvalidValue,
    _C.DEADLINE_EXCEEDED: errors.TooLate,
}

_ROW_BY_CLASS = {row.error: row for row in ERROR_TABLE}
_CLASS_BY_REASON: dict[str, type[errors.HydatisError]] = {row.reason: row.error for row in reversed(ERROR_TABLE)}
_CLASS_BY_REASON["INTERNAL"] = errors.DependencyUnavailable


def row_of(error: BaseException) -> ErrorRow:
    """The row of an error: that of its class, or of the nearest class above it. Anything not ours is INTERNAL."""
    for cls in type(error).__mro__:
        row = _ROW_BY_CLASS.get(cls)
        if row is not None:
            return row
    return _ROW_BY_CLASS[errors.HydatisError]


def http_status(error: BaseException) -> int:
    """HTTP status that says the error."""
    return row_of(error).http_status


def to_rpc_status(error: BaseException) -> status_pb2.Status:
    """The error as google.rpc.Status with one ErrorInfo, and a RetryInfo for TooMany. What is not ours gives away nothing."""
    row = row_of(error)
    message, metadata = "internal error", {}
    if isinstance(error, errors.HydatisError):
        message = error.message
        metadata = {key: value for key, value in (("field", error.field), ("expected", error.expected)) if value}
    info = error_details_pb2.ErrorInfo(reason=row.reason, domain=DOMAIN, metadata=metadata)
    detail = any_pb2.Any(type_url=_TYPE_URL, value=info.SerializeToString())
    status = status_pb2.Status(code=row.code.value[0], message=message, details=[detail])
    if isinstance(error, errors.TooMany):
        retry = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=RETRY_SECONDS))
        status.details.append(any_pb2.Any(type_url=_RETRY_URL, value=retry.SerializeToString()))
    return status


def from_status(status: status_pb2.Status) -> errors.HydatisError | None:
    """The error that a status of ours stands for; None when it carries no ErrorInfo of ours."""
    for detail in status.details:
        if detail.type_url != _TYPE_URL:
            continue
        info = error_details_pb2.ErrorInfo.FromString(detail.value)
        if info.domain == DOMAIN and _PREFIX + info.reason in _REASONS:
            cls = _CLASS_BY_REASON[info.reason]
            return cls(status.message, field=info.metadata.get("field", ""), expected=info.metadata.get("expected", ""))
    return None


def from_rpc_error(error: grpc.aio.AioRpcError, peer: str = "") -> errors.HydatisError:
    """The error that a failed call stands for, so that callers see our tree alone.

    Args:
        error: what grpc raised.
        peer: who was called, for the message of an error that the peer did not say itself.
    """
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                ours = from_status(status_pb2.Status.FromString(value))
            except DecodeError:
                break  # details that nobody can read: the code still says enough
            if ours is not None:
                return ours
    cls = _FOREIGN_CODES.get(error.code(), errors.DependencyUnavailable)
    said = f"{error.code().name}: {error.details() or 'no details'}"
    return cls(f"{peer} answered {said}" if peer else said)
