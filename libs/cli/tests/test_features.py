"""`hydatis features` over a folder of stored rows, as a user and as a program reads it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from hydatis_cli.commands import features
from hydatis_cli.event_times import event_time
from hydatis_cli.main import app
from hydatis_cli.stored_features import feature_repository
from hydatis_core.errors import HydatisError, InvalidValue
from hydatis_feature_store.stored_views import NODE_FEATURES
from pyarrow import parquet
from rich.console import Console
from typer.testing import CliRunner

FIRST = 1_700_000_100
NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty tables; in the second half `pod_count` is higher."""
    folder = tmp_path_factory.mktemp("features")
    rows = np.full((40, 3, len(NODE_FEATURES.names)), np.nan, dtype=np.float32)
    draws = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    draws[20:] += 5
    rows[:, :, NODE_FEATURES.index["pod_count"]] = draws
    feature_repository(folder).write_offline([FIRST + 300 * i for i in range(40)], NAMES, rows)
    return folder


@pytest.fixture
def hydatis(state: Path) -> Callable[..., Result]:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["features", *arguments, "--state", str(state)])

    return run


def told(result: Result) -> dict:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_apply_materialise_and_join_one_after_the_other(hydatis: Callable[..., Result], state: Path, tmp_path: Path) -> None:
    views = told(hydatis("apply", "--json"))["views"]
    assert [(view["view"], view["columns"], view["generations"]) for view in views] == [
        ("node_features", 96, 40),
        ("workload_profiles", 53, 0),
    ]
    assert told(hydatis("materialise", "--json"))["generations_count"] == 40
    assert told(hydatis("materialise", "--json"))["generations_count"] == 0

    out = tmp_path / "set.parquet"
    arguments = ["training-set", "--out", str(out), "--until", str(FIRST + 900), "--every", "150"]
    made = told(hydatis(*arguments, "--column", "pod_count", "--column", "cpu_used_ratio", "--json"))
    assert (made["rows"], made["columns"], made["unknown_ratio"]) == (21, 2, 0.5)
    table = parquet.read_table(out)
    assert table.column_names == ["node_name", "event_timestamp", "pod_count", "cpu_used_ratio"]
    stored = feature_repository(state).offline().read(FIRST)[1][:, NODE_FEATURES.index["pod_count"]]
    got = table["pod_count"].to_numpy()
    # at half a tick the row before still holds
    assert got[:3].tolist() == got[3:6].tolist() == stored.tolist()


def test_stats_find_what_has_shifted_and_what_is_not_known(hydatis: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    split = FIRST + 300 * 20
    figures = told(hydatis("stats", "--from", str(split), "--reference-from", str(FIRST), "--json"))
    assert (figures["rows"], figures["reference_rows"]) == (60, 60)
    found = {one["name"]: one["finding"] for one in figures["features"]}
    assert found["pod_count"] == "shifted"
    assert found["cpu_used_ratio"] == "never known"
    page = Console(file=io.StringIO(), width=120)
    monkeypatch.setattr(features, "out", page)
    hydatis("stats", "--from", str(split), "--reference-from", str(FIRST), "--rows", "3")
    shown = page.file.getvalue()
    assert "96 with a finding" in shown
    assert "pod_count" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["stats", "--view", "pods"], "'pods' is not a view"),
        (["stats", "--from", "yesterday"], "'yesterday' is not a time"),
        (["stats", "--from", "2026-01-02", "--until", "2026-01-01"], "is before"),
        (["stats", "--from", "2026-01-01", "--until", "2026-01-02"], "no node_features are stored"),
        (["stats", "--record", "abc"], "0 records begin with 'abc'"),
        (["materialise", "--online", "mongodb://db"], "'mongodb' is not an online store"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(hydatis: Callable[..., Result], arguments: list[str], sentence: str) -> None:
    refused = hydatis(*arguments).exception
    assert isinstance(refused, HydatisError)
    assert sentence in str(refused)


def test_an_empty_folder_says_who_fills_it(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["features", "stats", "--state", str(tmp_path)]).exception
    assert isinstance(refused, InvalidValue)
    assert "hydatis features write" in str(refused)


def test_event_times_are_utc_where_no_zone_is_named() -> None:
    assert event_time("1700000100", "--from") == 1_700_000_100
    assert event_time("2023-11-14T22:15", "--from") == event_time("2023-11-14T23:15+01:00", "--from") == 1_700_000_100
    with pytest.raises(InvalidValue):
        event_time("99999999999999", "--from")


def test_a_record_of_a_pipeline_is_named_by_its_first_digits(tmp_path: Path) -> None:
    records = tmp_path / "lifecycle" / "feast" / "records"
    for name in ("aa1100000000", "aa2200000000"):
        (records / name).mkdir(parents=True)
    assert feature_repository(tmp_path, record="sha256:aa22").folder.name == "aa2200000000"
    assert feature_repository(tmp_path, record="aa1100000000ffffffff").folder.name == "aa1100000000"
    with pytest.raises(InvalidValue, match="2 records begin with 'aa'"):
        feature_repository(tmp_path, record="aa")
