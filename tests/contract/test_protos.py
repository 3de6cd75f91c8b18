"""Rules that every proto of ours keeps, read from the descriptors that clients and servers really use."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hydatis
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor, MethodDescriptor

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(found.name for found in pkgutil.walk_packages(hydatis.__path__, "hydatis.") if found.name.endswith("_pb2"))
FILES: list[FileDescriptor] = [
    file for file in (importlib.import_module(name).DESCRIPTOR for name in NAMES) if file.package.startswith("hydatis.")
]
METHODS: list[MethodDescriptor] = [
    method for file in FILES for service in file.services_by_name.values() for method in service.methods
]
MESSAGES: list[Descriptor] = [message for file in FILES for message in file.message_types_by_name.values()]
UNSIGNED = {FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED32, FieldDescriptor.TYPE_FIXED64}


def test_every_noun_of_the_design_has_its_proto() -> None:
    nouns = {"cluster", "features", "workload", "forecast", "anomaly", "placement", "decision", "errors"}
    assert nouns <= {file.package.split(".")[1] for file in FILES}


def test_every_proto_on_disk_is_generated() -> None:
    on_disk = {str(path.relative_to(ROOT / "protos")) for path in (ROOT / "protos" / "hydatis").rglob("*.proto")}
    generated = {importlib.import_module(name).DESCRIPTOR.name for name in NAMES}
    assert on_disk == generated


def test_every_rpc_has_a_request_and_a_response_of_its_own() -> None:
    uses = Counter(message.full_name for method in METHODS for message in (method.input_type, method.output_type))
    assert [name for name, count in uses.items() if count > 1] == []


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_requests_and_responses_are_named_after_their_rpc(method: MethodDescriptor) -> None:
    assert method.input_type.name == f"{method.name}Request"
    assert method.output_type.name == f"{method.name}Response"


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_every_answer_about_a_tick_says_its_generation(method: MethodDescriptor) -> None:
    fields = set(method.output_type.fields_by_name)
    # A stream of steps says it in each step; a cluster that was just set has no tick yet.
    exempt = {"WatchTable", "LoadCluster"}
    assert "generation" in fields or method.name in exempt


def test_answers_of_models_say_their_versions() -> None:
    versions = {"model_version", "model_versions"}
    computed = [
        method for method in METHODS if method.containing_service.name in ("ForecastService", "AnomalyService", "PlacementService")
    ]
    assert [method.full_name for method in computed if not versions & set(method.output_type.fields_by_name)] == []


def test_no_field_is_unsigned() -> None:
    assert [field.full_name for message in MESSAGES for field in message.fields if field.type in UNSIGNED] == []


def test_enums_begin_unspecified() -> None:
    for file in FILES:
        for enum in file.enum_types_by_name.values():
            assert enum.values[0].number == 0
            assert enum.values[0].name.endswith("_UNSPECIFIED")


def test_matrices_travel_as_bytes() -> None:
    matrices = [
        field
        for message in MESSAGES
        for field in message.fields
        if field.name in ("values", "utilities", "node_usage", "pod_usage")
    ]
    assert {field.type for field in matrices} == {FieldDescriptor.TYPE_BYTES}


def commented(text: str) -> Iterator[tuple[str, bool]]:
    """Each declaration of a proto file and whether a comment stands above it."""
    declaration = re.compile(r"^\s*(message|enum|service|rpc|oneof)\b|^\s*(repeated )?[\w.]+ \w+ = \d+;")
    before = ""
    for line in text.splitlines():
        if declaration.match(line):
            yield line.strip(), before.lstrip().startswith("//")
        before = line


@pytest.mark.parametrize("path", sorted((ROOT / "protos" / "hydatis").glob("*/v1/*.proto")), ids=lambda path: path.stem)
def test_every_message_field_and_rpc_is_explained(path: Path) -> None:
    assert [line for line, explained in commented(path.read_text()) if not explained] == []
