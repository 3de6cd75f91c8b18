"""E7 within the placement benchmark: the GPU arena with its published protocol, on the list `default`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hydatis_simulator.benchmark.fragmentation.experiment import run_fragmentation
from hydatis_simulator.benchmark.fragmentation.openb import read_nodes, read_workload
from hydatis_simulator.benchmark.fragmentation.policies import POLICIES
from hydatis_simulator.benchmark.fragmentation.protocol import SEEDS
from hydatis_simulator.benchmark.fragmentation.published import read_published

__all__ = ["FRAGMENTATION", "fragmentation_figures"]

FRAGMENTATION = {"E7": "fragmentation of GPUs, openb"}
POD_LIST = "default"
ARRIVED_PCT = 100


def fragmentation_figures(data: Path, seeds_count: int, quick: bool, progress: Callable[[int, int, str], None]) -> dict[str, Any]:
    """GPU allocation at 100 % arrived, by policy; quick: three policies, one seed."""
    seeds = SEEDS[: 1 if quick else seeds_count]
    policies = [name for name in POLICIES if not quick or name in ("Random", "BestFit", "FGD")]
    lists = {POD_LIST: read_workload(data, POD_LIST)}
    found = run_fragmentation(read_nodes(data), lists, policies=policies, seeds=seeds, progress=progress)
    published = read_published(data)
    rows = {}
    for name in policies:
        allocated = found.allocated_pct(POD_LIST, name, ARRIVED_PCT)
        theirs = published.get((POD_LIST, name, ARRIVED_PCT))
        rows[name] = {
            "gpu_allocated_pct": float(np.nanmean(allocated)),
            "by_seed": allocated.tolist(),
            "published_pct": theirs.gpu_allocated_pct if theirs else None,
        }
    return {"pod_list": POD_LIST, "arrived_pct": ARRIVED_PCT, "seeds": list(seeds), "policies": rows}
