"""The table covers the whole tree and every reason, and foreign errors become ours."""

from typing import Any

import grpc
import grpc.aio
import pytest
from hydatis.errors.v1 import errors_pb2
from hydatis_core import errors
from hydatis_serving.error_table import ERROR_TABLE, from_rpc_error, from_status, http_status, to_rpc_status


def tree(cls: type[errors.HydatisError]) -> set[type[errors.HydatisError]]:
    return {cls}.union(*(tree(below) for below in cls.__subclasses__() if below.__module__ == errors.__name__))


def test_every_error_class_has_a_row():
    assert {row.error for row in ERROR_TABLE} == tree(errors.HydatisError)


def test_every_reason_has_a_row():
    reasons = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.DESCRIPTOR.values_by_name} - {"UNSPECIFIED"}
    assert {row.reason for row in ERROR_TABLE} == reasons


def test_an_error_of_a_class_below_is_said_as_the_nearest_above():
    class TooMany(errors.InvalidValue):
        pass

    error = from_status(to_rpc_status(TooMany("12 are too many", field="pods")))
    assert type(error) is errors.InvalidValue
    assert http_status(TooMany("x")) == 400
    assert http_status(KeyError("x")) == 500


def rpc_error(code: grpc.StatusCode, details: str, *trailing: tuple[str, Any]) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.TooLate),
        (grpc.StatusCode.UNAVAILABLE, errors.DependencyUnavailable),
        (grpc.StatusCode.CANCELLED, errors.DependencyUnavailable),
        (grpc.StatusCode.INVALID_ARGUMENT, errors.InvalidValue),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.InvalidValue),
        (grpc.StatusCode.NOT_FOUND, errors.DependencyUnavailable),
        (grpc.StatusCode.UNKNOWN, errors.DependencyUnavailable),
    ],
)
def test_a_status_that_is_not_ours_becomes_an_error_of_ours(code, expected):
    error = from_rpc_error(rpc_error(code, "it said so"), "model x at 127.0.0.1:1")
    assert type(error) is expected
    assert str(error) == f"model x at 127.0.0.1:1 answered {code.name}: it said so"


def test_details_that_nobody_can_read_leave_the_code():
    error = from_rpc_error(rpc_error(grpc.StatusCode.INVALID_ARGUMENT, "bad", ("grpc-status-details-bin", b"\xff\xff\xff")))
    assert type(error) is errors.InvalidValue


def test_an_error_info_of_another_domain_or_reason_is_not_ours():
    status = to_rpc_status(errors.UnknownNode("x"))
    foreign = type(status).FromString(status.SerializeToString().replace(b"hydatis", b"elsewhe"))
    assert from_status(foreign) is None
    unknown = type(status).FromString(status.SerializeToString().replace(b"UNKNOWN_NODE", b"UNKNOWN_MOON"))
    assert from_status(unknown) is None
