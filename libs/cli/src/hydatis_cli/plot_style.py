"""How plots of reports look, whatever they show."""

from __future__ import annotations

import plotly.graph_objects as go

__all__ = ["styled"]


def styled(figure: go.Figure, height: int) -> go.Figure:
    """The same figure, so many pixels high, with room for the labels of its y axes."""
    figure.update_yaxes(automargin=True)
    return figure.update_layout(
        height=height,
        template="plotly_white",
        margin={"l": 60, "r": 20, "t": 40, "b": 50},
        font={"family": "system-ui, sans-serif"},
    )
