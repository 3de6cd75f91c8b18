"""ASD, the Application Server Dataset: 19 unnamed metrics every five minutes.

Li et al., KDD 2021 (InterFusion).
"""

from __future__ import annotations

from hydatis_simulator.labelled.tables import Layout

__all__ = ["ASD"]

ASD = Layout("asd", "server_id", "step_5min", 300.0, end_inclusive=True)
