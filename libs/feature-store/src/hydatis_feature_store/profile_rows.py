"""Workload profiles as rows of the view ``workload_profiles``, and nothing else: the order of their fields is told here once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_features.profile_summaries import HOURS, WorkloadProfile
from numpy.typing import NDArray

from hydatis_feature_store.stored_views import WORKLOAD_PROFILES

__all__ = ["profile_rows"]


def profile_rows(profiles: Sequence[WorkloadProfile]) -> NDArray[np.float32]:
    """Rows of profiles, shape (profiles, columns of the view), float32; NaN: unknown."""
    unknown_hours = (float("nan"),) * HOURS
    rows = [
        (
            profile.sample_weight,
            *profile.use_per_request_ratio,
            *(profile.cpu_hour_factor or unknown_hours),
            *profile.effective_use_ratio,
        )
        for profile in profiles
    ]
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(WORKLOAD_PROFILES.names))
