"""The limits that every placement is judged by, in replays and in the arena.

They are those of the reference protocol and of nobody's placement: a policy that aims lower or higher (``ROOM_RATIOS`` of
``hydatis_features.use_law``, the filter's thresholds) is judged by the same limits, so that tuning one never moves the yardstick.
"""

from __future__ import annotations

__all__ = ["CPU_LIMIT_RATIO", "MEMORY_LIMIT_RATIO"]

#: A node above this share of its allocatable CPU is overloaded.
CPU_LIMIT_RATIO = 0.90
#: A node above this share of its allocatable memory is overloaded.
MEMORY_LIMIT_RATIO = 0.95
