"""The moving-window recommenders of Google's Autopilot for serving jobs.

Rzadca et al., "Autopilot: workload autoscaling at Google", EuroSys 2020, section 3.2: CPU is the 95th percentile of load, each
sample weighted by age (half-life 12 h) and by its own size, so that it says "so much of the work is done at or below"; memory is
the 98th percentile of samples (half-life 48 h) for jobs that bear being killed now and then, the maximum for those that do not;
both with a margin of 10 to 15 %, here 15 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hydatis_sizing.past import Past
from hydatis_sizing.rivals.weighted_percentile import age_weights, weighted_percentile
from hydatis_sizing.sizes import Sizes

__all__ = ["Autopilot"]

_DAYS, _CPU_HALF_LIFE_DAYS, _MEMORY_HALF_LIFE_DAYS = 14, 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Autopilot:
    """Its moving windows.

    Args:
        cpu_percent: of load, 0 < percent <= 100.
        memory_percent: of samples; 100: the maximum.
        margin_ratio: on top, >= 0.
    """

    cpu_percent: float = 95.0
    memory_percent: float = 98.0
    margin_ratio: float = 0.15

    def size(self, past: Past) -> Sizes:
        """The limit follows the request."""
        recent = past.newest(_DAYS)
        days, samples = recent.cpu_cores.shape[1:]
        load = recent.cpu_cores.reshape(-1, days * samples)
        cpu = weighted_percentile(
            load, np.nan_to_num(load) * age_weights(days, samples, _CPU_HALF_LIFE_DAYS).ravel(), self.cpu_percent
        )
        # A pod that used no CPU has no load to weigh by: it needs none.
        cpu = np.where(np.isnan(cpu) & ~np.isnan(load).all(axis=1), 0.0, cpu)
        used = recent.memory_bytes.reshape(-1, days * samples)
        memory = weighted_percentile(used, age_weights(days, samples, _MEMORY_HALF_LIFE_DAYS).ravel(), self.memory_percent)
        requests = (1 + self.margin_ratio) * np.stack([cpu, memory])
        return Sizes(requests, requests[1])
