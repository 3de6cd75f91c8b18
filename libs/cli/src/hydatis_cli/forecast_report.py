"""The figures of `hydatis bench forecast` as tables for a terminal and as one self-contained page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jinja2
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from rich.table import Table

__all__ = ["forecast_page", "forecast_tables"]

_TARGETS = ("300s", "900s", "3600s", "max_3600s")
#: Figure, how it is shown.
_SHOWN = (
    ("accuracy", "{:.1%}"),
    ("mase", "{:.3f}"),
    ("pinball_p95", "{:.3f}"),
    ("coverage_p95", "{:.1%}"),
    ("coverage_worst", "{:.1%}"),
    ("under_prediction", "{:.1%}"),
)
#: The few that fit on a terminal.
_ON_TERMINAL = (("mase", "{:.2f}"), ("pinball_p95", "{:.2f}"), ("coverage_p95", "{:.3f}"), ("coverage_worst", "{:.3f}"))
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>HYDATIS forecast benchmark</title>
<style>body{font-family:system-ui,sans-serif;margin:2rem;max-width:80rem}table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.2rem .6rem;border-bottom:1px solid #ddd;text-align:right}td:first-child,th:first-child{text-align:left}
tr.ours{font-weight:bold}</style><script>{{ plotly|safe }}</script>
<h1>Forecast benchmark</h1><p><code>{{ figures.command }}</code>, models
{{ figures.models }}, data {{ figures.data|join(", ") }}.</p>
<p>accuracy = 1 - WAPE; MASE against persistence on the same rows; pinball loss of the p95 in per cent of allocatable; coverage of
the p95, in all and of the worst tenth of the series; share of rows above the p95 by more than 1 % of allocatable.
Each cell: 5, 15, 60 minutes, and the highest use of the next hour.</p>
{% for note in figures.notes %}<p>{{ note }}.</p>{% endfor %}
{% for title, rows, plot in parts %}<h2>{{ title }}</h2>{{ plot|safe }}
<table><tr><th>method</th>{% for name in names %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in rows %}<tr class="{{ 'ours' if row[0] == 'ours' }}">
{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}
</table>{% endfor %}
{% for title, header, rows in drifts %}<h2>{{ title }}</h2><table><tr>{% for name in header %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>{% endfor %}</html>
"""


def forecast_tables(figures: dict[str, Any]) -> Iterator[Table]:
    """A table per set, resource and side, and one per drift."""
    for title, methods in _parts(figures):
        table = Table("method", *(name for name, _ in _ON_TERMINAL), title=f"{title} (5 / 15 / 60 min, max of the hour)")
        for row in _rows(methods, _ON_TERMINAL, " "):
            table.add_row(*row, style="bold" if row[0] == "ours" else "")
        yield table
    for title, header, rows in _drifts(figures):
        table = Table(*header, title=title)
        for row in rows:
            table.add_row(*row)
        yield table


def forecast_page(figures: dict[str, Any]) -> str:
    """The page, with the plotting library inside."""
    template = jinja2.Environment(autoescape=True).from_string(_PAGE)
    parts = [(title, list(_rows(methods)), _plot(methods)) for title, methods in _parts(figures)]
    names = [name for name, _ in _SHOWN]
    return template.render(figures=figures, parts=parts, drifts=list(_drifts(figures)), names=names, plotly=get_plotlyjs())


def _parts(figures: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resources in figures["sets"].items():
        for resource, part in resources.items():
            for side, text in (("unseen", "unseen machines, later days"), ("seen", "machines of learning, later days")):
                if side in part:
                    yield f"{name}, {resource}: {text}", part[side]


def _rows(methods: dict[str, Any], figures: tuple[tuple[str, str], ...] = _SHOWN, between: str = " / ") -> Iterator[list[str]]:
    for method, targets in methods.items():
        cells = []
        for name, shown in figures:
            values = [targets[target][name] for target in _TARGETS]
            cells.append(between.join("-" if value is None else shown.format(value) for value in values))
        yield [method, *cells]


def _drifts(figures: dict[str, Any]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    for name, resources in figures["drift"].items():
        for resource, methods in resources.items():
            spans = list(next(iter(methods.values())))
            rows = [
                [method, *("-" if value is None else f"{value:.1%}" for value in by_span.values())]
                for method, by_span in methods.items()
            ]
            yield f"{name}, {resource}: coverage of the hour's p95 around a level shift", ["method", *spans], rows


def _plot(methods: dict[str, Any]) -> str:
    figure = go.Figure()
    for target in _TARGETS:
        figure.add_bar(name=target, x=list(methods), y=[one[target]["mase"] for one in methods.values()])
    figure.add_hline(y=1.0, line_dash="dot")
    figure.update_layout(template="plotly_white", height=320, yaxis={"title": "MASE", "range": [0, 2]}, margin={"t": 20})
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False}))
