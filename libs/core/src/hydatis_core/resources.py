"""Amounts of what a scheduler accounts for: CPU, memory and GPU.

These are amounts that were *asked for* or that *exist*, where absent means zero. What was measured lives in arrays, where absent
is NaN: the two must never be mixed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hydatis_core.errors import InvalidValue

__all__ = ["Resources"]


@dataclass(frozen=True, slots=True)
class Resources:
    """Amounts of resources, each finite and >= 0.

    Raises:
        InvalidValue: an amount is negative, NaN or infinite, or the GPU share is not within 0..1000.
    """

    cpu_cores: float = 0.0
    """CPU in cores; 0.25 is 250m."""
    memory_bytes: float = 0.0
    """Memory in bytes."""
    gpu_count: int = 0
    """GPU devices: those a pod takes, or those a node has."""
    gpu_milli_per_device: int = 0
    """Share a pod takes of each device, 0..1000 thousandths; 0 for a node."""

    def __post_init__(self) -> None:
        for name in ("cpu_cores", "memory_bytes", "gpu_count", "gpu_milli_per_device"):
            amount = getattr(self, name)
            if not math.isfinite(amount) or amount < 0:
                raise InvalidValue(f"{amount!r} is not an amount", field=name, expected="a finite number >= 0")
        if self.gpu_milli_per_device > 1000:
            raise InvalidValue(
                f"{self.gpu_milli_per_device} is more than a device", field="gpu_milli_per_device", expected="0 to 1000"
            )

    def __add__(self, other: Resources) -> Resources:
        """Sum of CPU, memory and GPU devices; the share per device is the larger one."""
        return Resources(
            self.cpu_cores + other.cpu_cores,
            self.memory_bytes + other.memory_bytes,
            self.gpu_count + other.gpu_count,
            max(self.gpu_milli_per_device, other.gpu_milli_per_device),
        )
