"""Figures the authors published, computed from the expected results in their repository: what a run must reproduce."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hydatis_core.errors import TraceRefused
from numpy.typing import NDArray

from hydatis_simulator.traces.arrow import read_text
from hydatis_simulator.traces.folder import trace_folder

__all__ = ["FILE_NAME", "Published", "read_published"]

FILE_NAME = "fgd_peer_results.csv"
_NUMBERS = ("arrived_gpu_pct", "gpu_alloc_pct_mean", "gpu_alloc_pct_std", "frag_gpu_pct_mean")
_COLUMNS = ("pod_list", "policy", *_NUMBERS, "frag_gpu_pct_std", "frag_ratio_pct_mean", "frag_ratio_pct_std")


@dataclass(frozen=True, slots=True)
class Published:
    """Mean over the authors' ten seeds."""

    gpu_allocated_pct: float
    """GPU given, % of the cluster's."""
    gpu_allocated_std_pct: float
    """Standard deviation over the seeds."""
    gpu_fragmented_pct: float
    """Fragmented GPU, % of the cluster's."""


def read_published(folder: Path) -> dict[tuple[str, str, int], Published]:
    """Figures by (list, policy, % arrived); empty where the folder has none.

    Raises:
        TraceRefused: the file lacks a column or has a line that is none of its.
    """
    path = trace_folder("openb", folder) / FILE_NAME
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8") as file:
        header = file.readline().strip()
    if header != ",".join(_COLUMNS):
        raise TraceRefused(f"{path} has the columns {header}", field=FILE_NAME, expected=",".join(_COLUMNS))
    found: dict[tuple[str, str, int], Published] = {}
    for block in read_text(path, _COLUMNS, keep=("pod_list", "policy", *_NUMBERS), text=("pod_list", "policy"), skip_lines=1):
        if block.unparsable_count:
            raise TraceRefused(f"{path} has {block.unparsable_count} damaged lines", field=FILE_NAME)
        numbers: NDArray[np.float64] = np.stack([block.columns[name] for name in _NUMBERS], axis=1)
        for pod_list, policy, row in zip(block.columns["pod_list"], block.columns["policy"], numbers, strict=True):
            found[str(pod_list), str(policy), round(float(row[0]))] = Published(*(float(value) for value in row[1:]))
    return found
