"""The page of `hydatis assess`: plots first, then every table; all inside one file."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import jinja2
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from hydatis_cli.assess_plots import (
    coverages_plot,
    cumulated_plot,
    levers_plot,
    namespaces_plot,
    nodes_plot,
    wasted_plot,
    workloads_plot,
)
from hydatis_cli.assess_tables import assess_rows
from hydatis_cli.assess_words import headline

__all__ = ["assess_page"]

Json = dict[str, Any]


def assess_page(figures: Json) -> str:
    """The page.

    Args:
        figures: as stored in JSON.
    """
    plots: dict[str, tuple[str, go.Figure]] = {}
    if figures["savings"]:
        plots["Nodes needed by lever"] = (
            "Darkest: 0.1 % of node-time above the limits, then 1 % and 5 %. Whiskers: 95 % intervals. Lines: nodes now, bound L1.",
            levers_plot(figures),
        )
        plots["Savings of a year, cumulated"] = (
            "At 1 % of node-time above the limits, from the day on which the lever is pulled in full.",
            cumulated_plot(figures),
        )
    plots["Waste, by namespace"] = ("Requests less mean use.", wasted_plot(figures["waste"]["namespaces"]))
    plots["Requested and used, by namespace"] = (
        "The namespaces that waste most. Grey: requested; orange: 95th percentile of use; green: mean.",
        namespaces_plot(figures["waste"]["namespaces"]),
    )
    plots["Requested and used, by workload"] = (
        "Each dot a workload: what it asks for, and its 95th percentile of use. On the line both are equal; right of it is waste.",
        workloads_plot(figures["waste"]["workloads"]),
    )
    if figures["waste"]["nodes"]:
        plots["Requested and used, by node"] = (
            "Share of allocatable, nodes in order of what is requested.",
            nodes_plot(figures["waste"]["nodes"]),
        )
    if figures["forecasts"]:
        plots["How well levels hold"] = (
            "Workloads by the share of their time below the forecast level; a good forecast stands at 95 %.",
            coverages_plot(figures["forecasts"]["workloads"]),
        )
    template = jinja2.Environment(autoescape=True).from_string((files("hydatis_cli") / "templates" / "assess.html.j2").read_text())
    return template.render(
        figures=figures,
        said=headline(figures),
        plots={title: (text, _html(figure)) for title, (text, figure) in plots.items()},
        tables=list(assess_rows(figures)),
        plotly=get_plotlyjs(),
    )


def _html(figure: go.Figure) -> str:
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True}))
