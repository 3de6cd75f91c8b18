"""The table of outcomes: which figures people compare, and how they are written.

One list, for the terminal and for the report. The best value of a row stands out only where one direction is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_simulator.outcomes import OUTCOME_FIGURES, Outcome

__all__ = ["OutcomeRow", "outcome_rows"]

_BY_NAME = {figure.name: figure for figure in OUTCOME_FIGURES}

#: Figures shown, their label, and how to write one: a format and a factor.
SHOWN: tuple[tuple[str, str, str, float], ...] = (
    ("placed_count", "pods placed", "{:.0f}", 1),
    ("pending_count", "pods pending at the end", "{:.0f}", 1),
    ("wait_p99_seconds", "wait p99, s", "{:.0f}", 1),
    ("nodes_used_mean_count", "nodes used, mean", "{:.1f}", 1),
    ("cpu_load_mean_ratio", "CPU demand, mean %", "{:.1f}", 100),
    ("cpu_load_p99_ratio", "CPU demand, p99 %", "{:.1f}", 100),
    ("cpu_load_max_ratio", "CPU demand, worst %", "{:.1f}", 100),
    ("cpu_overload_node_minutes", "CPU overload, node-minutes", "{:.0f}", 1),
    ("cpu_overload_severity_ratio", "CPU overload severity, %", "{:.1f}", 100),
    ("cpu_imbalance_std_ratio", "CPU imbalance (std), %", "{:.2f}", 100),
    ("throttled_core_seconds", "CPU throttled, core-seconds", "{:.0f}", 1),
    ("memory_load_mean_ratio", "memory demand, mean %", "{:.1f}", 100),
    ("memory_load_p99_ratio", "memory demand, p99 %", "{:.1f}", 100),
    ("memory_overload_node_minutes", "memory overload, node-minutes", "{:.0f}", 1),
    ("memory_imbalance_std_ratio", "memory imbalance (std), %", "{:.2f}", 100),
    ("oom_count", "out-of-memory kills", "{:.0f}", 1),
)


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One row of the table."""

    label: str
    text: str
    """What the figure is, in a sentence."""
    cells: tuple[str, ...]
    """One per outcome; a dash where the figure does not exist."""
    best: tuple[bool, ...]
    """Which cells are the best, where one direction is better and they differ."""


def outcome_rows(outcomes: Sequence[Outcome]) -> list[OutcomeRow]:
    """Rows over the outcomes, in the order of ``SHOWN``."""
    rows = []
    for name, label, form, factor in SHOWN:
        values = np.array([outcome.figures.get(name, np.nan) for outcome in outcomes], dtype=float)
        cells = tuple("-" if np.isnan(value) else form.format(value * factor) for value in values)
        figure = _BY_NAME[name]
        best = np.zeros(len(values), dtype=bool)
        if figure.better and len(set(cells)) > 1 and not np.isnan(values).all():
            target = np.nanmin(values) if figure.better == "lower" else np.nanmax(values)
            best = np.array([cell == form.format(target * factor) for cell in cells])
        rows.append(OutcomeRow(label, figure.text, cells, tuple(bool(b) for b in best)))
    return rows
