"""Requests from what workloads used: the saving that stock Kubernetes can have without a new scheduler.

    request = margin * quantile of the pod's own history        CPU: 95th percentile, 1.15; memory: maximum, 1.20

Memory is killed where CPU is only slowed, hence the maximum and the wider margin (15 % is the default of the Vertical Pod
Autoscaler). Never more than was asked for before, never less than 0.025 cores and 250 MiB (the autoscaler's floors). A pod without
a known past keeps what it asked for.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hydatis_simulator.arena.fleet import Fleet

__all__ = ["right_sized"]

#: CPU, memory.
PERCENTS = (95.0, 100.0)
MARGINS = (1.15, 1.20)
FLOORS = (0.025, 250 * 2.0**20)


def right_sized(fleet: Fleet) -> Fleet:
    """The fleet with requests from its history; limits stay."""
    requests = fleet.requests.copy()
    for resource in range(len(requests)):
        history = fleet.usage[resource, :, : fleet.history_steps]
        known = ~np.isnan(history).all(axis=1)
        wanted = MARGINS[resource] * np.nanpercentile(history[known], PERCENTS[resource], axis=1)
        requests[resource, known] = np.minimum(np.maximum(wanted, FLOORS[resource]), fleet.requests[resource, known])
    return replace(fleet, requests=requests)
