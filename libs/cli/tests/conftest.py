"""Fixtures of the commands' tests: a folder laid out as the published trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

START, STEP, DAY = 1_372_629_600, 300, 288


@pytest.fixture(scope="session")
def write_months() -> Callable[..., Path]:
    def write(folder: Path, days: int, machines: int) -> Path:
        """Machines of two cores and 4 GiB with a daily wave and bursts, laid out as the published trace."""
        random = np.random.default_rng(1)
        steps = np.arange(days * DAY)
        columns = {
            "vm_id": np.repeat(np.arange(1, machines + 1), steps.size),
            "timestamp_s": np.tile(START + steps * STEP, machines),
        }
        samples = len(columns["vm_id"])
        wave = 25.0 + 15.0 * np.sin(2 * np.pi * columns["timestamp_s"] / 86400)
        columns |= {
            "cpu_cores": np.full(samples, 2),
            "cpu_capacity_mhz": np.full(samples, 5200.0),
            "cpu_usage_pct": wave + np.where(random.random(samples) < 0.02, 50.0, 0.0),
            "memory_capacity_kib": np.full(samples, 4.0 * 2**20),
            "memory_usage_kib": 2.0**20 * (1.0 + np.repeat(random.random(machines), steps.size)),
        }
        columns["cpu_usage_mhz"] = columns["cpu_usage_pct"] * 52.0
        for name in ("net_received", "net_transmitted", "disk_read", "disk_write"):
            columns[f"{name}_kib_per_s"] = np.zeros(samples)
        (folder / "bitbrains").mkdir(parents=True)
        pq.write_table(pa.table(columns), folder / "bitbrains" / "rnd_2013-07.parquet")
        return folder

    return write
