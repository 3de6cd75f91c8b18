"""What would have happened: pods sized every midnight from what was known then, and the day that followed.

A pod that is killed at its memory limit comes back with the bump of ``memory_request`` and may be killed again, until it fits or
has what its owner asked for; above that nobody is to blame. CPU above the request is not cut off, but no longer promised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from numpy.typing import NDArray

from hydatis_sizing.memory_request import bumped
from hydatis_sizing.past import Past
from hydatis_sizing.sizes import Method

__all__ = ["WINDOW_DAYS", "Outcome", "backtest"]

#: How far back a method sees.
WINDOW_DAYS = 28


@dataclass(frozen=True, slots=True)
class Outcome:
    """Sums over pod-days that were sized and used. Ratios 0..1."""

    pod_days_count: int
    cpu_requested_ratio: float
    """CPU asked for over what owners provisioned."""
    memory_requested_ratio: float
    memory_limited_ratio: float
    """The limits of memory over what owners provisioned."""
    cpu_time_above_ratio: float
    """Samples with more CPU than asked for, over all."""
    cpu_work_above_ratio: float
    """CPU used beyond requests, over all that was used."""
    memory_time_above_ratio: float
    """Samples with more memory than asked for, over all."""
    kills_per_100_pod_days: float
    """Times that a pod passed a limit of its memory: several on its way to one peak."""
    killed_days_ratio: float
    """Pod-days with a kill, over all."""
    pods_killed_ratio: float
    """Pods that were killed at least once."""


def backtest(use: Past, method: Method, *, history_days: int) -> Outcome:
    """Sizes and judges day by day.

    Args:
        use: all days, without kills; use above what was provisioned is taken for that much.
        method: sizes.
        history_days: days before the first that is judged, > 0.

    Raises:
        InvalidValue: no day is left, or no pod was ever sized.
    """
    if not 0 < history_days < use.days_count:
        raise InvalidValue(f"{use.days_count} days with a past of {history_days}", field="history_days", expected="a day to judge")
    room = use.provisioned[:, :, None, None].astype(np.float32)
    cpu, memory = np.minimum(use.cpu_cores, room[0]), np.minimum(use.memory_bytes, room[1])
    killed_at = np.full(use.killed_at_bytes.shape, np.nan)
    asked, limited, had = np.zeros(2), 0.0, np.zeros(2)
    above, samples = np.zeros(2), np.zeros(2)
    work_above = work = 0.0
    kills = np.zeros(len(cpu), dtype=np.intp)
    pod_days = killed_days = 0
    for day in range(history_days, use.days_count):
        seen = slice(max(day - WINDOW_DAYS, 0), day)
        past = Past(cpu[:, seen], memory[:, seen], killed_at[:, seen], use.provisioned)
        sizes = method.size(past).within(use.provisioned)
        sized = ~np.isnan(sizes.requests).any(axis=0) & ~np.isnan(cpu[:, day]).all(axis=1)
        today = np.stack([cpu[sized, day], memory[sized, day]])
        requests, limits, provisioned = sizes.requests[:, sized], sizes.memory_limits[sized], use.provisioned[:, sized]
        over = (today > requests[:, :, None]) & (requests < provisioned)[:, :, None]
        above += over.sum(axis=(1, 2))
        samples += (~np.isnan(today)).sum(axis=(1, 2))
        work += float(np.nansum(today[0], dtype=np.float64))
        work_above += float((today[0] - requests[0][:, None])[over[0]].sum())
        asked += requests.sum(axis=1)
        limited += float(limits.sum())
        had += provisioned.sum(axis=1)
        pod_days += int(sized.sum())
        times, killed_at[sized, day] = _kills(np.nan_to_num(today[1]).max(axis=1), limits, provisioned[1])
        kills[sized] += times
        killed_days += int((times > 0).sum())
    if not pod_days:
        raise InvalidValue("no pod was ever sized", field="use", expected="an hour of samples before the day judged")
    return Outcome(
        pod_days_count=pod_days,
        cpu_requested_ratio=float(asked[0] / had[0]),
        memory_requested_ratio=float(asked[1] / had[1]),
        memory_limited_ratio=limited / float(had[1]),
        cpu_time_above_ratio=float(above[0] / samples[0]),
        cpu_work_above_ratio=work_above / work if work else 0.0,
        memory_time_above_ratio=float(above[1] / samples[1]),
        kills_per_100_pod_days=float(100 * kills.sum() / pod_days),
        killed_days_ratio=killed_days / pod_days,
        pods_killed_ratio=float((kills > 0).mean()),
    )


def _kills(
    peaks: NDArray[np.floating], limits: NDArray[np.float64], provisioned: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """How often each pod is killed on its way to its peak, and the last limit that was too low (NaN: none)."""
    count = np.zeros(len(peaks), dtype=np.intp)
    at = np.full(len(peaks), np.nan)
    limit = limits.copy()
    while (short := (peaks > limit) & (limit < provisioned)).any():
        count[short] += 1
        at[short] = limit[short]
        limit[short] = np.minimum(bumped(limit[short]), provisioned[short])
    return count, at
