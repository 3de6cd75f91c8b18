"""What a version of a dataset is known by."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from hydatis_core.errors import Duplicate, InvalidValue
from hydatis_lifecycle.datasets.manifest import DatasetManifest, FileEntry, check_dataset_name
from hydatis_lifecycle.datasets.registered_version import inherited_metadata, key_of, units_of
from hydatis_lifecycle.datasets.verification import ChangedFile, compare_files


def entry(path: str, content: str = "", rows: int | None = None) -> FileEntry:
    data = content.encode()
    return FileEntry(path, hashlib.sha256(data).hexdigest(), len(data), rows)


def test_the_root_digest_is_what_sha256sum_of_sha256sum_says(tmp_path: Path) -> None:
    contents = {"b.csv": "two\n", "a/z.csv": "one\n", "a.csv": "three\n", "Ä.csv": "four\n"}
    for path, text in contents.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    command = "find . -type f -not -path '*/.*' -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    said = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()[0]
    assert DatasetManifest.of(entry(path, text) for path, text in contents.items()).digest == f"sha256:{said}"


def test_the_root_digest_does_not_depend_on_the_order_of_files() -> None:
    one, two = entry("a.csv", "1"), entry("b.csv", "2")
    assert DatasetManifest.of([one, two]).digest == DatasetManifest.of([two, one]).digest


def test_rows_are_unknown_where_no_file_has_any() -> None:
    assert DatasetManifest.of([entry("a.csv")]).rows_count is None
    assert DatasetManifest.of([entry("a.csv"), entry("b.parquet", rows=0)]).rows_count == 0


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../b", "a//b", ".hidden", "a/.git/x", "a\nb", "a\\b", "a/", "x" * 513]
)
def test_a_path_that_could_leave_its_folder_or_be_read_in_two_ways_is_refused(path: str) -> None:
    with pytest.raises(InvalidValue, match="cannot be stored"):
        DatasetManifest.of([entry(path)])


def test_a_path_stands_once() -> None:
    with pytest.raises(Duplicate, match=r"a\.csv"):
        DatasetManifest.of([entry("a.csv", "1"), entry("a.csv", "2")])


def test_a_manifest_without_files_is_none() -> None:
    with pytest.raises(InvalidValue, match="0 files"):
        DatasetManifest.of([])


@pytest.mark.parametrize("name", ["", "Bit", "a/b/c", "../a", "a b", "-a", "a/", "x" * 65])
def test_what_cannot_name_a_dataset_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match="no name of a dataset"):
        check_dataset_name(name)


def test_names_may_have_a_team() -> None:
    check_dataset_name("team-1/bitbrains.2013")


def test_files_that_differ_are_named_with_both_digests() -> None:
    manifest = DatasetManifest.of([entry("a", "1"), entry("b", "2"), entry("c", "3")])
    found = {"a": entry("a", "1").sha256, "b": entry("b", "x").sha256, "d": entry("d").sha256}
    seen = compare_files(manifest, found)
    assert seen.changed == (ChangedFile("b", entry("b", "2").sha256, entry("b", "x").sha256),)
    assert (seen.missing, seen.extra, seen.passed) == (("c",), ("d",), False)
    assert compare_files(manifest, {one.path: one.sha256 for one in manifest.files}).passed


def test_how_a_dataset_is_read_is_inherited_and_the_rest_is_not() -> None:
    before = {"key": "vm, t", "unit.cpu": "mhz", "ticket": "12"}
    assert inherited_metadata(before, {"unit.cpu": "ghz", "source": "x"}) == {"key": "vm, t", "unit.cpu": "ghz", "source": "x"}
    assert key_of(before) == ("vm", "t")
    assert units_of(before) == {"cpu": "mhz"}
    assert key_of({}) == ()
