"""The figures of `hydatis bench sizing`: as tables, as a page with curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from rich.table import Table

__all__ = ["sizing_page", "sizing_tables"]

#: Column, figure of the backtest, what it is multiplied by, decimals.
_COLUMNS = (
    ("CPU asked, % of provisioned", "cpu_requested_ratio", 100, 1),
    ("time above, %", "cpu_time_above_ratio", 100, 2),
    ("work above, %", "cpu_work_above_ratio", 100, 2),
    ("memory asked, %", "memory_requested_ratio", 100, 1),
    ("time above, %", "memory_time_above_ratio", 100, 3),
    ("limits, %", "memory_limited_ratio", 100, 1),
    ("kills in 100 pod-days", "kills_per_100_pod_days", 1, 2),
    ("pods ever killed, %", "pods_killed_ratio", 100, 0),
)


def sizing_tables(figures: Mapping[str, Any]) -> list[Table]:
    """Two tables: days replayed, nodes needed. A star marks what is published or shipped."""
    replayed = Table("method", *(column for column, *_ in _COLUMNS), title="Pods sized every midnight, and the day that followed")
    methods = figures["methods"]
    for name, found in methods.items():
        values = (f"{found['backtest'][key] * times:.{digits}f}" for _, key, times, digits in _COLUMNS)
        replayed.add_row(_starred(name, found), *values)
    needed = Table("requests", "0.1 %", "1 %", "5 %", title="Nodes by violation allowed, mean over fleets, LeastAllocated places")
    for name, counts in figures["unsized_nodes"].items():
        needed.add_row(name, *_means(counts))
    for name, found in methods.items():
        needed.add_row(_starred(name, found), *_means(found["nodes"]))
    return [replayed, needed]


def _starred(name: str, found: Mapping[str, Any]) -> str:
    return f"{name} *" if found["is_default"] else name


def _means(counts: Sequence[Mapping[str, int | None]]) -> list[str]:
    """Mean over fleets by allowed violation; "never" where a fleet found no number of nodes."""
    shown = []
    for ratio in counts[0]:
        found = [one[ratio] for one in counts]
        known = [nodes for nodes in found if nodes is not None]
        shown.append(f"{sum(known) / len(known):.1f}" if len(known) == len(found) else "never")
    return shown


def sizing_page(figures: Mapping[str, Any]) -> str:
    """One self-contained page: curves of savings against harm, and the tables."""
    memory, cpu = go.Figure(), go.Figure()
    families = dict.fromkeys(found["family"] for found in figures["methods"].values())
    for family in families:
        points = {name: found["backtest"] for name, found in figures["methods"].items() if found["family"] == family}
        for plot, saved, harm in (
            (memory, "memory_requested_ratio", "kills_per_100_pod_days"),
            (cpu, "cpu_requested_ratio", "cpu_work_above_ratio"),
        ):
            ordered = sorted(points.items(), key=lambda point, saved=saved: point[1][saved])  # type: ignore[misc]
            plot.add_trace(
                go.Scatter(
                    x=[100 * (1 - found[saved]) for _, found in ordered],
                    y=[found[harm] * (100 if harm.endswith("ratio") else 1) for _, found in ordered],
                    text=[name for name, _ in ordered],
                    name=family,
                    mode="lines+markers",
                )
            )
    memory.update_layout(title="Memory: savings against kills", template="plotly_white", height=420)
    memory.update_yaxes(title_text="kills in 100 pod-days", type="log")
    cpu.update_layout(title="CPU: savings against work beyond requests", template="plotly_white", height=420)
    cpu.update_yaxes(title_text="% of the work")
    parts = [f"<p><code>{escape(figures['command'])}</code></p>"]
    for plot in (memory, cpu):
        plot.update_xaxes(title_text="saved, % of what was provisioned")
        parts.append(str(plot.to_html(full_html=False, include_plotlyjs=False)))
    for table in sizing_tables(figures):
        rows = zip(*(column.cells for column in table.columns), strict=True)
        head = "".join(f"<th>{escape(str(column.header))}</th>" for column in table.columns)
        body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
        parts.append(f"<h2>{escape(str(table.title))}</h2><table><tr>{head}</tr>{body}</table>")
    style = "body{font-family:system-ui,sans-serif;margin:2em}td,th{padding:.2em .8em;text-align:right}"
    return (
        f"<!doctype html><html><head><meta charset='utf-8'><title>Right-sizing</title><style>{style}</style>"
        f"<script>{get_plotlyjs()}</script></head><body><h1>Right-sizing</h1>{''.join(parts)}</body></html>"
    )
