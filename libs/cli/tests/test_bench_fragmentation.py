"""`hydatis bench fragmentation` on a small cluster in the layout of openb: figures, page, and sentences for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_cli.commands.bench_fragmentation import fragmentation
from hydatis_cli.console import EXIT_USAGE, exit_code_of
from hydatis_core.errors import InvalidValue, TraceRefused
from hydatis_simulator.benchmark.fragmentation.policies import OURS, POLICIES


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "openb"
    folder.mkdir(parents=True)
    count = 36
    nodes = {
        "node_name": [f"node-{i:03d}" for i in range(count)],
        "cpu_milli": [96_000 if i % 3 else 104_000 for i in range(count)],
        "memory_mib": [393_216] * count,
        "gpu_count": [8 if i % 3 else 2 for i in range(count)],
        "gpu_model": ["G2" if i % 3 else "T4" for i in range(count)],
    }
    asks = [(3_152, 1, 810), (11_300, 1, 1000), (11_908, 1, 470), (4_000, 1, 320), (12_500, 0, 0), (8_000, 1, 650)]
    rows = [(name, *asks[i % len(asks)]) for name in ("default", "cpu250") for i in range(240)]
    pods = {
        "pod_list": [row[0] for row in rows],
        "cpu_milli": [row[1] for row in rows],
        "memory_mib": [row[1] * 3 for row in rows],
        "gpu_count": [row[2] for row in rows],
        "gpu_milli_per_gpu": [row[3] for row in rows],
        "gpu_spec": [None] * len(rows),
    }
    pq.write_table(pa.table(nodes), folder / "nodes_gpu_node.parquet")
    pq.write_table(
        pa.table(pods, schema=pa.schema([(n, pa.string() if n in ("pod_list", "gpu_spec") else pa.int32()) for n in pods])),
        folder / "pods.parquet",
    )
    (folder / "fgd_peer_results.csv").write_text(
        "pod_list,policy,arrived_gpu_pct,gpu_alloc_pct_mean,gpu_alloc_pct_std,frag_gpu_pct_mean,frag_gpu_pct_std,"
        "frag_ratio_pct_mean,frag_ratio_pct_std\ndefault,FGD,100,95.0,0.1,4.0,0.1,99.0,0.1\n"
    )
    return tmp_path / "data"


def test_every_policy_is_judged_beside_the_published_figures(data: Path, tmp_path: Path) -> None:
    json_, page = tmp_path / "out.json", tmp_path / "out.html"
    fragmentation(data=data, json_=json_, lists="default", seeds=2, report=page, quick=False)
    figures = json.loads(json_.read_text())
    one = figures["lists"]["default"]
    assert set(one["policies"]) == set(POLICIES)
    assert figures["seeds"] == [42, 43]
    fgd = one["policies"]["FGD"]["at_arrived_pct"]["100"]
    assert fgd["less_published"] == pytest.approx(fgd["gpu_allocated_pct"] - 95.0, abs=2e-3)
    for policy in POLICIES:
        for percent, bound in one["bound_pct"].items():
            assert one["policies"][policy]["at_arrived_pct"][percent]["gpu_allocated_pct"] <= min(bound, 100.0) + 0.1
    at_100 = {policy: one["policies"][policy]["at_arrived_pct"]["100"]["gpu_allocated_pct"] for policy in POLICIES}
    assert at_100["Random"] < min(at_100["FGD"], at_100[OURS])
    assert str(data) not in json_.read_text()
    assert "<script>" in page.read_text()


def test_quick_runs_a_slice_without_published_figures(data: Path, tmp_path: Path) -> None:
    json_ = tmp_path / "out.json"
    fragmentation(data=data, json_=json_, lists="default", seeds=10, report=None, quick=True)
    figures = json.loads(json_.read_text())
    assert list(figures["lists"]) == ["default", "cpu250"]
    assert figures["lists"]["default"]["policies"]["FGD"]["at_arrived_pct"]["100"]["published_gpu_allocated_pct"] is None


@pytest.mark.parametrize(
    ("lists", "folder", "sentence"),
    [("cpu999", "", "no list 'cpu999'"), ("default", "nowhere", "does not exist"), ("", "", "nothing to run")],
)
def test_bad_input_is_one_sentence_and_leaves_nothing_behind(
    data: Path, tmp_path: Path, lists: str, folder: str, sentence: str
) -> None:
    json_ = tmp_path / "out.json"
    with pytest.raises((InvalidValue, TraceRefused), match=sentence) as refused:
        fragmentation(data=data / folder, json_=json_, lists=lists, seeds=1, report=None, quick=False)
    assert exit_code_of(refused.value) == EXIT_USAGE
    assert not json_.exists()


def test_a_missing_column_is_named(data: Path, tmp_path: Path) -> None:
    path = data / "openb" / "pods.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["cpu_milli"]), path)
    with pytest.raises(TraceRefused, match=r"pods\.parquet lacks column cpu_milli"):
        fragmentation(data=data, json_=tmp_path / "out.json", lists="default", seeds=1, report=None, quick=False)
