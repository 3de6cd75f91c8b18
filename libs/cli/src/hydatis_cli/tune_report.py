"""The page of searches: scores over trials, and the Pareto front of each, in one file that can be opened anywhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from hydatis_cli.plot_style import styled

if TYPE_CHECKING:
    from hydatis_pipelines.search.search_report import SearchReport, TrialRow

__all__ = ["tune_page"]

#: Figures against which the score is plotted -> what their axes say.
_AXES = {"cost": "node-hours", "availability": "availability", "cpu_accuracy": "CPU accuracy (1 - WAPE)"}
_OTHERS, _FRONT, _DEFAULT, _BEST = "#b8c1cc", "#1d6fa5", "#c1440e", "#2a9d5c"
_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>HYDATIS: searches</title>
<style>body{font-family:system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;color:#222}
code{background:#f3f5f7;padding:.1rem .3rem}h2{margin-top:2.5rem}p{line-height:1.5}</style>"""


def tune_page(reports: list[SearchReport], figures: dict[str, Any]) -> str:
    """The page.

    Args:
        reports: the searches.
        figures: as they are stored: the command stands in the head.
    """
    parts = [
        _HEAD,
        f"<script>{get_plotlyjs()}</script><h1>Searches</h1><p><code>{escape(figures['command'])}</code></p>",
        "<p>The score is <code>business_roi_score</code>: share of the stock scheduler's node-hours that a simulated placement "
        "saves, less what it violates. On the front lie the trials that no other beats in score, CPU accuracy, availability and "
        "cost at once.</p>",
    ]
    for report in reports:
        parts.append(f"<h2>{escape(report.experiment)}</h2><p>{escape(_words(report))}</p>")
        parts += [_html(figure) for figure in (_history(report), _fronts(report))]
    return "".join(parts) + "</html>\n"


def _words(report: SearchReport) -> str:
    gain = report.validation
    said = f"{report.algorithm}, {report.count('complete')} trials to the end and {report.count('pruned')} pruned. "
    said += f"Best less defaults on validation {gain.value:+.4f} ({gain.low:+.4f} .. {gain.high:+.4f})"
    if report.test is None:
        return f"{said}: the defaults are the best."
    return f"{said}, on later windows {report.test.value:+.4f} ({report.test.low:+.4f} .. {report.test.high:+.4f})."


def _complete(report: SearchReport) -> list[TrialRow]:
    return [row for row in report.trials if row.figures]


def _history(report: SearchReport) -> go.Figure:
    rows = _complete(report)
    scores = [row.figures["business_roi_score"] for row in rows]
    numbers = [row.number for row in rows]
    default = report.default.figures["business_roi_score"]
    figure = go.Figure(go.Scatter(x=numbers, y=scores, mode="markers", name="trial", marker={"color": _FRONT, "size": 8}))
    figure.add_scatter(
        x=numbers, y=np.maximum.accumulate(scores), mode="lines", name="best so far", line={"color": _BEST, "shape": "hv"}
    )
    figure.add_hline(y=default, line={"color": _DEFAULT, "dash": "dot"}, annotation_text="defaults")
    return styled(figure, 300).update_layout(xaxis_title="trial", yaxis_title="score")


def _fronts(report: SearchReport) -> go.Figure:
    """Score against each other figure; the front is drawn in all, for it is one of four figures."""
    figure = make_subplots(cols=len(_AXES), shared_yaxes=True, horizontal_spacing=0.04)
    rows = _complete(report)
    groups = (
        ("others", _OTHERS, [row for row in rows if row.number not in report.front], "circle"),
        ("Pareto front", _FRONT, [row for row in rows if row.number in report.front], "circle"),
        ("defaults", _DEFAULT, [report.default], "x"),
        ("best score", _BEST, [report.best], "star"),
    )
    for column, (name, title) in enumerate(_AXES.items(), start=1):
        for group, colour, shown, symbol in groups:
            figure.add_scatter(
                x=[row.figures[name] for row in shown],
                y=[row.figures["business_roi_score"] for row in shown],
                text=[_hover(row) for row in shown],
                hovertemplate="%{text}<extra></extra>",
                mode="markers",
                name=group,
                legendgroup=group,
                showlegend=column == 1,
                marker={"color": colour, "size": 12 if symbol != "circle" else 8, "symbol": symbol},
                row=1,
                col=column,
            )
        figure.update_xaxes(title_text=title, col=column)
    figure.update_yaxes(title_text="score", col=1)
    return styled(figure, 360)


def _hover(row: TrialRow) -> str:
    values = "<br>".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in row.parameters.items()
    )
    return f"trial {row.number}: {row.figures['business_roi_score']:+.4f}<br>{values}"


def _html(figure: go.Figure) -> str:
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False, "responsive": True}))
