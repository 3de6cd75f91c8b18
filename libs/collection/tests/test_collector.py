"""A collection without a server: questions that are cut, windows that are written once, folders that hold something else."""

from __future__ import annotations

import asyncio
import errno
import re
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from hydatis_collection import collector as collecting
from hydatis_collection.collector import Collected, Collector
from hydatis_collection.courses import matrix
from hydatis_collection.ledger import Ledger
from hydatis_collection.question import collection
from hydatis_collection.tables import TABLES, ColumnQuery
from hydatis_collection.window_file import METADATA_KEY, put_file
from hydatis_core.errors import ArtifactRefused, DependencyUnavailable
from hydatis_serving.prometheus.answers import PodLabels, RawCourse, TargetLabels
from hydatis_serving.prometheus.client import Reply
from hydatis_serving.prometheus.past import Asker

T = 1_795_388_400
PODS = tuple(PodLabels(f"team-{row % 3}", f"pod-{row}") for row in range(7))


class Prometheus:
    """Answers like one: pods and nodes whose use is made of their number and the time; bears so many values at once."""

    def __init__(self, most_values: int = 10**9) -> None:
        self.most_values = most_values
        self.asked: list[tuple[str, float, float]] = []

    async def ask_range(self, promql: str, first: float, last: float, step: float, decoder: Any, within: float) -> Reply[Any]:
        self.asked.append((promql, first, last))
        labels: Any = [TargetLabels(node="a"), TargetLabels(node="b")] if "(node_" in promql else []
        if "container!=" in promql:
            wanted = re.search(r'namespace(=~|!~)"([^"]*)"', promql)
            labels = [pod for pod in PODS if wanted is None or bool(re.fullmatch(wanted[2], pod.namespace)) == (wanted[1] == "=~")]
        times = range(round(first), round(last) + 1, round(step))
        if len(times) * len(labels) > self.most_values:
            return Reply("refused", why="HTTP 422: execution: query processing would load too many samples into memory")
        courses = []
        for one in labels:
            number = len(str(one)) + sum(map(ord, str(one)))
            values = [[time, str(number + (time // 60) % 97)] for time in times]
            courses.append(RawCourse(one, msgspec.Raw(msgspec.json.encode(values))))
        return Reply("ok", courses)


def collect(folder: Path, prometheus: Any, hours: int = 3) -> Collected:
    asker = Asker(prometheus, "http://prometheus", matrix)
    ledger = Ledger(folder)
    with ledger.held():
        return asyncio.run(Collector(ledger, collection("http://prometheus"), asker).run(T, T + hours * 3600 + 120, 30.0))


def content(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_window_is_a_file_for_each_table_with_rows_by_series_and_time(tmp_path: Path) -> None:
    done = collect(tmp_path, Prometheus())
    assert (done.windows, done.rows_count) == (["20261122T2300Z", "20261123T0000Z", "20261123T0100Z"], 3 * 60 * (2 + 7))
    assert done.gaps_count == 0
    assert sorted(content(tmp_path)) == sorted(
        [
            "collection.json",
            "ledger.json",
            *(f"{table}/{table}-{window}.parquet" for table in ("nodes", "pods") for window in done.windows),
        ]
    )
    table = pq.read_table(tmp_path / "pods" / "pods-20261122T2300Z.parquet")
    assert table.column_names == ["timestamp_s", *PodLabels.__struct_fields__, "cpu_used_cores", "memory_used_bytes"]
    assert table["timestamp_s"].to_pylist()[:61] == [*range(T, T + 3600, 60), T]
    metadata = msgspec.json.decode(table.schema.metadata[METADATA_KEY])
    assert metadata == {"table": "pods", "start_seconds": T, "end_seconds": T + 3600, "step_seconds": 60, "gaps": []}


def test_answers_that_would_be_too_large_are_cut_by_time_and_namespace_into_the_same_bytes(tmp_path: Path) -> None:
    plenty, little = Prometheus(), Prometheus(most_values=7)
    collect(tmp_path / "plenty", plenty)
    collect(tmp_path / "little", little)
    assert content(tmp_path / "plenty") == content(tmp_path / "little")
    assert len(little.asked) > 20 * len(plenty.asked)
    assert any('namespace=~"team-' in promql for promql, _, _ in little.asked)


def test_questions_about_many_series_are_asked_in_pages_of_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "PAGE_VALUES", 7 * 20)
    prometheus = Prometheus()
    collect(tmp_path / "paged", prometheus)
    pods = [(first, last) for promql, first, last in prometheus.asked if promql.startswith("sum by") and first >= T + 3600]
    assert (T + 3600, T + 3600 + 19 * 60) in pods
    monkeypatch.undo()
    collect(tmp_path / "whole", Prometheus())
    assert content(tmp_path / "paged") == content(tmp_path / "whole")


def test_a_disk_that_is_full_leaves_what_was_there_and_is_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []

    def full(path: Path, data: bytes) -> str:
        written.append(path)
        if len(written) > 6:
            raise DependencyUnavailable(f"{path} cannot be written: No space left on device", field="--out")
        return put_file(path, data)

    monkeypatch.setattr(collecting, "put_file", full)
    with pytest.raises(DependencyUnavailable):
        collect(tmp_path / "full", Prometheus(), hours=5)
    monkeypatch.undo()
    assert len(Ledger(tmp_path / "full").entries) == 3
    collect(tmp_path / "full", Prometheus(), hours=5)
    collect(tmp_path / "roomy", Prometheus(), hours=5)
    assert content(tmp_path / "full") == content(tmp_path / "roomy")


@pytest.mark.parametrize(
    ("code", "said"), [(errno.ENOSPC, "more room"), (errno.EDQUOT, "more room"), (errno.EROFS, "can be written to")]
)
def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str) -> None:
    def fails(_descriptor: int) -> None:
        raise OSError(code, "it is so")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(DependencyUnavailable, match=said):
        put_file(tmp_path / "nodes" / "one.parquet", b"rows")
    assert list((tmp_path / "nodes").iterdir()) == []


def test_a_window_whose_file_is_gone_is_collected_again(tmp_path: Path) -> None:
    collect(tmp_path, Prometheus())
    before = content(tmp_path)
    (tmp_path / "pods" / "pods-20261123T0000Z.parquet").unlink()
    done = collect(tmp_path, Prometheus())
    assert (done.windows, done.kept_count) == (["20261123T0000Z"], 2)
    assert content(tmp_path) == before


@pytest.mark.parametrize(("name", "text"), [("ledger.json", "{"), ("ledger.json", '{"x": 1}'), ("collection.json", "[]")])
def test_a_folder_that_was_changed_is_refused(tmp_path: Path, name: str, text: str) -> None:
    collect(tmp_path, Prometheus(), hours=1)
    (tmp_path / name).write_text(text)
    with pytest.raises(ArtifactRefused, match="cannot be read"):
        collect(tmp_path, Prometheus(), hours=1)


def test_every_column_is_asked_for_as_a_tick_asks() -> None:
    assert [table.name for table in TABLES] == ["nodes", "roots", "pods"]
    query = ColumnQuery(TABLES[0].quantities[0], 120, 90)
    assert query.promql(60.0, 'cluster="a"') == (
        f"max by ({', '.join(TABLES[0].labels)}) (sum without (cpu, mode)"
        ' (rate(node_cpu_seconds_total{mode!~"idle|iowait|steal",cluster="a"}[120s])))'
    )
