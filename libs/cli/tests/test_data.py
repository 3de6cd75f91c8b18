"""`hydatis data` as it is typed: what people read, what programs read, and what is refused."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_cli.commands import data, data_store
from hydatis_cli.dataset_tables import shown_bytes
from hydatis_cli.main import app
from hydatis_core.errors import InvalidValue, NotAllowed, TraceRefused
from rich.console import Console
from typer.testing import CliRunner, Result

PRINTED = StringIO()


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HYDATIS_STATE", str(tmp_path / "state"))
    for module in (data, data_store):
        monkeypatch.setattr(module, "out", Console(file=PRINTED, width=160))
    for name in ("HYDATIS_USER", "HYDATIS_CATALOGUE_URL", "HYDATIS_OBJECTS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "state"


def typed(*arguments: str | Path) -> tuple[Result, str]:
    """What came of a command, and what it printed."""
    PRINTED.truncate(0)
    PRINTED.seek(0)
    result = CliRunner().invoke(app, ["data", *map(str, arguments)])
    return result, result.stdout + PRINTED.getvalue()


def told(*arguments: str | Path) -> str:
    result, printed = typed(*arguments)
    assert result.exit_code == 0, result.output
    return printed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bitbrains"
    folder.mkdir()
    write(folder, rows=3)
    return folder


def write(folder: Path, rows: int) -> None:
    pq.write_table(pa.table({"vm_id": list(range(rows)), "cpu_usage_pct": [1.5] * rows}), folder / "july.parquet")


def test_a_dataset_is_registered_changed_compared_and_given_back(folder: Path, tmp_path: Path) -> None:
    assert "bitbrains would be 1.0.0 (major): 1 files" in told("register", "bitbrains", folder, "--dry-run")
    assert typed("list", "bitbrains")[0].exit_code != 0
    assert "bitbrains 1.0.0 (major)" in told("register", "bitbrains", folder, "--key", "vm_id", "--meta", "source=gwa-t-12")
    assert "1.0.0 has this content already" in told("register", "bitbrains", folder)
    write(folder, rows=5)
    assert "1.1.0 (minor)" in told("register", "bitbrains", folder)
    assert "2 rows added" in told("diff", "bitbrains", "1.0.0")
    listed = told("list", "bitbrains")
    assert "1.1.0" in listed
    assert "minor: 2 rows added" in listed
    assert "source" not in told("show", "bitbrains")
    shown = told("show", "bitbrains", "1.0.0", "--files")
    assert "key: vm_id" in shown
    assert "july.parquet" in shown
    assert "pct" in shown
    told("checkout", "bitbrains", tmp_path / "out", "--version", "1.0.0")
    assert pq.read_table(tmp_path / "out" / "july.parquet").num_rows == 3
    assert "all 1 files are as registered" in told("verify", "bitbrains", "1.0.0", "--folder", tmp_path / "out")


def test_what_programs_read_says_the_same(folder: Path) -> None:
    made = json.loads(told("register", "bitbrains", folder, "--json"))
    assert (made["version"], made["created"], made["rows_count"]) == ("1.0.0", True, 3)
    (listed,) = json.loads(told("list", "--json"))
    assert (listed["digest"], listed["versions_count"]) == (made["digest"], 1)
    shown = json.loads(told("show", "bitbrains", "--files", "--json"))
    assert shown["schema"][0]["columns"][1] == {"name": "cpu_usage_pct", "type": "double", "unit": "pct", "nullable": True}
    assert [entry["path"] for entry in shown["files"]] == ["july.parquet"]
    assert json.loads(told("diff", "bitbrains", "1.0.0", "1.0.0", "--json"))["change"] is None
    assert json.loads(told("verify", "bitbrains", "--json"))["passed"] is True
    assert json.loads(told("access", "--json"))[-1]["action"] == "register"


def test_a_changed_file_is_named_with_both_digests_and_the_exit_code_says_so(folder: Path) -> None:
    told("register", "bitbrains", folder)
    expected = json.loads(told("show", "bitbrains", "--files", "--json"))["files"][0]["sha256"]
    write(folder, rows=4)
    result, printed = typed("verify", "bitbrains", "--folder", folder)
    assert result.exit_code == 1
    assert "july.parquet" in printed
    assert expected in printed


def test_old_versions_go_when_that_is_wished_and_used_ones_stay(folder: Path, state: Path) -> None:
    from hydatis_lifecycle.adapters.lineage_store import LineageStore
    from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord

    digests = []
    for rows in (1, 2, 3):
        write(folder, rows)
        digests.append(json.loads(told("register", "bitbrains", folder, "--json"))["digest"])
    data_of = Entity(EntityKind.DATASET, "bitbrains", digests[0], "1.0.0")
    made = Entity(EntityKind.MODEL, "cpu-forecaster", "sha256:" + "0" * 64)
    LineageStore(f"sqlite:///{state / 'lifecycle' / 'catalogue.sqlite'}").add(
        StepRecord("train", "run", (data_of,), (made,), 1.0, 2.0)
    )
    assert "would retire bitbrains 1.1.0" in told("gc", "--keep", "1", "--days", "0", "--dry-run")
    assert json.loads(told("gc", "--keep", "1", "--days", "0", "--json"))["objects_count"] == 1
    assert [one["version"] for one in json.loads(told("list", "bitbrains", "--json"))] == ["1.2.0", "1.0.0"]
    told("delete", "bitbrains", "1.0.0")
    assert "1 files" in told("gc")


def test_the_policy_file_holds_for_whoever_asks(folder: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told("register", "bitbrains", folder)
    (state / "lifecycle" / "access.yaml").write_text('roles: {analyst: {read: ["*"]}}\nusers: {"*": [analyst]}\n')
    monkeypatch.setenv("HYDATIS_USER", "eve")
    assert "analyst" in told("access", "--policy")
    told("show", "bitbrains")
    refused, _ = typed("delete", "bitbrains", "1.0.0")
    assert isinstance(refused.exception, NotAllowed)
    assert "refused" in told("access", "bitbrains")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("register", "Bit brains", "{folder}"), "no name of a dataset"),
        (("register", "bitbrains", "nowhere"), "is no folder"),
        (("register", "bitbrains", "{folder}", "--meta", "x"), "NAME=VALUE"),
        (("register", "bitbrains", "{folder}", "--quality", "nowhere.json"), "cannot be read"),
        (("show", "none"), "there is no dataset none"),
        (("list", "none"), "there is no dataset none"),
        (("diff", "none", "1.0.0"), "there is no none 1.0.0"),
    ],
)
def test_bad_input_is_one_sentence(arguments: tuple[str, ...], words: str, folder: Path) -> None:
    result, _ = typed(*(one.format(folder=folder) for one in arguments))
    assert isinstance(result.exception, InvalidValue)
    assert words in str(result.exception)


def test_a_corrupt_file_is_named(folder: Path) -> None:
    (folder / "july.parquet").write_bytes(b"PAR1 and no more")
    result, _ = typed("register", "bitbrains", folder)
    assert isinstance(result.exception, TraceRefused)
    assert "july.parquet" in str(result.exception)


def test_sizes_are_told_in_units_of_a_thousand() -> None:
    assert [shown_bytes(count) for count in (0, 999, 1000, 36_623_354, 5_000_000_000_000)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "36.6 MB",
        "5.0 TB",
    ]
