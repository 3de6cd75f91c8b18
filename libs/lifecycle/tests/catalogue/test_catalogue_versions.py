"""Folders become versions, whose numbers say what changed."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hydatis_core.errors import ArtifactRefused, InvalidValue, NotAllowed
from hydatis_lifecycle.adapters.catalogue.catalogue import Catalogue
from hydatis_lifecycle.adapters.catalogue.policy_file import current_user, read_policy
from hydatis_lifecycle.datasets.access import Action, policy_of
from hydatis_lifecycle.versions import Change

Write = Callable[..., Path]


def samples(rows: int = 6, **changes: Any) -> dict[str, Any]:
    columns = {
        "vm_id": np.repeat(np.arange(3, dtype=np.int32), rows // 3),
        "timestamp_s": np.tile(np.arange(rows // 3, dtype=np.int64) * 300, 3),
        "cpu_usage_pct": np.concatenate([10 * vm + np.arange(rows // 3, dtype=np.float32) for vm in range(3)]),
    }
    return {name: values for name, values in (columns | changes).items() if values is not None}


@pytest.fixture
def register(catalogue: Catalogue, write_folder: Write) -> Callable[..., Any]:
    def run(files: dict[str, Any], **told: Any) -> Any:
        return catalogue.register("bitbrains", write_folder("data", files), time_seconds=1000.0, **told)

    return run


def test_the_first_version_is_1_0_0_and_says_what_it_holds(register: Any) -> None:
    made = register({"a.parquet": samples(), "b/notes.txt": "hello\n"}, metadata={"source": "x"}, quality={"passed": True})
    assert (made.version, made.change, made.created, made.reasons) == ("1.0.0", Change.MAJOR, True, ("the first version",))
    assert (made.files_count, made.rows_count, made.registered_seconds, made.registered_by) == (2, 6, 1000.0, "alice")
    assert (made.metadata, made.quality) == ({"source": "x"}, {"passed": True})
    units = {column.name: column.unit for column in made.schema.columns_of("a.parquet")}
    assert units == {"vm_id": "", "timestamp_s": "s", "cpu_usage_pct": "pct"}


def test_what_was_registered_is_what_is_told(register: Any, catalogue: Catalogue) -> None:
    made = register({"a.parquet": samples()}, metadata={"source": "x"}, quality={"passed": True})
    found = catalogue.get("bitbrains", "1.0.0")
    assert found == catalogue.get("bitbrains") == catalogue.versions("bitbrains")[0]
    assert {name: getattr(found, name) for name in found.__slots__ if name != "created"} == {
        name: getattr(made, name) for name in made.__slots__ if name != "created"
    }
    assert catalogue.manifest("bitbrains").digest == made.digest
    assert [(one.version, count) for one, count in catalogue.datasets()] == [("1.0.0", 1)]


def test_the_same_content_again_is_the_version_it_has(register: Any, catalogue: Catalogue) -> None:
    first = register({"a.parquet": samples()})
    register({"a.parquet": samples(9)})
    again = register({"a.parquet": samples()})
    assert (again.version, again.created, again.digest) == ("1.0.0", False, first.digest)
    assert [one.version for one in catalogue.versions("bitbrains")] == ["1.1.0", "1.0.0"]


def test_content_that_is_checked_later_keeps_its_report(register: Any, catalogue: Catalogue) -> None:
    register({"a.parquet": samples()})
    again = register({"a.parquet": samples()}, quality={"passed": True})
    assert (again.version, again.created, again.quality) == ("1.0.0", False, {"passed": True})
    register({"a.parquet": samples()})
    assert catalogue.get("bitbrains").quality == {"passed": True}


def test_a_report_is_kept_beside_the_version_that_it_is_of(register: Any, catalogue: Catalogue) -> None:
    register({"a.parquet": samples()})
    assert catalogue.keep_quality("bitbrains", "1.0.0", {"passed": False}).quality == {"passed": False}
    assert catalogue.get("bitbrains", "1.0.0").quality == {"passed": False}
    with pytest.raises(InvalidValue, match=r"there is no bitbrains 2\.0\.0"):
        catalogue.keep_quality("bitbrains", "2.0.0", {"passed": True})


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "rows appended": ({"a.parquet": samples(9)}, "1.1.0", "3 rows added"),
    "column added": ({"a.parquet": samples(memory_kib=np.ones(6))}, "1.1.0", "column added memory_kib of a.parquet"),
    "file added": ({"a.parquet": samples(), "b.txt": "x"}, "1.1.0", "file added: b.txt"),
    "type widened": (
        {"a.parquet": samples(vm_id=np.repeat(np.arange(3, dtype=np.int64), 2))},
        "1.1.0",
        "type widened vm_id of a.parquet: int32 -> int64",
    ),
    "value corrected": ({"a.parquet": samples(cpu_usage_pct=np.float32([9, 1, 10, 11, 20, 21]))}, "1.0.1", "1 row changed"),
    "written otherwise": ({"a.parquet": pa.table(samples()).take([5, 4, 3, 2, 1, 0])}, "1.0.1", "the same rows, written otherwise"),
    "moved": ({"c.parquet": samples()}, "1.0.1", "file moved: a.parquet -> c.parquet"),
    "column removed": ({"a.parquet": samples(cpu_usage_pct=None)}, "2.0.0", "column removed cpu_usage_pct of a.parquet"),
    "type narrowed": (
        {"a.parquet": samples(vm_id=np.repeat(np.arange(3, dtype=np.int16), 2))},
        "2.0.0",
        "type changed vm_id of a.parquet: int32 -> int16",
    ),
    "table removed": ({"b.txt": "x"}, "2.0.0", "table removed a.parquet"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_next_version_is_decided_by_what_changed(case: str, register: Any) -> None:
    files, version, reason = CASES[case]
    register({"a.parquet": samples()})
    made = register(files)
    assert made.version == version
    assert reason in made.reasons


def test_rows_that_moved_to_another_file_are_no_change_of_rows(register: Any) -> None:
    table = pa.table(samples())
    register({"a.parquet": table})
    made = register({"a.parquet": table.slice(0, 2), "b.parquet": table.slice(2)})
    assert "the same rows, written otherwise" in made.reasons


def test_every_type_of_value_is_compared(register: Any) -> None:
    columns = {
        "text": pa.array(["a", None, "c"]),
        "flag": pa.array([True, False, None]),
        "day": pa.array([dt.date(2026, 1, 1), None, dt.date(2026, 1, 3)]),
        "at": pa.array([dt.datetime(2026, 1, 1), None, dt.datetime(2026, 1, 3)], pa.timestamp("ms")),
        "kind": pa.array(["x", "y", None]).dictionary_encode(),
        "list": pa.array([[1, 2], None, []]),
        "none": pa.nulls(3),
    }
    register({"a.parquet": pa.table(columns)})
    for name in ("text", "flag", "day", "at", "kind", "list"):
        changed = columns | {name: columns[name].take(pa.array([1, 1, 2]))}
        assert "1 row changed" in register({"a.parquet": pa.table(changed)}).reasons
        assert register({"a.parquet": pa.table(columns)}).version == "1.0.0"


def test_a_key_tells_a_window_that_moved_from_a_correction(register: Any, catalogue: Catalogue) -> None:
    register({"a.parquet": samples()}, metadata={"key": "vm_id,timestamp_s"})
    later = samples(timestamp_s=np.tile(np.array([300, 600]), 3), cpu_usage_pct=np.float32([1, 7, 11, 7, 21, 7]))
    made = register({"a.parquet": later})
    assert made.version == "1.1.0"
    assert made.reasons[:2] == ("3 rows added", "3 rows removed")
    assert catalogue.get("bitbrains").metadata == {"key": "vm_id,timestamp_s"}


def test_a_unit_that_is_said_to_be_another_breaks_readers_and_is_remembered(register: Any) -> None:
    register({"a.parquet": samples()}, metadata={"unit.vm_id": "one"})
    assert not register({"a.parquet": samples()}).created
    made = register({"a.parquet": samples()}, metadata={"unit.vm_id": "dozen"})
    assert (made.version, made.reasons) == ("2.0.0", ("unit changed vm_id of a.parquet: one -> dozen",))


@pytest.mark.parametrize("metadata", [{"key": "vm_id,when"}, {"unit.memory": "kib"}])
def test_metadata_that_speak_of_no_column_are_refused(metadata: dict[str, str], register: Any, catalogue: Catalogue) -> None:
    with pytest.raises(InvalidValue, match="no table has"):
        register({"a.parquet": samples(), "b.txt": "x"}, metadata=metadata)
    assert catalogue.versions("bitbrains") == ()


def test_text_that_lines_were_appended_to_has_grown_and_edited_text_was_corrected(register: Any) -> None:
    register({"a.csv": "t,x\n1,2\n"})
    assert register({"a.csv": "t,x\n1,2\n3,4\n"}).reasons == ("bytes appended: a.csv",)
    assert register({"a.csv": "t,x\n1,9\n3,4\n"}).version == "1.1.1"
    assert register({"a.csv": "t,x\n1,9\n3,44\n"}).version == "1.1.2"


def test_a_difference_is_told_between_any_two_versions(register: Any, catalogue: Catalogue) -> None:
    register({"a.parquet": samples()})
    register({"a.parquet": samples(9)})
    register({"a.parquet": samples(9, cpu_usage_pct=None)})
    assert catalogue.difference("bitbrains", "1.0.0", "1.1.0").reasons() == ("3 rows added", "file changed: a.parquet")
    assert catalogue.difference("bitbrains", "1.0.0").change is Change.MAJOR
    assert catalogue.difference("bitbrains", "1.1.0", "1.1.0").is_empty


def test_a_preview_says_what_would_be_and_stores_nothing(catalogue: Catalogue, write_folder: Write, tmp_path: Path) -> None:
    first = catalogue.preview("bitbrains", write_folder("data", {"a.parquet": samples()}), time_seconds=1.0)
    assert (first.version, first.created, catalogue.versions("bitbrains")) == ("1.0.0", True, ())
    assert not (tmp_path / "home" / "objects").exists()
    catalogue.register("bitbrains", tmp_path / "data", time_seconds=1.0)
    assert not catalogue.preview("bitbrains", tmp_path / "data", time_seconds=1.0).created
    then = catalogue.preview("bitbrains", write_folder("data", {"a.parquet": samples(9)}), time_seconds=1.0)
    assert (then.version, then.created) == ("1.1.0", True)
    assert len(catalogue.versions("bitbrains")) == 1


def test_a_check_out_is_the_folder_again_and_may_be_changed(register: Any, catalogue: Catalogue, tmp_path: Path) -> None:
    register({"a.parquet": samples(), "b/notes.txt": "hello\n"})
    catalogue.check_out("bitbrains", "1.0.0", tmp_path / "out")
    assert (tmp_path / "out/a.parquet").read_bytes() == (tmp_path / "data/a.parquet").read_bytes()
    (tmp_path / "out/b/notes.txt").write_text("changed\n")
    assert catalogue.verify("bitbrains").passed
    (changed,) = catalogue.verify("bitbrains", "1.0.0", tmp_path / "out").changed
    assert changed.path == "b/notes.txt"
    with pytest.raises(InvalidValue, match="exists"):
        catalogue.check_out("bitbrains", None, tmp_path / "out")


def test_an_object_that_the_disk_changed_is_named_and_never_handed_out(register: Any, catalogue: Catalogue, tmp_path: Path) -> None:
    register({"a.txt": "hello\n", "b.txt": "you\n"})
    entry = catalogue.manifest("bitbrains").by_path()["a.txt"]
    stored = tmp_path / "home" / "objects" / entry.sha256[:2] / entry.sha256
    assert stored.stat().st_mode & 0o222 == 0
    stored.chmod(0o644)
    stored.write_text("jello\n")
    (changed,) = catalogue.verify("bitbrains").changed
    assert (changed.path, changed.expected_sha256) == ("a.txt", entry.sha256)
    with pytest.raises(ArtifactRefused, match=entry.sha256):
        catalogue.check_out("bitbrains", None, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"data", "home"}
    register({"a.txt": "hello\n", "b.txt": "you\n"})
    assert catalogue.verify("bitbrains").passed


def test_a_retired_version_is_gone_but_its_number_is_not_given_again(register: Any, catalogue: Catalogue) -> None:
    register({"a.txt": "1\n"})
    register({"a.txt": "2\n"})
    catalogue.delete("bitbrains", "1.0.1")
    with pytest.raises(InvalidValue, match=r"there is no bitbrains 1\.0\.1"):
        catalogue.get("bitbrains", "1.0.1")
    assert register({"a.txt": "2\n"}).version == "1.0.2"


def test_garbage_is_what_no_version_names(register: Any, catalogue: Catalogue) -> None:
    for number in range(4):
        register({"a.txt": f"{number}\n", "same.txt": "same\n"})
    assert catalogue.collect_garbage().objects_count == 0
    used = {catalogue.get("bitbrains", "1.0.1").digest}
    would = catalogue.collect_garbage(keep_count=1, keep_seconds=60.0, used_digests=used, dry_run=True)
    assert [one.version for one in would.retired] == ["1.0.2", "1.0.0"]
    assert len(catalogue.versions("bitbrains")) == 4
    assert catalogue.collect_garbage(keep_count=1, keep_seconds=60.0, used_digests=used) == would
    assert (would.objects_count, would.bytes_count) == (2, 4)
    assert [one.version for one in catalogue.versions("bitbrains")] == ["1.0.3", "1.0.1"]
    assert catalogue.verify("bitbrains", "1.0.1").passed


def test_everybody_is_held_to_the_policy_and_refusals_are_logged(
    register: Any, catalogue: Catalogue, make_catalogue: Callable[..., Catalogue], tmp_path: Path
) -> None:
    register({"a.txt": "1\n"})
    policy = policy_of({"roles": {"analyst": {"read": ["public*"]}}, "users": {"eve": ["analyst"]}})
    eve = make_catalogue(policy=policy, user="eve")
    for attempt in (
        lambda: eve.get("bitbrains"),
        lambda: eve.versions("bitbrains"),
        lambda: eve.verify("bitbrains"),
        lambda: eve.check_out("bitbrains", None, tmp_path / "out"),
        lambda: eve.register("bitbrains", tmp_path / "data", time_seconds=1.0),
        lambda: eve.preview("bitbrains", tmp_path / "data", time_seconds=1.0),
        lambda: eve.delete("bitbrains", "1.0.0"),
    ):
        with pytest.raises(NotAllowed, match="no role of eve may"):
            attempt()
    assert eve.datasets() == ()
    assert eve.access_events() == ()
    assert eve.collect_garbage(keep_count=1).retired == ()
    assert not (tmp_path / "out").exists()
    refused = [(one.action, one.allowed, one.user) for one in catalogue.access_events("bitbrains")]
    assert refused[:7] == [(action, False, "eve") for action in ("delete", "read", "register", "check-out", "read", "read", "read")]


def test_who_had_it_is_written_down(register: Any, catalogue: Catalogue, tmp_path: Path) -> None:
    register({"a.txt": "1\n"})
    register({"a.txt": "1\n"})
    catalogue.check_out("bitbrains", None, tmp_path / "out")
    catalogue.delete("bitbrains", "1.0.0")
    seen = [(one.action, one.version, one.reason) for one in catalogue.access_events()]
    assert seen == [
        ("delete", "1.0.0", "role owner: delete *"),
        ("check-out", "1.0.0", "role owner: read *"),
        ("register", "1.0.0", "role owner: register *"),
        ("register", "1.0.0", "role owner: register *"),
    ]


def test_a_policy_is_read_from_its_file_and_the_owner_stands_in_for_it(tmp_path: Path) -> None:
    me = current_user({})
    assert read_policy(tmp_path / "none" / "access.yaml").decide(me, Action.DELETE, "x").allowed
    (tmp_path / "access.yaml").write_text('roles: {analyst: {read: ["*"]}}\nusers: {"*": [analyst]}\n')
    policy = read_policy(tmp_path / "access.yaml")
    assert policy.decide("anybody", Action.READ, "x").allowed
    assert not policy.decide(me, Action.DELETE, "x").allowed
    for text in ("roles: [", "- 1", "\x00"):
        (tmp_path / "access.yaml").write_text(text)
        with pytest.raises(InvalidValue):
            read_policy(tmp_path / "access.yaml")
    assert current_user({"HYDATIS_USER": "pipeline"}) == "pipeline"


def test_names_that_begin_with_a_dot_are_no_data(register: Any, catalogue: Catalogue) -> None:
    made = register({"a.txt": "1\n", ".git/config": "x", ".DS_Store": "x", "b/.hidden": "x"})
    assert [entry.path for entry in catalogue.manifest("bitbrains").files] == ["a.txt"]
    assert made.files_count == 1


def test_folders_that_cannot_be_a_dataset_are_refused(catalogue: Catalogue, write_folder: Write, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    linked = write_folder("linked", {"a.txt": "x"})
    (linked / "b.txt").symlink_to(linked / "a.txt")
    piped = write_folder("piped", {"a.txt": "x"})
    os.mkfifo(piped / "pipe")
    for folder, words in (
        ("none", "is no folder"),
        ("empty", "has no files"),
        ("linked", "link or no file"),
        ("piped", "link or no file"),
    ):
        with pytest.raises(InvalidValue, match=words):
            catalogue.register("bitbrains", tmp_path / folder, time_seconds=1.0)
    assert catalogue.versions("bitbrains") == ()


def test_a_folder_that_holds_the_store_is_no_dataset(catalogue: Catalogue, write_folder: Write, tmp_path: Path) -> None:
    write_folder("data", {"a.txt": "1\n"})
    with pytest.raises(InvalidValue, match="holds the catalogue's own objects"):
        catalogue.register("everything", tmp_path, time_seconds=1.0)
