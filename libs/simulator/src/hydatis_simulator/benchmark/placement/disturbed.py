"""Fleets that something happens to: a burst, classes nobody has seen, use that drifts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.seeds import generator
from numpy.typing import NDArray

from hydatis_simulator.arena.fleet import Fleet

__all__ = ["COLD_SECONDS", "DRIFT_FACTOR", "burst", "cold_start", "drift", "half_of_the_workloads"]

#: Cold pods come in the first so many seconds of arrivals: what is known of them is as old at most.
COLD_SECONDS = 2 * 3600.0
DRIFT_FACTOR = 1.5


def half_of_the_workloads(fleet: Fleet, seed: int) -> NDArray[np.bool_]:
    """shape (pods,): pods of a half of the workloads, drawn by the seed; copies stay together."""
    names = np.unique(fleet.workloads)
    chosen = generator(seed, "placement/half").permutation(names)[: max(names.size // 2, 1)]
    return np.isin(fleet.workloads, chosen)


def burst(fleet: Fleet, pods_count: int) -> Fleet:
    """The last pods come within the last sample before the judged time: nobody can measure what they do before they are all there.

    Args:
        fleet: the fleet.
        pods_count: how many; fewer than all.

    Raises:
        InvalidValue: no pod would come before them.
    """
    if not 0 < pods_count < fleet.pods_count:
        raise InvalidValue(f"a burst of {pods_count} of {fleet.pods_count} pods", field="pods_count", expected="fewer than all")
    end = fleet.judged_from_step * fleet.step_seconds
    arrivals = np.minimum(fleet.arrival_seconds, end - fleet.step_seconds)
    arrivals[-pods_count:] = end - fleet.step_seconds * (1.0 - np.arange(pods_count) / pods_count)
    return replace(fleet, arrival_seconds=arrivals)


def cold_start(fleet: Fleet, seed: int) -> Fleet:
    """Half of the workloads have no history, and arrive first, within two hours."""
    cold = half_of_the_workloads(fleet, seed)
    usage = fleet.usage.copy()
    usage[:, cold, : fleet.history_steps] = np.nan
    first = fleet.history_steps * fleet.step_seconds
    arrivals = fleet.arrival_seconds.copy()
    window = fleet.judged_from_step * fleet.step_seconds - first
    arrivals[cold] = first + (arrivals[cold] - first) * min(COLD_SECONDS / window, 1.0)
    order = np.argsort(arrivals, kind="stable")
    return Fleet(
        name=fleet.name,
        step_seconds=fleet.step_seconds,
        history_steps=fleet.history_steps,
        judged_from_step=fleet.judged_from_step,
        usage=usage[:, order],
        requests=fleet.requests[:, order],
        limits=fleet.limits[:, order],
        arrival_seconds=arrivals[order],
        workloads=fleet.workloads[order],
    )


def drift(fleet: Fleet, seed: int) -> Fleet:
    """Half of the workloads use half as much again from the judged time on."""
    usage = fleet.usage.copy()
    usage[:, half_of_the_workloads(fleet, seed), fleet.judged_from_step :] *= DRIFT_FACTOR
    return replace(fleet, usage=usage)
