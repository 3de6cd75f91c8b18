"""The figures of `hydatis bench anomaly` as tables for a terminal and as one self-contained page."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from rich.table import Table

__all__ = ["anomaly_page", "anomaly_tables"]

_RANKING = ("detector", "AUC-PR", "AUC-ROC", "base rate")
#: Columns of alarms on a terminal, where the rate and the threshold are the same in all rows.
_SHORT = (0, 3, 4, 5, 7, 10)
_ALARMS = ("detector", "rate", "threshold", "ticks", "event precision [95 %]", "recall", "false/day mean", "worst", "delay min",
           "point FPR mean", "worst", "point-adj. F1")  # fmt: skip


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _ranking_rows(figures: dict[str, Any]) -> Iterator[list[str]]:
    for detector, one in figures["detectors"].items():
        ranking = one["ranking"]
        yield [detector, *(_number(ranking.get(name)) for name in ("auc_pr", "auc_roc", "base_rate"))]


def _alarm_rows(figures: dict[str, Any], *, every: bool) -> Iterator[list[str]]:
    """Of all settings, or of the trailing threshold at its first rate alone."""
    for detector, one in figures["detectors"].items():
        trailing = [alarm for alarm in one["alarms"] if alarm["threshold"] == "trailing"]
        for alarm in one["alarms"] if every else [alarm for alarm in trailing if alarm["rate"] == figures["fixed_rate"]]:
            low, high = alarm["event_precision_95"]
            delay = alarm["delay_seconds_median"]
            yield [
                detector,
                f"{alarm['rate']:.1%}",
                alarm["threshold"],
                str(alarm["confirm_ticks"]),
                f"{_number(alarm['event_precision'])} [{_number(low, 2)}, {_number(high, 2)}] of {alarm['alarms']}",
                f"{_number(alarm['event_recall'])} of {alarm['events']}",
                _number(alarm["false_per_day_mean"]),
                _number(alarm["false_per_day_worst"]),
                "-" if delay is None else f"{delay / 60:.0f}",
                _number(alarm["point_false_positive_mean"], 4),
                _number(alarm["point_false_positive_worst"], 4),
                _number(alarm["point_adjusted_f1"]),
            ]


def _nab_rows(figures: dict[str, Any]) -> Iterator[list[str]]:
    for detector, one in figures["detectors"].items():
        yield [detector, _number(one["nab_score"], 1), _number(one["nab_score_best_threshold_on_labels"], 1)]
    for detector, score in sorted(figures["published"].items(), key=lambda item: -item[1]):
        yield [f"{detector} (published)", "-", _number(score, 1)]


def _blame_rows(figures: dict[str, Any]) -> Iterator[list[str]]:
    asked = {"at_alarm": "first alarm row of found events", "at_peak": "row of highest risk of all events"}
    for one in figures["detectors"].values():
        for name, blame in one.get("blame", {}).items():
            if blame["segments"]:
                hits = (_number(blame[key]) for key in ("first_named_hits", "five_named_hits", "chance"))
                yield [asked[name], str(blame["segments"]), *hits]


def _fault_rows(figures: dict[str, Any]) -> Iterator[list[str]]:
    for fault, one in figures.get("by_fault", {}).items():
        low, high = one["recall_95"]
        yield [fault, str(one["faults"]), str(one["found"]), f"[{_number(low, 2)}, {_number(high, 2)}]"]


def _all_rows(figures: dict[str, Any], *, every: bool = True) -> Iterator[tuple[str, tuple[str, ...], list[list[str]]]]:
    """(title, columns, rows) of every table of a set."""
    if "published" in figures:
        yield "NAB score, standard profile", ("detector", "threshold fixed", "best threshold on labels"), list(_nab_rows(figures))
    else:
        yield "ranking of rows, mean over machines", _RANKING, list(_ranking_rows(figures))
    alarms = list(_alarm_rows(figures, every=every))
    if every:
        yield "alarms", _ALARMS, alarms
    else:
        columns = ("detector", "ticks", "event precision [95 %]", "recall", "false/day, worst", "point FPR, worst")
        yield "alarms at the rate fixed beforehand", columns, [[row[place] for place in _SHORT] for row in alarms]
    blame = list(_blame_rows(figures))
    if blame:
        yield "metrics named", ("asked at", "events", "first is labelled", "first five", "chance"), blame
    faults = list(_fault_rows(figures))
    if faults:
        yield "faults found (product, default rate, 3 ticks)", ("fault", "injected", "found", "95 %"), faults


def anomaly_tables(figures: dict[str, Any]) -> Iterator[Table]:
    """Tables for a terminal."""
    for name, one in figures["sets"].items():
        for title, columns, rows in _all_rows(one | {"fixed_rate": figures["fixed_beforehand"]["false_alarm_rate"]}, every=False):
            table = Table(*columns, title=f"{name}: {title}")
            for row in rows:
                table.add_row(*row)
            yield table


def anomaly_page(figures: dict[str, Any]) -> str:
    """One page with the tables and, per set, precision against recall over the threshold settings."""
    parts = [f"<p><code>{html.escape(figures['command'])}</code></p>"]
    for name, one in figures["sets"].items():
        parts.append(f"<h2>{html.escape(name)}</h2>")
        parts.append(_curve(one).to_html(full_html=False, include_plotlyjs=False))
        for title, columns, rows in _all_rows(one):
            head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
            body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
            parts.append(f"<h3>{html.escape(title)}</h3><table><tr>{head}</tr>{body}</table>")
    style = "body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2em .6em}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>hydatis bench anomaly</title><style>{style}</style>'
        f"<script>{get_plotlyjs()}</script></head><body><h1>hydatis bench anomaly</h1>{''.join(parts)}</body></html>"
    )


def _curve(figures: dict[str, Any]) -> go.Figure:
    figure = go.Figure()
    for detector, one in figures["detectors"].items():
        points = [alarm for alarm in one["alarms"] if alarm["threshold"] == "trailing" and alarm["event_precision"] is not None]
        figure.add_scatter(
            x=[point["event_recall"] for point in points],
            y=[point["event_precision"] for point in points],
            text=[f"rate {point['rate']:.1%}, {point['confirm_ticks']} ticks" for point in points],
            mode="markers",
            name=detector,
        )
    figure.update_layout(
        xaxis_title="event recall", yaxis_title="event precision", xaxis_range=[0, 1], yaxis_range=[0, 1.05], height=420
    )
    return figure
