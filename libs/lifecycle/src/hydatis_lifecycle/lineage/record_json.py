"""A lineage record as JSON, and back, strictly; and the digests by which records and derivations are known.

The same record gives the same bytes wherever it is written, so its digest says what was read and made: nobody changes an input or
an output of a record that others refer to without its getting another name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hydatis_core.errors import InvalidValue

from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord

__all__ = ["derivation_digest", "record_digest", "record_from_json", "record_to_json"]

#: Rises when the shape of a record changes; a reader refuses what it does not know.
FORMAT = 1

_ENTITY_KEYS = {"kind": str, "name": str, "digest": str, "version": str}
_RECORD_KEYS = {
    "format": int,
    "step": str,
    "run": str,
    "inputs": list,
    "outputs": list,
    "started_seconds": float,
    "ended_seconds": float,
    "parameters": dict,
    "code_version": str,
    "cached": bool,
}


def record_to_json(record: StepRecord) -> bytes:
    """A record as UTF-8 JSON: sorted keys, no spaces, one form for each value.

    Raises:
        InvalidValue: ``parameters`` holds what JSON cannot say (an unknown number is null, not NaN).
    """
    value = {
        "format": FORMAT,
        "step": record.step,
        "run": record.run,
        "inputs": [_entity_to_value(entity) for entity in record.inputs],
        "outputs": [_entity_to_value(entity) for entity in record.outputs],
        "started_seconds": float(record.started_seconds),
        "ended_seconds": float(record.ended_seconds),
        "parameters": dict(record.parameters),
        "code_version": record.code_version,
        "cached": record.cached,
    }
    return _canonical(value)


def record_from_json(data: bytes | str) -> StepRecord:
    """The record that these bytes say.

    Raises:
        InvalidValue: no JSON, a key missing or unknown, or a value of another form.
    """
    try:
        value = json.loads(data)
    except ValueError as cause:
        raise InvalidValue(f"a lineage record is not JSON: {str(cause)[:120]}", field="record", expected="a JSON object") from None
    _require(value, _RECORD_KEYS, "record")
    if value["format"] != FORMAT:
        raise InvalidValue(f"format {value['format']} is not known", field="format", expected=str(FORMAT))
    return StepRecord(
        step=value["step"],
        run=value["run"],
        inputs=tuple(_entity_from_value(entity) for entity in value["inputs"]),
        outputs=tuple(_entity_from_value(entity) for entity in value["outputs"]),
        started_seconds=value["started_seconds"],
        ended_seconds=value["ended_seconds"],
        parameters=value["parameters"],
        code_version=value["code_version"],
        cached=value["cached"],
    )


def record_digest(record: StepRecord) -> str:
    """``sha256:`` of the record's JSON: what one run of one step is known by."""
    return _digest(record_to_json(record))


def derivation_digest(record: StepRecord) -> str:
    """``sha256:`` of step, inputs and outputs alone: equal for all runs that made the same of the same.

    A step that is answered from a cache in a thousand runs is one derivation with a thousand records, so what is drawn and searched
    does not grow with them.
    """
    inputs, outputs = (sorted({entity.digest for entity in side}) for side in (record.inputs, record.outputs))
    return _digest(_canonical({"step": record.step, "inputs": inputs, "outputs": outputs}))


def _canonical(value: dict[str, Any]) -> bytes:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as cause:
        raise InvalidValue(
            f"a value cannot be written as JSON: {cause}", field="parameters", expected="JSON values; null for an unknown number"
        ) from None


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _entity_to_value(entity: Entity) -> dict[str, str]:
    return {"kind": entity.kind.value, "name": entity.name, "digest": entity.digest, "version": entity.version}


def _entity_from_value(value: Any) -> Entity:
    _require(value, _ENTITY_KEYS, "entity")
    try:
        kind = EntityKind(value["kind"])
    except ValueError:
        known = ", ".join(known.value for known in EntityKind)
        raise InvalidValue(f"{value['kind'][:60]!r} is no kind of entity", field="kind", expected=known) from None
    return Entity(kind, value["name"], value["digest"], value["version"])


def _require(value: Any, keys: Mapping[str, type], what: str) -> None:
    if not isinstance(value, dict) or value.keys() != keys.keys():
        raise InvalidValue(f"a lineage {what} has another form", field=what, expected=f"the keys {', '.join(keys)}")
    for key, kind in keys.items():
        if type(value[key]) is not kind:
            raise InvalidValue(f"it is a {type(value[key]).__name__}", field=f"{what}.{key}", expected=f"a {kind.__name__}")
