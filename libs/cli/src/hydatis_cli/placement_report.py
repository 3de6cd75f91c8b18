"""The page of `hydatis bench placement`: the Pareto plot, heat maps of nodes, and every table; all inside one file."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import jinja2
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from hydatis_cli.placement_tables import placement_rows, shown_variants
from hydatis_cli.plot_style import styled

__all__ = ["placement_page"]

Json = dict[str, Any]
FREE = "not-binding"
#: By family: colour and width of lines.
_LOOKS = {
    "ours": ("#0b6e4f", 4.0),
    "bound": ("#111111", 3.0),
    "floor": ("#b0b7bf", 1.5),
    "requests": ("#7b9acc", 1.5),
    "usage": ("#d98324", 1.5),
    "prediction": ("#9b5fb5", 1.5),
}
_DASHES = {"published": "dot", "tuned": "solid", "oracle-offline": "dash"}


def placement_page(figures: Json) -> str:
    """The page.

    Args:
        figures: as stored in JSON.
    """
    plots = {}
    if FREE in figures.get("nodes_needed", {}):
        plots["Nodes against violation, requests do not bind"] = _pareto(figures)
        plots["Nodes needed over the oracle's, at three violations"] = _bars(figures)
    for group, part in figures.get("fixed", {}).items():
        if any("node_violation_ratio" in row for variants in part["policies"].values() for row in variants.values()):
            where = f"{group.replace('/', ' ')}, seed 1"
            plots[f"Violation of every node, {where}"] = _heat_map(part, "node_violation_ratio", "Reds")
            plots[f"Mean CPU use of every node, {where}"] = _heat_map(part, "node_cpu_mean_ratio", "Blues")
    template = jinja2.Environment(autoescape=True).from_string(
        (files("hydatis_cli") / "templates" / "placement.html.j2").read_text()
    )
    return template.render(
        figures=figures,
        plots={title: _html(figure) for title, figure in plots.items()},
        tables=list(placement_rows(figures)),
        plotly=get_plotlyjs(),
    )


def _html(figure: go.Figure) -> str:
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False, "responsive": True}))


def _pareto(figures: Json) -> go.Figure:
    part = figures["nodes_needed"][FREE]
    figure = go.Figure()
    for name, variants in part["policies"].items():
        family = figures["policies"][name]["family"]
        colour, width = _LOOKS[family]
        for variant, row in variants.items():
            needed = [
                (row[ratio]["nodes_mean"], float(ratio))
                for ratio in row
                if ratio != "curve" and row[ratio]["nodes_mean"] is not None
            ]
            points = row["curve"] if variant == "published" else [[nodes, ratio] for nodes, ratio in sorted(needed)]
            shown = [(nodes, violation * 100) for nodes, violation in points if 2e-4 <= violation <= 0.3]
            if not shown:
                continue
            figure.add_trace(
                go.Scatter(
                    x=[nodes for nodes, _ in shown],
                    y=[violation for _, violation in shown],
                    name=f"{name}, {variant}" if len(variants) > 1 else name,
                    mode="lines" if variant == "published" else "lines+markers",
                    line={
                        "color": colour,
                        "width": width,
                        "dash": _DASHES.get(name, "solid") if len(variants) == 1 else _DASHES[variant],
                    },
                    opacity=1.0 if family in ("ours", "bound") else 0.75,
                    hovertemplate="%{x:.0f} nodes: %{y:.2f} %<extra>" + name + "</extra>",
                )
            )
    bounds = figures["bounds"][FREE]
    last = max((x for trace in figure.data for x in trace.x), default=1.0)
    for name, nodes in (("L1, fluid", bounds["fluid_nodes"]), ("L3, requests", bounds["request_nodes"])):
        if nodes <= last:
            figure.add_vline(x=nodes, line_dash="dash", line_color="#888888", annotation_text=name, annotation_position="top")
    for ratio in (0.1, 1.0, 5.0):
        figure.add_hline(y=ratio, line_width=1, line_color="#dddddd")
    figure.update_xaxes(title_text="nodes made available", rangemode="tozero")
    figure.update_yaxes(
        title_text="node-time in violation, %",
        type="log",
        tickvals=[0.02, 0.1, 0.5, 1, 5, 10, 30],
        ticktext=["0.02", "0.1", "0.5", "1", "5", "10", "30"],
    )
    figure.update_layout(legend={"font": {"size": 10}})
    return styled(figure, 720)


def _bars(figures: Json) -> go.Figure:
    """The better variant of every policy."""
    part = figures["nodes_needed"][FREE]
    figure = go.Figure()
    best: dict[str, dict[str, float]] = {}
    for name, variants in part["policies"].items():
        for row in variants.values():
            for ratio, one in row.items():
                against = one.get("ratio_to_oracle") if ratio != "curve" else None
                if against:
                    best.setdefault(ratio, {})[name] = min(against["value"], best.get(ratio, {}).get(name, float("inf")))
    order = sorted(part["policies"], key=lambda name: -best.get("0.01", {}).get(name, 99.0))
    for ratio, colour in (("0.001", "#7a1f1f"), ("0.01", "#d7604a"), ("0.05", "#f3b6a5")):
        values = [best.get(ratio, {}).get(name) for name in order]
        text = ["never" if value is None else f"{value:.2f}" for value in values]
        figure.add_trace(
            go.Bar(
                x=values,
                y=order,
                orientation="h",
                name=f"{float(ratio):.1%}",
                marker_color=colour,
                text=text,
                textposition="outside",
            )
        )
    figure.add_vline(x=1.0, line_dash="dash", line_color="#111111")
    figure.update_xaxes(title_text="nodes needed over the oracle's, the better of published and tuned knobs")
    figure.update_layout(barmode="group", legend={"traceorder": "reversed"})
    return styled(figure, 140 + 44 * len(order))


def _heat_map(part: Json, name: str, colours: str) -> go.Figure:
    rows = [
        (f"{policy}, {variant}" if len(shown_variants(variants)) > 1 else policy, row[name], row["outcome_cost"])
        for policy, variants in part["policies"].items()
        for variant, row in shown_variants(variants)
        if name in row and not row["unplaced_count"]
    ]
    rows.sort(key=lambda row: -row[2])
    figure = go.Figure(
        go.Heatmap(
            z=[[value * 100 for value in values] for _, values, _ in rows],
            x0=1,
            y=[label for label, _, _ in rows],
            colorscale=colours,
            zmin=0,
            zmax=20 if "violation" in name else 100,
            colorbar={"title": "%"},
            hovertemplate="%{y}, node %{x}: %{z:.1f} %<extra></extra>",
        )
    )
    figure.update_xaxes(title_text="nodes, highest first")
    return styled(figure, 150 + 20 * len(rows))
