"""What is run: a cell, one policy placing one fleet on one number of nodes; its name says all of it, so that it is run once."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["BURST", "TEST", "TUNING", "Cell", "Figures", "FleetSpec", "Settings"]

TUNING, TEST = "tuning", "test"
#: Disturbance of E3: this and the number of pods.
BURST = "burst-"

Settings = tuple[tuple[str, float], ...]
#: Figures of a cell, as JSON holds them.
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """A fleet that can be built again."""

    part: str
    """TUNING or TEST: which days and machines."""
    seed: int
    """Of arrivals, which copies, which half is disturbed, ties."""
    pods_count: int
    half: str = ""
    """a or b: that half of the machines; empty: all."""
    right_sized: bool = False
    """Requests from history in place of those provisioned."""
    disturbance: str = ""
    """cold, drift, second-wave, or BURST and a number; empty: none."""
    sized: bool = False
    """Requests as ``hydatis_sizing`` advises at arrival, where it knows enough."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One run."""

    fleet: FleetSpec
    policy: str
    settings: Settings
    """Knobs by name, in order; what is left out is as published."""
    nodes_count: int
    requests_bind: bool
    fault: str = ""
    """A name of METRIC_FAULTS; empty: none."""
    by_node: bool = False
    """Figures of each node are kept too."""
    relief: str = ""
    """A name of DESTINATIONS: nodes are relieved after placement; empty: they are not."""
    resized: bool = False
    """The first of two waves is resized before the second comes."""

    def key(self) -> str:
        """Equal for equal cells alone."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
