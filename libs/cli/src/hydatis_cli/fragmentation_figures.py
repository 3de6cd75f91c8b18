"""The figures of `hydatis bench fragmentation`: as JSON, as tables, as a page with plots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from hydatis_simulator.benchmark.fragmentation.compare import paired_difference
from hydatis_simulator.benchmark.fragmentation.experiment import CHECKPOINTS_PCT, FragmentationResult
from hydatis_simulator.benchmark.fragmentation.policies import OURS
from hydatis_simulator.benchmark.fragmentation.published import Published
from plotly.offline import get_plotlyjs
from rich.table import Table

__all__ = ["REPRODUCED_WITHIN", "fragmentation_figures", "fragmentation_page", "fragmentation_tables"]

#: Points of GPU allocation within which a published figure counts as reproduced.
REPRODUCED_WITHIN = 0.5

PublishedFigures = Mapping[tuple[str, str, int], Published]


def fragmentation_figures(
    result: FragmentationResult, lists: Sequence[str], policies: Sequence[str], published: PublishedFigures
) -> dict[str, Any]:
    """Everything a program may want to know, NaN as null."""
    return {
        "lists": {
            pod_list: {
                "bound_pct": _per_checkpoint(np.array([run.bound_pct for run in result.of(pod_list, policies[0])])),
                "policies": {policy: _policy(result, pod_list, policy, published) for policy in policies},
                "ours_less_theirs_at_100_pct": {
                    policy: _difference(result, pod_list, policy) for policy in policies if policy != OURS and OURS in policies
                },
            }
            for pod_list in lists
        },
        "placements_per_second": {policy: round(result.placements_per_second(policy)) for policy in policies},
    }


def _policy(result: FragmentationResult, pod_list: str, policy: str, published: PublishedFigures) -> dict[str, Any]:
    runs = result.of(pod_list, policy)
    curves = np.array([run.gpu_allocated_pct for run in runs])
    at = {}
    for position, percent in enumerate(CHECKPOINTS_PCT):
        given = curves[:, percent]
        known = published.get((pod_list, policy, percent))
        mean = float(given.mean())
        at[str(percent)] = {
            "gpu_allocated_pct": _number(mean),
            "gpu_allocated_std_pct": _number(float(given.std())),
            "gpu_fragmented_pct": _number(float(np.mean([run.gpu_fragmented_pct[position] for run in runs]))),
            "published_gpu_allocated_pct": known.gpu_allocated_pct if known else None,
            "less_published": _number(mean - known.gpu_allocated_pct) if known else None,
            "per_seed": [_number(float(value)) for value in given],
        }
    return {
        "at_arrived_pct": at,
        "curve_gpu_allocated_pct": [_number(float(value)) for value in curves.mean(axis=0)],
        "placed_ratio": _number(sum(run.placed_count for run in runs) / sum(run.pods_count for run in runs), 4),
    }


def _difference(result: FragmentationResult, pod_list: str, policy: str) -> dict[str, float | None]:
    found = paired_difference(result.allocated_pct(pod_list, OURS, 100), result.allocated_pct(pod_list, policy, 100))
    return {"mean": _number(found.mean), "low": _number(found.low), "high": _number(found.high)}


def _per_checkpoint(values: Any) -> dict[str, float | None]:
    return {str(percent): _number(float(value)) for percent, value in zip(CHECKPOINTS_PCT, values.mean(axis=0), strict=True)}


def _number(value: float, digits: int = 3) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def fragmentation_tables(figures: Mapping[str, Any]) -> list[Table]:
    """One table per list, and one with what ours gains."""
    tables = []
    for pod_list, one in figures["lists"].items():
        table = Table(
            "policy",
            "at 100 %",
            "published",
            "less",
            "at 130 %",
            "published",
            "less",
            "fragmented",
            title=f"GPU allocation %, {pod_list}",
        )
        for policy, found in one["policies"].items():
            cells = []
            for percent in ("100", "130"):
                at = found["at_arrived_pct"][percent]
                cells += [
                    _text(at["gpu_allocated_pct"]),
                    _text(at["published_gpu_allocated_pct"]),
                    _text(at["less_published"], "+"),
                ]
            table.add_row(policy, *cells, _text(found["at_arrived_pct"]["130"]["gpu_fragmented_pct"]))
        table.add_row("bound", _text(one["bound_pct"]["100"]), "", "", _text(one["bound_pct"]["130"]), "", "", "")
        tables.append(table)
    gains = Table("list", "less", "points", "95 % interval", title=f"{OURS} at 100 % arrived, paired over seeds")
    for pod_list, one in figures["lists"].items():
        for policy, found in one["ours_less_theirs_at_100_pct"].items():
            gains.add_row(pod_list, policy, _text(found["mean"], "+"), f"{_text(found['low'], '+')} .. {_text(found['high'], '+')}")
    return [*tables, gains] if gains.row_count else tables


def _text(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.2f}"


def fragmentation_page(figures: Mapping[str, Any]) -> str:
    """One self-contained page: tables, and per list what is left unallocated as GPU arrives."""
    parts = [f"<p><code>{escape(figures['command'])}</code></p>"]
    for table in fragmentation_tables(figures):
        rows = zip(*(column.cells for column in table.columns), strict=True)
        head = "".join(f"<th>{escape(str(column.header))}</th>" for column in table.columns)
        body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
        parts.append(f"<h2>{escape(str(table.title))}</h2><table><tr>{head}</tr>{body}</table>")
    for pod_list, one in figures["lists"].items():
        figure = go.Figure()
        for policy, found in one["policies"].items():
            curve = found["curve_gpu_allocated_pct"]
            figure.add_trace(go.Scatter(x=list(range(len(curve))), y=curve, name=policy))
        figure.update_layout(title=f"{pod_list}: GPU allocated", template="plotly_white", height=420)
        figure.update_xaxes(title_text="GPU asked for, % of the cluster's", range=[80, 130])
        figure.update_yaxes(title_text="% of the cluster's", range=[75, 100])
        parts.append(str(figure.to_html(full_html=False, include_plotlyjs=False)))
    style = "body{font-family:system-ui,sans-serif;margin:2em}td,th{padding:.2em .8em;text-align:right}"
    return (
        f"<!doctype html><html><head><meta charset='utf-8'><title>GPU fragmentation</title><style>{style}</style>"
        f"<script>{get_plotlyjs()}</script></head><body><h1>GPU fragmentation</h1>{''.join(parts)}</body></html>"
    )
