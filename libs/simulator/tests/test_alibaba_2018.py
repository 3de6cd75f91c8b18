from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_core.errors import TraceRefused
from hydatis_simulator.traces.alibaba_2018 import ORIGIN_SECONDS, POD_CPU_CORES, POD_MEMORY_BYTES
from hydatis_simulator.traces.registry import read_trace

ROWS = [
    ("m_1", 0, 40, 80), ("m_1", 60, 60, 90), ("m_1", 300, 30, 85), ("m_1", 300, 50, 85), ("m_1", 900, 20, 101),
    ("m_1", 99_000, 5, 5),
    ("m_2", 10, 10, 50), ("m_2", 310, -1, 50), ("m_2", 610, 10, 50), ("m_2", 700_000, 10, 50),
]  # fmt: skip


def write_raw(folder, rows):
    text = "".join(f"{m},{t},{c},{u},,,43.04,33.08,5\n" if isinstance(t, int) else t for m, t, c, u in rows)
    (folder / "machine_usage.csv").write_text(text)


def write_parquet(folder, rows, drop=()):
    names = ("machine_id", "timestamp_s", "cpu_util_pct", "mem_util_pct")
    columns = {name: [r[i] for r in rows] for i, name in enumerate(names) if name not in drop}
    pq.write_table(pa.table(columns), folder / "machine_usage.parquet")


def both(folder, rows, **options):
    (folder / "raw").mkdir()
    (folder / "parquet").mkdir()
    write_raw(folder / "raw", rows)
    write_parquet(folder / "parquet", rows)
    raw, parquet = (read_trace("alibaba_2018", folder / layout, seed=1, **options) for layout in ("raw", "parquet"))
    assert raw.digest() == parquet.digest()
    assert raw.report.rules == parquet.report.rules
    return parquet


def test_a_machine_becomes_a_pod_of_the_stated_size_on_the_trace_clock(tmp_path):
    trace = both(tmp_path, ROWS, days=1, arrival_window_seconds=0.0)
    assert trace.start_seconds == ORIGIN_SECONDS
    row = next(i for i, p in enumerate(trace.pods) if p.pod.workload == "m-1")
    assert trace.pods[row].pod.limits.cpu_cores == POD_CPU_CORES
    assert np.allclose(trace.cpu_used_cores[row, :4], np.array([0.5, 0.4, np.nan, 0.2]) * POD_CPU_CORES, equal_nan=True)
    assert np.isclose(trace.memory_used_bytes[row, 0], 0.85 * POD_MEMORY_BYTES)
    assert np.isnan(trace.memory_used_bytes[row, 3])
    assert trace.io is None


def test_every_oddity_is_counted(tmp_path):
    report = both(tmp_path, ROWS, days=1).report
    wanted = {
        "outside_trace": 1, "outside_window": 1, "out_of_range": 2, "timestamp_repeated": 1, "samples_merged": 2,
        "steps_without_sample": 2,
    }  # fmt: skip
    assert {name: report.count(name) for name in wanted} == wanted
    assert report.rows_count == len(ROWS)


def test_raw_lines_that_do_not_parse_are_set_aside(tmp_path):
    write_raw(tmp_path, [*ROWS, ("", "m_3,what,1,2,,,1,1,1\n", 0, 0), ("", "short\n", 0, 0)])
    assert read_trace("alibaba_2018", tmp_path, seed=1).report.count("unparsable_line") == 2


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda folder: None, "no machine usage"),
        (lambda folder: (folder / "machine_usage.csv").write_text(""), "no machine in these days"),
        (lambda folder: write_parquet(folder, ROWS, drop=("mem_util_pct",)), "lacks column mem_util_pct"),
        (lambda folder: write_parquet(folder, ROWS[:1]), "no machine with known CPU use"),
    ],
)
def test_what_is_no_such_trace_is_refused(tmp_path, prepare, words):
    prepare(tmp_path)
    with pytest.raises(TraceRefused, match=words):
        read_trace("alibaba_2018", tmp_path, seed=1)


def test_a_ninth_day_is_refused(tmp_path):
    write_parquet(tmp_path, ROWS)
    with pytest.raises(TraceRefused, match="no day 8"):
        read_trace("alibaba_2018", tmp_path, seed=1, start_day=8)
