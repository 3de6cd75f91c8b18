"""SMD, the Server Machine Dataset: 38 metrics a minute, with the metrics that the labellers found responsible.

Su et al., KDD 2019 (OmniAnomaly).
"""

from __future__ import annotations

from hydatis_simulator.labelled.tables import Layout

__all__ = ["SMD"]

SMD = Layout("smd", "machine_id", "step_1min", 60.0, end_inclusive=False)
