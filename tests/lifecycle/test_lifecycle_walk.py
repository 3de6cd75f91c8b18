"""From a folder of raw data to signed models with their lineage, by commands as a user types them; what they said can be kept.

``HYDATIS_LIFECYCLE_TRANSCRIPT=FILE`` keeps the transcript that docs/lifecycle shows.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

START, MACHINES, STEPS = 1_372_629_600, 16, 2 * 288


class Walk:
    """A shell that finds hydatis, in a folder of its own.

    Args:
        folder: where commands run.
        data: the traces, as HYDATIS_DATA.
    """

    def __init__(self, folder: Path, data: Path) -> None:
        programs = folder / "bin"
        programs.mkdir(parents=True)
        (programs / "hydatis").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hydatis_cli.main "$@"\n')
        (programs / "hydatis").chmod(0o755)
        bare = {name: value for name, value in os.environ.items() if not name.startswith(("HYDATIS_", "OPENLINEAGE_"))}
        self._environment = bare | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HYDATIS_DATA": str(data),
            "COLUMNS": "140",
            "TZ": "UTC",
        }
        self.folder = folder
        self._said: list[str] = []

    @property
    def text(self) -> str:
        """Everything so far."""
        return "\n".join(self._said) + "\n"

    def step(self, title: str) -> None:
        """Begins a part."""
        self._said.append(f"\n# {title}")

    def run(self, command: str, *, fails: bool = False) -> str:
        """Runs a command and returns what it said."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment,
            cwd=self.folder,
        )
        said = re.sub(r"\n{2,}", "\n", (done.stdout + done.stderr).strip())
        self._said += [f"$ {command}", *([said] if said else [])]
        assert (done.returncode != 0) == fails, f"{command}: {said}"
        return said


def write_traces(folder: Path) -> None:
    """Two days of sixteen machines in the layout of Bitbrains, with an hour that one of them lacks."""
    random = np.random.default_rng(2)
    machine, tick = np.repeat(np.arange(MACHINES), STEPS), np.tile(np.arange(STEPS), MACHINES)
    load = np.clip(25 + 15 * np.sin(tick / 40 + machine) + random.normal(0, 2, machine.size), 0.1, 100)
    columns = {
        "vm_id": machine.astype(np.int16),
        "timestamp_s": (START + 300 * tick).astype(np.int32),
        "cpu_cores": np.full(machine.size, 4, dtype=np.int16),
        "cpu_capacity_mhz": np.full(machine.size, 10_000, dtype=np.float32),
        "cpu_usage_mhz": (load * 100).astype(np.float32),
        "cpu_usage_pct": load.astype(np.float32),
        "memory_capacity_kib": np.full(machine.size, 2**23, dtype=np.float32),
        "memory_usage_kib": np.abs(random.normal(2e6, 1e5, machine.size)).astype(np.float32),
    }
    for name in ("disk_read", "disk_write", "net_received", "net_transmitted"):
        columns[f"{name}_kib_per_s"] = np.abs(random.normal(100, 10, machine.size)).astype(np.float32)
    (folder / "bitbrains").mkdir(parents=True)
    there = ~((machine == 3) & (tick >= 100) & (tick < 112))
    pq.write_table(
        pa.table({name: values[there] for name, values in columns.items()}), folder / "bitbrains" / "rnd_2013-07.parquet"
    )


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    write_traces(tmp_path / "traces")
    walking = Walk(tmp_path / "work", tmp_path / "traces")
    yield walking
    if kept := os.environ.get("HYDATIS_LIFECYCLE_TRANSCRIPT"):
        Path(kept).write_text(walking.text.replace(f"{tmp_path}/work/", "").replace(f"{tmp_path}/", ""))


def test_from_raw_data_to_signed_models_and_back_by_their_lineage(walk: Walk) -> None:
    walk.step("Data: versions, and what is wrong with them")
    assert "1.0.0" in walk.run("hydatis data register bitbrains ../traces/bitbrains")
    assert "missing" in walk.run("hydatis data check --trace bitbrains --data ../traces")

    walk.step("From the raw trace to registered models")
    walk.run("hydatis pipeline run --effort smoke --days 2 --pods 24 --threads 1 2>/dev/null")
    walk.run("hydatis models list")
    walk.run("hydatis models verify")

    walk.step("Where they came from")
    listed = walk.run("hydatis lineage list --kind artifact")
    name = next(word for word in ("cpu-forecaster", "memory-forecaster", "anomaly-detector", "placement-policy") if word in listed)
    shown = walk.run(f"hydatis lineage show {name} --html lineage.html --svg lineage.svg")
    for step in ("register", "evaluate", "train-", "build-dataset", "make-workload", "register-dataset"):
        assert step in shown
    assert "deployment" in walk.run(f"hydatis lineage show {name} --downstream")
    assert f"serving/{name}" in (walk.folder / "lineage.html").read_text()
    assert (walk.folder / "hydatis-state" / "lifecycle" / "openlineage.jsonl").exists()
    walk.run("hydatis lineage export --format openlineage --out events.jsonl")
    assert len((walk.folder / "events.jsonl").read_text().splitlines()) > 10
