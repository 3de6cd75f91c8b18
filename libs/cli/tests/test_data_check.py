"""`hydatis data check` and `hydatis collect` as they are typed: exit codes, files, and sentences for what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hydatis_cli.commands import data_check
from hydatis_cli.main import app
from hydatis_core.errors import HydatisError, InvalidValue, TraceRefused
from hydatis_lifecycle.quality.report import QualityReport
from rich.console import Console
from typer.testing import CliRunner, Result


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "160", "HYDATIS_DATA": ""})


def refused(*arguments: object) -> HydatisError:
    error = run(*arguments).exception
    assert isinstance(error, HydatisError), error
    return error


@pytest.fixture
def months(write_months: Callable[..., Path], tmp_path: Path) -> Path:
    return write_months(tmp_path / "traces", 1, 3)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What the tables show."""
    text = StringIO()
    monkeypatch.setattr(data_check, "out", Console(file=text, width=200))
    return text


def test_data_that_pass_are_told_in_tables_json_and_a_page(months: Path, tmp_path: Path, shown: StringIO) -> None:
    done = run(
        "data", "check", "--trace", "bitbrains", "--data", months, "--json", tmp_path / "q.json", "--report", tmp_path / "q.html"
    )
    assert done.exit_code == 0, done.output
    told = shown.getvalue()
    for words in ("bitbrains: 864 rows", "completeness", "100.00 %", "864"):
        assert words in told
    report = QualityReport.from_json(json.loads((tmp_path / "q.json").read_text()))
    assert (report.passed, report.findings) == (True, ())
    assert "Passed" in (tmp_path / "q.html").read_text()


def test_a_missed_gate_is_exit_code_1_and_names_column_rule_and_rows(months: Path, tmp_path: Path, shown: StringIO) -> None:
    path = months / "bitbrains" / "rnd_2013-07.parquet"
    table = pq.read_table(path)
    at = table.schema.get_field_index("memory_usage_kib")
    pq.write_table(table.set_column(at, "memory_usage_kib", pc.multiply(table["memory_usage_kib"], pa.scalar(100.0))), path)
    done = run("data", "check", "--data", months)
    assert done.exit_code == 1
    told = shown.getvalue()
    for words in ("memory_above_capacity", "864", "rnd_2013-07.parquet row 0"):
        assert words in told
    assert "training stops: accuracy 0.00 % of 864 is below 90 %" in done.output
    gates = tmp_path / "gates.yaml"
    gates.write_text("accuracy: {hard_pct: 0, soft_pct: 50}\n")
    assert run("data", "check", "--data", months, "--thresholds", gates).exit_code == 0


def test_what_cannot_be_checked_is_one_sentence(months: Path, tmp_path: Path) -> None:
    error = refused("data", "check")
    assert (type(error), error.field) == (InvalidValue, "--data")
    assert "nobody knows the data set 'weather'" in str(refused("data", "check", "--trace", "weather", "--data", months))
    path = months / "bitbrains" / "rnd_2013-07.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    assert isinstance(refused("data", "check", "--data", months), TraceRefused)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ((), "--prometheus"),
        (("--prometheus", "prometheus:9090"), "--prometheus"),
        (("--prometheus", "http://127.0.0.1:9", "--step", "7"), "--step"),
        (("--prometheus", "http://127.0.0.1:9", "--window", "5000"), "--window"),
        (("--prometheus", "http://127.0.0.1:9", "--until", "yesterday"), "--until"),
        (("--prometheus", "http://127.0.0.1:9", "--until", "2026-11-01T00:00", "--follow"), "--follow, --until"),
        (("--prometheus", "http://127.0.0.1:9", "--prometheus-token-file", "nowhere"), "--prometheus-token-file"),
    ],
)
def test_what_cannot_be_collected_is_refused_before_anything_is_written(
    options: tuple[str, ...], field: str, tmp_path: Path
) -> None:
    error = refused("collect", "--out", tmp_path / "collected", *options)
    assert (type(error), error.field) == (InvalidValue, field)
    assert not (tmp_path / "collected" / "collection.json").exists()


def test_a_prometheus_that_is_away_is_told_with_what_to_do(tmp_path: Path) -> None:
    error = refused("collect", "--out", tmp_path / "c", "--prometheus", "http://127.0.0.1:9", "--patience", "0", "--days", "0.2")
    assert "unreachable" in str(error)
    assert "the same command goes on where this one stopped" in str(error)
