"""Labelled sets, from small files in the published layouts."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_core.errors import InvalidValue, TraceRefused, WrongShape
from hydatis_simulator.labelled import nab
from hydatis_simulator.labelled.asd import ASD
from hydatis_simulator.labelled.machine import LabelledMachine
from hydatis_simulator.labelled.smd import SMD
from hydatis_simulator.labelled.tables import Layout, read_machines


def write_set(folder: Path, layout: Layout, rows: int = 40, **change: object) -> Path:
    """Two machines of two metrics; rows in no order of time."""
    inner = folder / layout.name
    inner.mkdir(parents=True, exist_ok=True)
    for part in ("train", "test"):
        columns: dict[str, object] = {
            layout.machine_column: ["b"] * rows + ["a"] * rows,
            layout.step_column: list(range(rows))[::-1] * 2,
            "cpu_r_minmax01": [step / rows for step in range(rows)][::-1] * 2,
            "mem_u_minmax01": [0.5] * 2 * rows,
        }
        if part == "test":
            columns["is_anomaly"] = [0] * (2 * rows - 3) + [1] * 3
        columns |= change
        pq.write_table(
            pa.table({name: values for name, values in columns.items() if values is not None}), inner / f"{part}.parquet"
        )
    end = 1 if layout.end_inclusive else 2
    header = f"{layout.machine_column},start_step,end_step,dims_1based,anomaly_type"
    lines = [header, f'a,0,{end},"1,2",metric', f"a,2,{end + 1},2,metric"]
    (inner / "anomaly_segments.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("layout", [SMD, ASD])
def test_machines_come_by_name_in_order_of_time_with_labels_and_segments(tmp_path: Path, layout: Layout) -> None:
    a, b = read_machines(write_set(tmp_path, layout), layout)
    assert (a.name, b.name, a.metrics) == ("a", "b", ("cpu_r", "mem_u"))
    np.testing.assert_allclose(a.test[:, 0], np.arange(40) / 40, rtol=1e-6)
    assert a.anomalous.tolist() == [True] * 3 + [False] * 37
    assert [(one.first, one.end, one.metrics) for one in a.segments] == [(0, 2, (0, 1)), (2, 3, (1,))]
    assert (b.segments, b.anomalous.any()) == ((), False)
    assert len(read_machines(tmp_path, layout, machine_limit=1)) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"is_anomaly": None}, "is_anomaly"),
        ({"step_1min": None}, "step_1min"),
        ({"machine_id": None}, "machine_id"),
        ({"cpu_r_minmax01": None, "mem_u_minmax01": None}, "_minmax01"),
        ({"cpu_r_minmax01": ["high"] * 80}, "cpu_r_minmax01"),
    ],
)
def test_missing_and_wrong_columns_are_named(tmp_path: Path, change: dict[str, object], said: str) -> None:
    with pytest.raises(TraceRefused, match=said):
        read_machines(write_set(tmp_path, SMD, **change), SMD)


def test_a_missing_damaged_or_empty_file_is_one_sentence(tmp_path: Path) -> None:
    write_set(tmp_path, SMD)
    path = tmp_path / "smd" / "test.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 0), path)
    with pytest.raises(TraceRefused, match="no row"):
        read_machines(tmp_path, SMD)
    pq.write_table(table.slice(0, 1), path)
    with pytest.raises(TraceRefused, match="1 row of b"):
        read_machines(tmp_path, SMD)
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(TraceRefused, match=r"test\.parquet"):
        read_machines(tmp_path, SMD)
    path.unlink()
    with pytest.raises(TraceRefused, match=r"test\.parquet"):
        read_machines(tmp_path, SMD)
    with pytest.raises(TraceRefused, match="does not exist"):
        read_machines(tmp_path / "nowhere", SMD)


def test_segments_with_other_columns_are_refused(tmp_path: Path) -> None:
    write_set(tmp_path, SMD)
    (tmp_path / "smd" / "anomaly_segments.csv").write_text("machine_id,start_step\na,1\n")
    with pytest.raises(TraceRefused, match="end_step"):
        read_machines(tmp_path, SMD)
    (tmp_path / "smd" / "anomaly_segments.csv").write_text("machine_id,start_step,end_step,dims_1based\na,1\n")
    with pytest.raises(TraceRefused, match="do not fit"):
        read_machines(tmp_path, SMD)


def test_a_machine_must_fit_its_labels() -> None:
    part = np.zeros((3, 1), dtype=np.float32)
    with pytest.raises(WrongShape):
        LabelledMachine("a", ("x",), 60.0, part, part, np.zeros(2, dtype=np.bool_))
    with pytest.raises(WrongShape):
        LabelledMachine("a", ("x", "y"), 60.0, part, part, np.zeros(3, dtype=np.bool_))
    with pytest.raises(InvalidValue, match="1 rows"):
        LabelledMachine("a", ("x",), 60.0, part[:1], part, np.zeros(3, dtype=np.bool_))


def write_nab(folder: Path, rows: int = 200) -> Path:
    """Two series, the second with a window from row 100 to row 119."""
    inner = folder / "nab"
    inner.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    table = {
        "series": ["quiet"] * rows + ["odd"] * rows,
        "timestamp_s": [1000 + 300 * row for row in range(rows)] * 2,
        "value": random.normal(10, 1, 2 * rows).tolist(),
    }
    pq.write_table(pa.table(table), inner / "series.parquet")
    (inner / "windows.csv").write_text(f"series,window_start_s,window_end_s\nodd,{1000 + 300 * 100},{1000 + 300 * 119}\n")
    header = "series,detector,threshold,nab_score_standard_raw,tp_rows,tn_rows,fp_rows,fn_rows"
    peers = ["quiet,null,0.5,0.0,0,1,0,0", "odd,null,0.5,-1.0,0,1,0,1"]
    (inner / "peer_results.csv").write_text("\n".join([header, *peers]) + "\n")
    return folder


def test_series_have_windows_as_rows_and_published_scores(tmp_path: Path) -> None:
    odd, quiet = nab.read(write_nab(tmp_path))
    assert (odd.name, odd.windows, quiet.windows, odd.probation_rows) == ("odd", ((100, 119),), (), 30)
    assert nab.read_peers(tmp_path) == {"null": {"quiet": 0.0, "odd": -1.0}}
    assert len(nab.read(tmp_path, series_limit=1)) == 1


def test_a_window_at_no_row_is_refused(tmp_path: Path) -> None:
    write_nab(tmp_path)
    (tmp_path / "nab" / "windows.csv").write_text("series,window_start_s,window_end_s\nodd,5,9\n")
    with pytest.raises(TraceRefused, match="odd has no row at 5"):
        nab.read(tmp_path)
