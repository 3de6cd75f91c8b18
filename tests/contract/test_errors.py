"""One tree of errors, one table of codes, one enum of reasons: they agree, and survive the wire."""

from __future__ import annotations

import ast
from pathlib import Path

import grpc
import grpc.aio
import pytest
from hydatis.errors.v1 import errors_pb2
from hydatis_core import errors
from hydatis_serving.error_table import DETAILS_KEY, DOMAIN, ERROR_TABLE, from_rpc_error, http_status, row_of, to_rpc_status

ROOT = Path(__file__).resolve().parents[2]
CLASSES = [getattr(errors, name) for name in errors.__all__]
LEAVES = [cls for cls in CLASSES if not cls.__subclasses__()]
#: A trace is refused as any artifact is: the one pair of classes with one reason.
SAME_REASON = {errors.TraceRefused: errors.ArtifactRefused}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_class_has_a_row_of_its_own(cls: type[errors.HydatisError]) -> None:
    assert [row.error for row in ERROR_TABLE].count(cls) == 1
    assert row_of(cls("wrong")).error is cls


def test_every_reason_is_used_and_every_row_has_a_known_one() -> None:
    reasons = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.DESCRIPTOR.values_by_name} - {"UNSPECIFIED"}
    assert {row.reason for row in ERROR_TABLE} == reasons


def test_the_code_of_a_reason_is_the_one_its_proto_comment_says() -> None:
    text = (ROOT / "protos/hydatis/errors/v1/errors.proto").read_text()
    code_by_reason = {row.reason: row.code.name for row in reversed(ERROR_TABLE)}
    before = ""
    said = {}
    for line in map(str.strip, text.splitlines()):
        if line.startswith("ERROR_REASON_") and "Status " in before:
            said[line.split(" ")[0].removeprefix("ERROR_REASON_")] = before.rpartition("Status ")[2].rstrip(".")
        if "Status" in line or not line.startswith("//"):
            before = line
    # the sentence of INTERNAL goes on after its status
    assert {reason: code for reason, code in said.items() if reason != "INTERNAL"} == {
        reason: code for reason, code in code_by_reason.items() if reason != "INTERNAL"
    }


def test_a_caller_is_blamed_by_4xx_and_we_are_by_what_may_be_tried_again() -> None:
    for cls in LEAVES:
        status = http_status(cls("wrong"))
        if issubclass(cls, errors.CallerError):
            assert 400 <= status < 500
        else:
            assert status in (409, 429, 503, 504)


@pytest.mark.parametrize("cls", LEAVES, ids=lambda cls: cls.__name__)
def test_an_error_that_crossed_the_wire_is_the_error_that_was_raised(cls: type[errors.HydatisError]) -> None:
    sent = cls("it is wrong", field="rows[3]", expected="0..5")
    status = to_rpc_status(sent)
    metadata = grpc.aio.Metadata((DETAILS_KEY, status.SerializeToString()))
    got = from_rpc_error(grpc.aio.AioRpcError(row_of(sent).code, grpc.aio.Metadata(), metadata, details=status.message))
    assert type(got) is SAME_REASON.get(cls, cls)
    assert (got.message, got.field, got.expected) == ("it is wrong", "rows[3]", "0..5")
    assert status.details[0].type_url.endswith("google.rpc.ErrorInfo")
    assert DOMAIN == "hydatis"


def test_an_error_that_is_not_ours_gives_nothing_away() -> None:
    status = to_rpc_status(ValueError("the password is swordfish"))
    assert (status.code, status.message) == (grpc.StatusCode.INTERNAL.value[0], "internal error")
    assert b"swordfish" not in status.SerializeToString()


def test_only_errors_of_the_tree_are_raised_on_purpose() -> None:
    """By rooms that others call: a bare ValueError would reach a caller as INTERNAL."""
    bare = []
    for folder in ("core", "features", "forecasting", "placement", "anomaly", "lifecycle"):
        for file in (ROOT / "libs" / folder / "src").rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                raised = node.exc if isinstance(node, ast.Raise) else None
                called = raised.func if isinstance(raised, ast.Call) else raised
                if file.name == "manifest_json.py":  # its hooks speak to the json module, in that module's own error
                    continue
                if isinstance(called, ast.Name) and called.id in (
                    "ValueError",
                    "TypeError",
                    "RuntimeError",
                    "Exception",
                    "KeyError",
                ):
                    bare.append(f"{file.relative_to(ROOT)}:{node.lineno} {called.id}")
    assert bare == []
