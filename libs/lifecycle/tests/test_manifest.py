import json

import pytest
from hydatis_core.errors import ArtifactRefused
from hydatis_lifecycle.artifacts import change_between, manifest_from_json, manifest_to_json
from hydatis_lifecycle.versions import Change

DIGEST = {"sha256": "0" * 64, "bytes": 3}


def test_a_manifest_survives_its_json(make_manifest):
    manifest = make_manifest()
    assert manifest_from_json(manifest_to_json(manifest)) == manifest


def test_the_same_manifest_gives_the_same_bytes(make_manifest):
    assert manifest_to_json(make_manifest(metrics={"a": 1.0, "b": 2.0})) == manifest_to_json(
        make_manifest(metrics={"b": 2.0, "a": 1.0})
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "../evil"}, "name"),
        ({"name": "Upper"}, "name"),
        ({"version": "1.0"}, "version"),
        ({"kind": "pickle"}, "kind"),
        ({"columns": ()}, "columns"),
        ({"columns": (("a", "0123456789ab"), ("a", "0123456789ab"))}, "columns"),
        ({"columns": (("a,b", "0123456789ab"),)}, "columns"),
        ({"columns": (("a:b", "0123456789ab"),)}, "columns"),
        ({"columns": (("a", "xyz"),)}, "columns"),
        ({"outputs": ()}, "outputs"),
        ({"outputs": ("q", "q")}, "outputs"),
        ({"outputs": (["q"],)}, "outputs"),
        ({"metrics": {"loss": float("nan")}}, "metrics"),
        ({"metrics": {"loss": "low"}}, "metrics"),
        ({"dataset_version": ""}, "dataset_version"),
        ({"files": {}}, "files"),
        ({"files": {"../w.npz": DIGEST}}, "files"),
        ({"files": {"/etc/passwd": DIGEST}}, "files"),
        ({"files": {"model.pkl": DIGEST}}, "files"),
        ({"files": {"manifest.json": DIGEST}}, "files"),
        ({"files": {"w.npz": {"sha256": "0", "bytes": 3}}}, "files"),
        ({"files": {"w.npz": {"sha256": "0" * 64, "bytes": 0}}}, "files"),
        ({"files": {"w.npz": {"sha256": "0" * 64, "bytes": 1 << 40}}}, "files"),
        ({"files": {"w.npz": {"sha256": "0" * 64, "bytes": True}}}, "files"),
        ({"files": {f"w{i}.npz": DIGEST for i in range(65)}}, "files"),
    ],
)
def test_a_manifest_that_does_not_hold_cannot_be_made(make_manifest, changes, field):
    with pytest.raises(ArtifactRefused) as refused:
        make_manifest(**changes)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "spoil",
    [
        lambda v: v.pop("kind"),
        lambda v: v.update(extra=1),
        lambda v: v.update(format=2),
        lambda v: v.update(format=True),
        lambda v: v.update(name=3),
        lambda v: v.update(columns={"a": "b"}),
        lambda v: v.update(columns=[["a"]]),
        lambda v: v.update(columns=[[["a"], "0123456789ab"]]),
        lambda v: v.update(files=[]),
        lambda v: v.update(files={"w.npz": {"sha256": "0" * 64}}),
        lambda v: v.update(files={"w.npz": None}),
        lambda v: v.update(metrics=None),
    ],
)
def test_json_of_another_shape_is_refused(make_manifest, spoil):
    value = json.loads(manifest_to_json(make_manifest()))
    spoil(value)
    with pytest.raises(ArtifactRefused):
        manifest_from_json(json.dumps(value).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"name": "a"',
        b'{"format": 1, "format": 1}',
        b'{"metrics": NaN}',
        b"[" * 100_000,
        b" " * (2 << 20),
    ],
    ids=["empty", "null", "list", "no utf-8", "truncated", "key twice", "NaN", "deep", "giant"],
)
def test_bytes_that_are_no_manifest_are_refused(data):
    with pytest.raises(ArtifactRefused):
        manifest_from_json(data)


def test_parameters_that_json_cannot_say_are_refused(make_manifest):
    with pytest.raises(ArtifactRefused, match="JSON"):
        manifest_to_json(make_manifest(parameters={"seed": object()}))


def test_other_outputs_are_a_major_change_other_columns_a_minor_one(make_manifest):
    before = make_manifest()
    assert change_between(None, before.kind, before.columns, before.outputs) is Change.MAJOR
    assert change_between(before, before.kind, before.columns, ("v",)) is Change.MAJOR
    assert change_between(before, "isolation_forest", before.columns, before.outputs) is Change.MAJOR
    assert change_between(before, before.kind, before.columns[:1], before.outputs) is Change.MINOR
    assert change_between(before, before.kind, list(before.columns), list(before.outputs)) is Change.PATCH
