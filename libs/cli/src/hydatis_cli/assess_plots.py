"""The plots of an assessment."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from hydatis_cli.assess_savings import RATIOS
from hydatis_cli.plot_style import styled

__all__ = [
    "coverages_plot",
    "cumulated_plot",
    "levers_plot",
    "namespaces_plot",
    "nodes_plot",
    "wasted_plot",
    "workloads_plot",
]

Json = dict[str, Any]
_SHOWN_COUNT = 15
_REQUESTED, _P95, _MEAN = "#c9d2dc", "#d98324", "#0b6e4f"
_FAMILY_COLOURS = {"today": "#7b8794", "ours": "#0b6e4f", "peer": "#9b5fb5", "bound": "#111111"}
_RATIO_COLOURS = {"0.001": 1.0, "0.01": 0.65, "0.05": 0.35}
_LINE_COLOURS = ("#7b8794", "#1d6fa5", "#0b6e4f", "#d98324")
_MONTHS = tuple(range(13))
_CUMULATED = "0.01"


def levers_plot(figures: Json) -> go.Figure:
    """Nodes by lever and violation, with intervals, the bound and the nodes that are there."""
    savings = figures["savings"]
    levers = savings["levers"][::-1]
    figure = go.Figure()
    for ratio, text in reversed(RATIOS.items()):
        found = [lever["nodes"][ratio] for lever in levers]
        figure.add_trace(
            go.Bar(
                x=[one["value"] for one in found],
                y=[lever["text"] for lever in levers],
                orientation="h",
                name=text,
                marker={"color": [_FAMILY_COLOURS[lever["family"]] for lever in levers], "opacity": _RATIO_COLOURS[ratio]},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [(one["high"] or 0) - (one["value"] or 0) if one["high"] is not None else 0 for one in found],
                    "arrayminus": [(one["value"] or 0) - (one["low"] or 0) if one["low"] is not None else 0 for one in found],
                    "color": "#555555",
                    "thickness": 1,
                },
                text=["never" if one["value"] is None else None for one in found],
                hovertemplate="%{y}: %{x:.1f} nodes<extra>" + text + "</extra>",
            )
        )
    figure.add_vline(x=savings["bounds"]["fluid_nodes"]["value"], line_dash="dot", line_color="#111111", annotation_text="L1")
    if savings["nodes_now"] is not None:
        figure.add_vline(x=savings["nodes_now"], line_dash="dash", line_color="#c1440e", annotation_text="now")
    figure.update_xaxes(title_text="nodes", rangemode="tozero")
    figure.update_layout(barmode="group", showlegend=False)
    return styled(figure, 120 + 46 * len(levers))


def cumulated_plot(figures: Json) -> go.Figure:
    """Savings of a year by lever of ours, with their bands."""
    saved = figures["saved"]
    money = "currency" in saved
    figure = go.Figure()
    ours = [lever for lever in figures["savings"]["levers"] if lever["family"] == "ours"]
    for lever, colour in zip(ours, _LINE_COLOURS, strict=False):
        one = saved["levers"][lever["name"]][_CUMULATED]
        if not one:
            continue
        month = one["money_a_month"] if money else one["nodes"]
        if month["low"] is not None:
            figure.add_trace(
                go.Scatter(
                    x=[*_MONTHS, *_MONTHS[::-1]],
                    y=[*(number * month["low"] for number in _MONTHS), *(number * month["high"] for number in _MONTHS[::-1])],
                    fill="toself",
                    fillcolor=colour,
                    line={"width": 0},
                    opacity=0.25,
                    showlegend=False,
                    hoverinfo="skip",
                )
            )
        figure.add_trace(
            go.Scatter(
                x=list(_MONTHS),
                y=[number * month["value"] for number in _MONTHS],
                name=lever["text"],
                mode="lines",
                line={"color": colour},
            )
        )
    figure.update_layout(legend={"orientation": "h", "y": -0.2})
    figure.update_xaxes(title_text="months", dtick=1)
    figure.update_yaxes(title_text=saved["currency"] if money else "node-months", rangemode="tozero")
    return styled(figure, 420)


def namespaces_plot(rows: list[Json]) -> go.Figure:
    """Requested, 95th percentile and mean of those that waste most."""
    shown = rows[:_SHOWN_COUNT]
    figure = make_subplots(cols=2, subplot_titles=["CPU, cores", "memory, GiB"])
    for column, (end, scale) in enumerate((("cpu_cores", 1.0), ("memory_bytes", 2.0**30)), start=1):
        for name, colour in (("requested", _REQUESTED), ("p95", _P95), ("mean", _MEAN)):
            figure.add_trace(
                go.Bar(
                    x=[row["namespace"] for row in shown],
                    y=[None if row[f"{name}_{end}"] is None else row[f"{name}_{end}"] / scale for row in shown],
                    name=name,
                    marker_color=colour,
                    showlegend=column == 1,
                ),
                row=1,
                col=column,
            )
    return styled(figure, 420)


def wasted_plot(rows: list[Json]) -> go.Figure:
    """What namespaces waste."""
    figure = make_subplots(cols=2, subplot_titles=["CPU, cores", "memory, GiB"], horizontal_spacing=0.15)
    for column, (end, scale) in enumerate((("cpu_cores", 1.0), ("memory_bytes", 2.0**30)), start=1):
        shown = sorted(rows, key=lambda row: -row[f"wasted_{end}"])[:_SHOWN_COUNT][::-1]
        figure.add_trace(
            go.Bar(
                x=[row[f"wasted_{end}"] / scale for row in shown],
                y=[row["namespace"] for row in shown],
                orientation="h",
                marker_color="#c1440e",
                showlegend=False,
            ),
            row=1,
            col=column,
        )
    return styled(figure, 120 + 24 * min(len(rows), _SHOWN_COUNT))


def workloads_plot(rows: list[Json]) -> go.Figure:
    """A dot a workload: requested against used."""
    figure = make_subplots(cols=2, subplot_titles=["CPU, cores", "memory, GiB"], horizontal_spacing=0.12)
    for column, (end, scale) in enumerate((("cpu_cores", 1.0), ("memory_bytes", 2.0**30)), start=1):
        dots = [row for row in rows if row[f"requested_{end}"] and row[f"p95_{end}"]][:3000]
        if not dots:
            continue
        x = [row[f"requested_{end}"] / scale for row in dots]
        y = [row[f"p95_{end}"] / scale for row in dots]
        names = [f"{row['namespace']}/{row['workload']}" for row in dots]
        figure.add_trace(
            go.Scatter(x=x, y=y, text=names, mode="markers", marker={"size": 5, "opacity": 0.5, "color": _MEAN}, showlegend=False),
            row=1,
            col=column,
        )
        ends = [min(*x, *y), max(*x, *y)]
        figure.add_trace(
            go.Scatter(x=ends, y=ends, mode="lines", line={"color": "#888888", "dash": "dot"}, showlegend=False), row=1, col=column
        )
    figure.update_xaxes(type="log", title_text="requested", dtick=1)
    figure.update_yaxes(type="log", title_text="95th percentile of use", dtick=1)
    return styled(figure, 460)


def nodes_plot(rows: list[Json]) -> go.Figure:
    """Shares of allocatable by node, requested and used."""
    figure = make_subplots(cols=2, subplot_titles=["CPU", "memory"])
    for column, end in enumerate(("cpu_cores", "memory_bytes"), start=1):
        ordered = sorted(rows, key=lambda row: -row[f"requested_{end}"])
        for name, colour in (("requested", "#7b8794"), ("max", "#c1440e"), ("p95", _P95), ("mean", _MEAN)):
            figure.add_trace(
                go.Scatter(
                    y=[
                        None if row[f"{name}_{end}"] is None else row[f"{name}_{end}"] / row[f"allocatable_{end}"]
                        for row in ordered
                    ],
                    text=[row["node"] for row in ordered],
                    name=name,
                    mode="lines" if len(ordered) > 1 else "markers",
                    line={"color": colour},
                    showlegend=column == 1,
                ),
                row=1,
                col=column,
            )
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_xaxes(title_text="nodes")
    return styled(figure, 400)


def coverages_plot(workloads: Json) -> go.Figure:
    """Workloads by how often they stay below their level."""
    figure = go.Figure()
    for resource, colour in (("cpu", "#1d6fa5"), ("memory", "#9b5fb5")):
        counts = workloads[resource]["coverages"]
        figure.add_trace(
            go.Bar(
                x=[(number + 0.5) / len(counts) for number in range(len(counts))],
                y=counts,
                name="CPU" if resource == "cpu" else resource,
                marker_color=colour,
            )
        )
    figure.add_vline(x=0.95, line_dash="dash", line_color="#111111", annotation_text="95 %", annotation_position="top left")
    figure.update_xaxes(title_text="share of time below the level", tickformat=".0%")
    figure.update_yaxes(title_text="workloads")
    return styled(figure, 380)
