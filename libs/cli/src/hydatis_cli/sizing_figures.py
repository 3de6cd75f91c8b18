"""The figures of `hydatis bench sizing`: as tables, as a page with curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from rich.table import Table

__all__ = ["sizing_page", "sizing_tables"]

#: Title; per column: heading, figure of the backtest, what it is multiplied by, decimals.
_REPLAYED = (
    (
        "CPU: pods sized every midnight, and the day that followed",
        (
            ("asked, % of provisioned", "cpu_requested_ratio", 100, 1),
            ("time above, %", "cpu_time_above_ratio", 100, 2),
            ("work above, %", "cpu_work_above_ratio", 100, 2),
        ),
    ),
    (
        "Memory: the same",
        (
            ("asked, % of provisioned", "memory_requested_ratio", 100, 1),
            ("limits, %", "memory_limited_ratio", 100, 1),
            ("time above, %", "memory_time_above_ratio", 100, 3),
            ("days with a kill, %", "killed_days_ratio", 100, 2),
            ("kills in 100 pod-days", "kills_per_100_pod_days", 1, 2),
        ),
    ),
)
#: Title, what is saved, what it costs, its axis, its factor.
_CURVES = (
    ("CPU: requests saved against work beyond them", "cpu_requested_ratio", "cpu_work_above_ratio", "% of the work", 100),
    ("CPU: requests saved against time above them", "cpu_requested_ratio", "cpu_time_above_ratio", "% of the time", 100),
    ("Memory: requests saved against days with a kill", "memory_requested_ratio", "killed_days_ratio", "% of pod-days", 100),
    ("Memory: limits saved against days with a kill", "memory_limited_ratio", "killed_days_ratio", "% of pod-days", 100),
)
_NOTE = "* as published, or as shipped. Further points of a method: other percentiles and margins."


def sizing_tables(figures: Mapping[str, Any]) -> list[Table]:
    """Days replayed, CPU and memory; risk stated and come; nodes needed. A star marks what is published or shipped."""
    tables, methods = [], figures["methods"]
    for title, columns in _REPLAYED:
        table = Table("method", *(column for column, *_ in columns), title=title, caption=_NOTE)
        for name, found in methods.items():
            values = (f"{found['backtest'][key] * times:.{digits}f}" for _, key, times, digits in columns)
            table.add_row(_starred(name, found), *values)
        tables.append(table)
    allowed = [f"{100 * float(ratio):g} %" for ratio in next(iter(figures["unsized_nodes"].values()))[0]]
    title = "Nodes by violation allowed: mean over fleets (least .. most)"
    needed = Table("requests", "placed by", *allowed, title=title, caption=_NOTE)
    bounds = [dict.fromkeys(allowed, nodes) for nodes in figures["owners_requests_bound_nodes"]]
    needed.add_row("the owners'", "bound: none takes fewer", *_spread(bounds))
    for policy, counts in figures["unsized_nodes"].items():
        needed.add_row("none, use alone", policy, *_spread(counts))
    for name, found in methods.items():
        for policy, counts in found["nodes"].items():
            needed.add_row(_starred(name, found), policy, *_spread(counts))
    return [*tables, _expected(figures["expected"]), needed]


def _expected(bins: Mapping[str, Sequence[Mapping[str, float]]]) -> Table:
    table = Table("risk", "pod-days", "stated, %", "came, %", title="What recommendations stated, and what came the day after")
    for name, rows in bins.items():
        # Memory's margin is the same for all, so are its fourths.
        for number, row in enumerate(rows if name == "cpu_above_ratio" else rows[:1]):
            shown = (f"{row['pod_days_count']}", *(f"{100 * row[key]:.3f}" for key in ("expected", "seen")))
            table.add_row(f"{name}, fourth {number} of {len(rows) - 1}" if number else name, *shown)
    return table


def _starred(name: str, found: Mapping[str, Any]) -> str:
    return f"{name} *" if found["is_default"] else name


def _spread(counts: Sequence[Mapping[str, int | None]]) -> list[str]:
    """Over fleets by allowed violation; "never" where a fleet found no number of nodes."""
    shown = []
    for ratio in counts[0]:
        found = [one[ratio] for one in counts]
        known = [nodes for nodes in found if nodes is not None]
        shown.append(f"{sum(known) / len(known):.1f} ({min(known)} .. {max(known)})" if len(known) == len(found) else "never")
    return shown


def _curve(methods: Mapping[str, Any], title: str, saved: str, harm: str, axis: str, factor: int) -> go.Figure:
    figure = go.Figure()
    for family in dict.fromkeys(found["family"] for found in methods.values()):
        points = [(found["backtest"], name, found["is_default"]) for name, found in methods.items() if found["family"] == family]
        points.sort(key=lambda point: float(point[0][saved]))
        figure.add_trace(
            go.Scatter(
                x=[100 * (1 - backtest[saved]) for backtest, _, _ in points],
                y=[factor * backtest[harm] for backtest, _, _ in points],
                text=[name for _, name, _ in points],
                name=family,
                mode="lines+markers",
                marker={"size": 9, "symbol": ["star" if is_default else "circle" for _, _, is_default in points]},
                hovertemplate="%{text}: %{x:.1f} % saved, %{y:.2f}<extra></extra>",
            )
        )
    figure.update_layout(title=title, template="plotly_white", height=420)
    figure.update_xaxes(title_text="saved, % of what was provisioned")
    figure.update_yaxes(title_text=axis, type="log")
    return figure


def sizing_page(figures: Mapping[str, Any]) -> str:
    """One self-contained page: curves of savings against harm, and the tables."""
    data = figures["data"]
    about = (
        f"{data['trace']}: {data['machines']} machines, {data['days']} days, judged from day {data['judged_from_day']} on. {_NOTE}"
    )
    parts = [f"<p><code>{escape(figures['command'])}</code></p><p>{escape(about)}</p>"]
    parts += [str(_curve(figures["methods"], *curve).to_html(full_html=False, include_plotlyjs=False)) for curve in _CURVES]
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
