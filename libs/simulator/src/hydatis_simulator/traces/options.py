"""What a caller chooses when a trace is read: which days, which machines, how they become pods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.seeds import generator, stable_fraction

from hydatis_simulator.workload_shape import WorkloadShape

__all__ = ["TraceOptions"]


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """The choice of a part of a trace.

    Raises:
        InvalidValue: a number is out of range.
    """

    shape: WorkloadShape
    """How machines become pods; its seed is the trace's."""
    start_day: int = 0
    """First day, counted from the first of the trace."""
    days: int | None = None
    """How many days; None: to the end."""
    machine_share: tuple[float, float] = (0.0, 1.0)
    """Machines whose stable fraction (of their name) lies in [low, high): (0, 0.7) and (0.7, 1) share no machine."""
    pod_list: str = "default"
    """Which list of pods (openb)."""
    node_list: str = "gpu_node"
    """Which list of nodes (openb)."""

    def __post_init__(self) -> None:
        if self.start_day < 0:
            raise InvalidValue(f"{self.start_day} is not a day", field="start_day", expected="0 or more")
        if self.days is not None and self.days < 1:
            raise InvalidValue(f"{self.days} is not a number of days", field="days", expected="1 or more")
        low, high = self.machine_share
        if not 0 <= low < high <= 1:
            raise InvalidValue(
                f"{self.machine_share!r} is not a range of shares", field="machine_share", expected="0 <= low < high <= 1"
            )

    def choose(self, trace: str, names: list[str]) -> list[str]:
        """The machines to read, in the order given: those of the share, and no more than pods are wanted (seeded choice)."""
        low, high = self.machine_share
        kept = [name for name in names if low <= stable_fraction(name, salt=trace) < high]
        wanted = self.shape.pod_count
        if wanted is None or wanted >= len(kept):
            return kept
        chosen = generator(self.shape.seed, f"trace/{trace}/machines").choice(len(kept), wanted, replace=False)
        return [kept[int(i)] for i in np.sort(chosen)]
