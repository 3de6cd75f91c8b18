"""The report of a replay: one self-contained page with plots and the table of outcomes.

Everything is inside the file, the plotting library too, so that it can be mailed and opened anywhere. The page appears whole or not
at all: it is written beside its place and renamed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import jinja2
import numpy as np
import plotly.graph_objects as go
from hydatis_simulator.limits import CPU_LIMIT_RATIO, MEMORY_LIMIT_RATIO
from hydatis_simulator.outcomes import Outcome
from numpy.typing import NDArray
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from hydatis_cli.outcome_table import outcome_rows
from hydatis_cli.plot_style import styled
from hydatis_cli.replay_result import ReplayResult, percentiles_milliseconds

__all__ = ["write_report"]

#: Rungs in order, with the colour that a reader meets everywhere: the greener, the more of the system took part.
RUNG_COLOURS: dict[str, str] = {
    "full": "#2a9d5c",
    "full_local": "#8ab17d",
    "greedy": "#e9c46a",
    "load": "#f4a261",
    "abstain": "#c1440e",
    "unanswered": "#6c757d",
}
POLICY_COLOURS = ("#1d6fa5", "#c1440e", "#8d99ae", "#6a4c93", "#2a9d5c")


def write_report(result: ReplayResult, path: Path) -> Path:
    """Writes the page.

    Args:
        result: what to show.
        path: the file; its folder must exist.

    Returns:
        The path.
    """
    template = jinja2.Environment(autoescape=True).from_string((files("hydatis_cli") / "templates" / "report.html.j2").read_text())
    page = template.render(
        result=result,
        policies=[outcome.policy for outcome in result.outcomes],
        rows=outcome_rows(result.outcomes),
        decision=percentiles_milliseconds(result.latencies_seconds),
        tick=percentiles_milliseconds(result.tick_seconds),
        plots={name: _html(figure) for name, figure in _figures(result).items()},
        plotly=get_plotlyjs(),
        first=result.outcomes[0],
    )
    beside = path.with_suffix(path.suffix + ".part")
    beside.write_text(page)
    os.replace(beside, path)
    return path


def _figures(result: ReplayResult) -> dict[str, go.Figure]:
    compared = result.outcomes[:2]
    figures = {"cpu": _heat_maps(compared, "cpu"), "overload": _overload(result.outcomes), "rungs": _rungs(result)}
    if not np.isnan(compared[0].memory_load).all():
        figures["memory"] = _heat_maps(compared, "memory")
    if result.latencies_seconds:
        figures["latency"] = _latency(result.latencies_seconds)
    return figures


def _html(figure: go.Figure) -> str:
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False, "responsive": True}))


def _hours(outcome: Outcome) -> NDArray[np.float64]:
    hours: NDArray[np.float64] = (outcome.tick_times_seconds - outcome.tick_times_seconds[0]) / 3600
    return hours


def _heat_maps(outcomes: Sequence[Outcome], resource: str) -> go.Figure:
    """Demand over allocatable, nodes by ticks, one map per outcome on one scale."""
    figure = make_subplots(
        cols=len(outcomes), shared_yaxes=True, subplot_titles=[o.policy for o in outcomes], horizontal_spacing=0.03
    )
    for column, outcome in enumerate(outcomes, start=1):
        load = (outcome.cpu_load if resource == "cpu" else outcome.memory_load).T * 100
        figure.add_trace(
            go.Heatmap(
                z=np.round(load, 1),
                x=np.round(_hours(outcome), 2),
                y=outcome.node_names,
                coloraxis="coloraxis",
                hovertemplate="%{y}, hour %{x}: %{z} %<extra></extra>",
            ),
            row=1,
            col=column,
        )
    figure.update_xaxes(title_text="hours")
    figure.update_yaxes(showticklabels=len(outcomes[0].node_names) <= 40, col=1)
    scale = [[0, "#f7fbff"], [0.5, "#6baed6"], [0.75, "#fdae61"], [0.9, "#d7301f"], [1, "#4a0404"]]
    colours = {"cmin": 0, "cmax": 100, "colorscale": scale, "colorbar": {"title": "%"}}
    return styled(figure, height=max(320, 9 * len(outcomes[0].node_names) + 140)).update_layout(coloraxis=colours)


def _overload(outcomes: Sequence[Outcome]) -> go.Figure:
    """Node-minutes in overload, accumulated over the replay."""
    figure = make_subplots(cols=2, subplot_titles=["CPU above 90 %", "memory above 95 %"])
    for colour, outcome in zip(POLICY_COLOURS, outcomes, strict=False):
        minutes = outcome.tick_seconds / 60
        for column, (load, limit) in enumerate(
            ((outcome.cpu_load, CPU_LIMIT_RATIO), (outcome.memory_load, MEMORY_LIMIT_RATIO)), start=1
        ):
            figure.add_trace(
                go.Scatter(
                    x=_hours(outcome),
                    y=np.cumsum((load > limit).sum(axis=1)) * minutes,
                    name=outcome.policy,
                    line={"color": colour, "shape": "hv"},
                    showlegend=column == 1,
                ),
                row=1,
                col=column,
            )
    figure.update_xaxes(title_text="hours")
    figure.update_yaxes(title_text="node-minutes", col=1)
    figure.update_yaxes(rangemode="tozero")
    return styled(figure, height=340)


def _rungs(result: ReplayResult) -> go.Figure:
    counts = {name: result.rungs.get(name, 0) for name in RUNG_COLOURS} | {"unanswered": result.unanswered_count}
    figure = go.Figure(
        go.Bar(
            x=list(counts.values()),
            y=list(counts),
            orientation="h",
            marker_color=[RUNG_COLOURS[name] for name in counts],
            text=list(counts.values()),
            textposition="auto",
        )
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title_text="decisions")
    return styled(figure, height=300)


def _latency(seconds: Sequence[float]) -> go.Figure:
    values = np.asarray(seconds) * 1000
    figure = go.Figure(
        go.Histogram(x=values, xbins={"size": max(0.1, float(np.percentile(values, 99)) / 60)}, marker_color="#1d6fa5")
    )
    shown = [(name, value) for name, value in percentiles_milliseconds(seconds).items() if name != "max"]
    for position, (name, value) in enumerate(shown):
        # one below the other, since the median and the 90th percentile lie close together
        figure.add_vline(
            x=value, line_dash="dot", annotation={"text": f"{name} {value:.1f} ms", "yshift": -18 * position, "xanchor": "left"}
        )
    figure.update_xaxes(
        title_text="milliseconds, /filter and /prioritize together", range=[0, float(np.percentile(values, 99.5)) * 1.1]
    )
    figure.update_yaxes(title_text="decisions")
    return styled(figure, height=340)
