import dataclasses
import json

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord
from hydatis_lifecycle.lineage.record_json import derivation_digest, record_digest, record_from_json, record_to_json


def test_a_record_comes_back_as_it_was(story):
    for record in story.records:
        assert record_from_json(record_to_json(record)) == record


def test_the_bytes_and_the_digest_of_a_record_never_change():
    raw, made = (Entity(EntityKind.DATASET, name, f"sha256:{digit * 64}", "1.0.0") for name, digit in (("raw", "0"), ("møde", "1")))
    record = StepRecord("clean", "run-1", (raw,), (made,), 1.5, 2.0, {"seed": 7, "quantiles": [0.5, 0.95]}, "0.1.0")
    assert record_to_json(record).decode() == (
        '{"cached":false,"code_version":"0.1.0","ended_seconds":2.0,"format":1,'
        '"inputs":[{"digest":"sha256:' + "0" * 64 + '","kind":"dataset","name":"raw","version":"1.0.0"}],'
        '"outputs":[{"digest":"sha256:' + "1" * 64 + '","kind":"dataset","name":"møde","version":"1.0.0"}],'
        '"parameters":{"quantiles":[0.5,0.95],"seed":7},"run":"run-1","started_seconds":1.5,"step":"clean"}'
    )
    assert record_digest(record) == "sha256:733276468be4ac66b4ed7288fc589030dab601180f1457421c59f9e426a524d7"


def test_a_record_with_another_input_has_another_digest(story):
    record = story.records[2]
    assert record_digest(dataclasses.replace(record, inputs=(story.workload,))) != record_digest(record)


def test_runs_that_made_the_same_of_the_same_are_one_derivation(story):
    record = story.records[4]
    again = dataclasses.replace(
        record, run="run-2", started_seconds=90.0, ended_seconds=91.0, cached=True, inputs=record.inputs[::-1]
    )
    assert record_digest(again) != record_digest(record)
    assert derivation_digest(again) == derivation_digest(record)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"bytes"])
def test_what_json_cannot_say_is_refused(story, value):
    with pytest.raises(InvalidValue, match="parameters"):
        record_to_json(dataclasses.replace(story.records[0], parameters={"seed": value}))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"format": 2}, "format 2"),
        ({"more": 1}, "another form"),
        ({"step": None}, "record.step"),
        ({"cached": 0}, "record.cached"),
        ({"started_seconds": 1}, "record.started_seconds"),
        ({"inputs": [{"kind": "dataset"}]}, "entity"),
        ({"outputs": [{"kind": "tablet", "name": "a", "digest": "sha256:" + "0" * 64, "version": ""}]}, "'tablet' is no kind"),
        ({"outputs": [{"kind": "model", "name": "a", "digest": "sha256:0", "version": ""}]}, "is no digest"),
    ],
)
def test_a_record_of_another_form_is_refused_by_name(story, change, named):
    with pytest.raises(InvalidValue, match=named):
        record_from_json(json.dumps(json.loads(record_to_json(story.records[0])) | change))


def test_half_a_record_is_refused(story):
    with pytest.raises(InvalidValue, match="not JSON"):
        record_from_json(record_to_json(story.records[0])[:40])
