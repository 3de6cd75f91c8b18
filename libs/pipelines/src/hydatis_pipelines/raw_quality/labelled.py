"""Rules of the sets with labelled anomalies: smd, asd (scaled metrics by step) and nab (one value by Unix time).

Their files of tests have a column more than those of training, so each is a table of its own.
"""

from __future__ import annotations

from hydatis_lifecycle.quality.rules import ColumnRule, SeriesRule, TableRules

from hydatis_pipelines.raw_quality.units import unix_seconds

__all__ = ["ASD_TABLES", "NAB_TABLES", "SMD_TABLES"]

#: In the order of the source.
SMD_METRICS = [
    "cpu_r",
    "load_1",
    "load_5",
    "load_15",
    "mem_shmem",
    "mem_u",
    "mem_u_e",
    "total_mem",
    "disk_q",
    "disk_r",
    "disk_rb",
    "disk_svc",
    "disk_u",
    "disk_w",
    "disk_wa",
    "disk_wb",
    "si",
    "so",
    "eth1_fi",
    "eth1_fo",
    "eth1_pi",
    "eth1_po",
    "tcp_tw",
    "tcp_use",
    "active_opens",
    "curr_estab",
    "in_errs",
    "in_segs",
    "listen_overflows",
    "out_rsts",
    "out_segs",
    "passive_opens",
    "retransegs",
    "tcp_timeouts",
    "udp_in_dg",
    "udp_out_dg",
    "udp_rcv_buf_errs",
    "udp_snd_buf_errs",
]
_LABEL = ColumnRule("is_anomaly", "integer", low=0, high=1)


def _scaled(name: str, machine: str, step: str, metrics: list[str]) -> tuple[TableRules, ...]:
    columns = (
        ColumnRule(machine, "text"),
        ColumnRule(step, "integer", low=0),
        *(ColumnRule(f"{metric}_minmax01", low=0, high=1) for metric in metrics),
    )
    series = SeriesRule((machine,), step, 1.0)
    return (
        TableRules(f"{name}_train", "train.parquet", columns, series=series),
        TableRules(f"{name}_test", "test.parquet", (*columns, _LABEL), series=series),
    )


SMD_TABLES = _scaled("smd", "machine_id", "step_1min", SMD_METRICS)
ASD_TABLES = _scaled("asd", "server_id", "step_5min", [f"metric_{number:02d}" for number in range(1, 20)])
NAB_TABLES = (
    TableRules(
        "nab",
        "series.parquet",
        (
            ColumnRule("series", "text"),
            ColumnRule("timestamp_s", "integer"),
            ColumnRule("value", low=0),
            ColumnRule("in_anomaly_window", "integer", low=0, high=1),
            ColumnRule("is_label_point", "integer", low=0, high=1),
        ),
        series=SeriesRule(("series",), "timestamp_s", 300.0, silent_steps=0, unix=True),
        units=(unix_seconds("timestamp_s"),),
    ),
)
