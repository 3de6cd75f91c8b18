"""Plots of a run, made from what the manifest says: so they can be drawn of any published version.

All of a run stand on one page that needs nothing else: the library that draws them is 4 MB, and is there once.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hydatis_lifecycle.artifacts import Artifact

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["accuracy", "calibration", "importance", "learning_curve", "page", "policies"]

#: Inputs that are drawn; the file beside the plot has all.
SHOWN_INPUTS = 25

_TARGET = re.compile(r"(?:max_)?\d+s")


def calibration(artifact: Artifact) -> go.Figure | None:
    """Share of the judged rows below the 50th and 95th percentile, by target, with where they should be; None: not judged."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for quantile, wanted in (("p50", 0.5), ("p95", 0.95)):
        found = _by_target(artifact, f"coverage_{quantile}_")
        if not found:
            return None
        figure.add_scatter(x=list(found), y=list(found.values()), mode="markers+lines", name=f"below {quantile}")
        figure.add_hline(y=wanted, line_dash="dot", annotation_text=f"{wanted:.0%}")
    return _titled(figure, "share of rows below each quantile", "target", "share of rows")


def accuracy(artifact: Artifact) -> go.Figure | None:
    """Accuracy by target, of the model and of what does not learn; None: not judged."""
    import plotly.graph_objects as go

    rivals = {"model": "", "persistence": "persistence_", "moving mean": "moving_mean_", "moving maximum": "moving_max_"}
    figure = go.Figure()
    for name, infix in rivals.items():
        if found := _by_target(artifact, f"accuracy_{infix}"):
            figure.add_bar(x=list(found), y=list(found.values()), name=name)
    return _titled(figure, "accuracy", "target", "accuracy") if figure.data else None


def learning_curve(artifact: Artifact) -> go.Figure | None:
    """Mean reward by episode; None: the manifest holds no curve."""
    import plotly.graph_objects as go

    curve: Any = artifact.manifest.parameters.get("learning_curve")
    if not isinstance(curve, list) or not curve:
        return None
    figure = go.Figure()
    for name in ("reward_mean", "exploration"):
        figure.add_scatter(x=[point["episode"] for point in curve], y=[point[name] for point in curve], name=name)
    return _titled(figure, "learning curve", "episode", "mean reward; share of random choices")


def policies(artifact: Artifact) -> go.Figure | None:
    """Throttled core-seconds of the model and of its rivals in the same replay; None: not compared."""
    import plotly.graph_objects as go

    suffix = "_throttled_core_seconds"
    found = {name.removesuffix(suffix): value for name, value in artifact.manifest.metrics.items() if name.endswith(suffix)}
    if not found:
        return None
    figure = go.Figure(go.Bar(x=list(found), y=list(found.values())))
    return _titled(figure, "the same pods, placed by each", "policy", "throttled core-seconds")


def importance(shares: Mapping[str, float], meaning: str) -> go.Figure | None:
    """What the inputs weigh, largest on top; None: nothing does."""
    import plotly.graph_objects as go

    shown = dict(list(shares.items())[:SHOWN_INPUTS])
    if not shown:
        return None
    figure = go.Figure(go.Bar(x=list(shown.values())[::-1], y=list(shown)[::-1], orientation="h"))
    return _titled(figure, "importance of inputs", meaning, "", height=200 + 18 * len(shown))


def page(title: str, figures: Iterable[go.Figure | None]) -> str:
    """Figures below each other, as one page of HTML."""
    from plotly.offline import get_plotlyjs

    drawn = "".join(figure.to_html(full_html=False, include_plotlyjs=False) for figure in figures if figure is not None)
    name = html.escape(title)
    head = f"<meta charset='utf-8'><title>{name}</title><script>{get_plotlyjs()}</script>"
    return (
        f"<!doctype html><html lang='en'><head>{head}</head><body><h1>{name}</h1>{drawn or '<p>Nothing to draw.</p>'}</body></html>"
    )


def _by_target(artifact: Artifact, prefix: str) -> dict[str, float]:
    """Metrics ``<resource>_<prefix><target>`` by target."""
    resource = artifact.manifest.name.partition("-")[0]
    whole = f"{resource}_{prefix}"
    return {
        name.removeprefix(whole): value
        for name, value in artifact.manifest.metrics.items()
        if name.startswith(whole) and _TARGET.fullmatch(name.removeprefix(whole))
    }


def _titled(figure: go.Figure, title: str, x: str, y: str, height: int = 480) -> go.Figure:
    figure.update_layout(title=title, template="plotly_white", height=height)
    figure.update_xaxes(title=x)
    return figure.update_yaxes(title=y, automargin=True)
