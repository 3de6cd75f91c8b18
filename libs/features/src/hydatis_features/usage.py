"""The metrics that are measured of a node and of a pod: what enters the window transforms.

Every sample of a node is one float32 per metric, in the order of ``METRICS``; NaN means that it was not measured. CPU and memory
are amounts here (cores, bytes) and become shares of allocatable in the transforms.
"""

from __future__ import annotations

__all__ = ["METRICS", "POD_METRICS"]

#: What one scrape measures of a node, in column order.
METRICS: tuple[str, ...] = (
    "cpu_used_cores",
    "memory_used_bytes",
    "network_receive_bytes_per_second",
    "network_transmit_bytes_per_second",
    "disk_read_bytes_per_second",
    "disk_write_bytes_per_second",
)

#: What one scrape measures of a pod, in column order.
POD_METRICS: tuple[str, ...] = ("cpu_used_cores", "memory_used_bytes")
