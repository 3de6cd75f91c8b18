"""What nodes may hold: allocatable times the thresholds, the unit that laws of use are added up in."""

from __future__ import annotations

import numpy as np
from hydatis_features.table import NodeTable
from hydatis_features.use_law import ROOM_RATIOS
from numpy.typing import NDArray

__all__ = ["rooms_of"]


def rooms_of(table: NodeTable) -> NDArray[np.float64]:
    """shape (nodes, 2), float64, cores and bytes: allocatable x ``ROOM_RATIOS``.

    Infinite where a node has none of it or it is not known: nothing loads such a node; its requests say that nothing fits on it.
    """
    names = ("cpu_allocatable_cores", "memory_allocatable_bytes")
    allocatable = np.stack([table.column(name) for name in names], axis=1).astype(np.float64)
    return np.where(allocatable > 0, allocatable * ROOM_RATIOS, np.inf)
