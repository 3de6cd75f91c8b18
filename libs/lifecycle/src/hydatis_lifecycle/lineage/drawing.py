"""A lineage as SVG: boxes for things, coloured by kind, and pills for the steps between them, read from top to bottom.

The drawing needs nothing from outside: no script, no font, no style sheet. It can be mailed, printed, and put into a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from hydatis_lifecycle.lineage.graph import LineageGraph
from hydatis_lifecycle.lineage.layout import layout
from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord

__all__ = ["KIND_COLOURS", "anchor", "drawn"]

#: From raw data to what serves.
KIND_COLOURS: Mapping[EntityKind, str] = {
    EntityKind.DATASET: "#1d6fa5",
    EntityKind.WORKLOAD: "#2a9d8f",
    EntityKind.FEATURES: "#6a994e",
    EntityKind.MODEL: "#c98a04",
    EntityKind.EVALUATION: "#8d6a9f",
    EntityKind.ARTIFACT: "#c1440e",
    EntityKind.DEPLOYMENT: "#8b1e3f",
}

_BOX, _PILL = (244.0, 46.0), (146.0, 24.0)
_WAYPOINT, _GAP, _BETWEEN, _MARGIN = 14.0, 22.0, 30.0, 16.0
#: Width of a character relative to the size of the font, of the fonts that may be there.
_CHARACTER = 0.62

_STYLE = """
text{font-family:system-ui,sans-serif;fill:#1b1f24}.name{font-size:12.5px;font-weight:600}.what{font-size:10.5px;fill:#57606a}
.step{font-size:11px;fill:#fff}.edge{fill:none;stroke:#8c959f;stroke-width:1.4}.box{fill:#fff;stroke:#8c959f}.pill{fill:#424a53}
.asked{stroke:#1b1f24;stroke-width:2.6}
"""


def anchor(digest: str) -> str:
    """Name of a node's row in a page that lists what is drawn."""
    return f"n{digest.removeprefix('sha256:')[:16]}"


def drawn(graph: LineageGraph, asked: str = "", *, linked: bool = False) -> str:
    """The drawing.

    Args:
        graph: what to draw; legible for some dozens of things.
        asked: digest of the thing that was asked for, which gets a bolder frame.
        linked: nodes are links to ``#anchor(digest)`` in the page around the drawing.

    Returns:
        An ``svg`` element.
    """
    sizes = dict.fromkeys(graph.entities, _BOX) | dict.fromkeys(graph.derivations, _PILL)
    plan = layout(graph, {node: width for node, (width, _) in sizes.items()}, _WAYPOINT, _GAP)
    heights = [max((sizes[node][1] for node in layer if node in sizes), default=0.0) for layer in plan.layers]
    spans, top = {}, _MARGIN
    for layer, height in zip(plan.layers, heights, strict=True):
        for node in layer:
            own = sizes[node][1] if node in sizes else height
            spans[node] = (top + (height - own) / 2, top + (height + own) / 2)
        top += height + _BETWEEN
    right = max((middle + sizes.get(node, (_WAYPOINT, 0.0))[0] / 2 for node, middle in plan.across.items()), default=0.0)
    width, height = right + 2 * _MARGIN, max(top - _BETWEEN, _MARGIN) + _MARGIN
    across = {node: middle + _MARGIN for node, middle in plan.across.items()}
    body = [_edge(edge, across, spans) for edge in plan.edges]
    for node, entity in graph.entities.items():
        body.append(_link(node, _box(entity, across[node], sum(spans[node]) / 2, node == asked), linked))
    for node, record in graph.derivations.items():
        body.append(_link(node, _pill(record, across[node], sum(spans[node]) / 2), linked))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Lineage" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}"><style>{_STYLE}</style>'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#8c959f"/></marker></defs>'
        f"{''.join(body)}</svg>"
    )


def _edge(edge: Sequence[str], across: Mapping[str, float], spans: Mapping[str, tuple[float, float]]) -> str:
    """From the lower end of the first node to the upper end of the last; straight down past what stands beside a waypoint."""
    path = f"M{across[edge[0]]:.1f} {spans[edge[0]][1]:.1f}"
    for upper, lower in pairwise(edge):
        x, y, to_x, to_y = across[upper], spans[upper][1], across[lower], spans[lower][0]
        middle = (y + to_y) / 2
        path += f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
        if lower != edge[-1]:
            path += f"V{spans[lower][1]:.1f}"
    return f'<path class="edge" d="{path}" marker-end="url(#tip)"/>'


def _box(entity: Entity, x: float, y: float, asked: bool) -> str:
    (width, height), named = _BOX, f"{entity.name} {entity.version}".strip()
    what = " · ".join(filter(None, (entity.kind.value, entity.version, entity.digest[7:19])))
    left, top = x - width / 2, y - height / 2
    frame = "box asked" if asked else "box"
    return (
        f"<title>{escape(entity.kind.value)} {escape(named)}\n{entity.digest}</title>"
        f'<rect class="{frame}" x="{left:.1f}" y="{top:.1f}" width="{width:.0f}" height="{height:.0f}" rx="4"/>'
        f'<rect x="{left:.1f}" y="{top:.1f}" width="7" height="{height:.0f}" rx="2" fill="{KIND_COLOURS[entity.kind]}"/>'
        f'<text class="name" x="{left + 16:.1f}" y="{y - 4:.1f}">{_fitting(entity.name, width - 24, 12.5)}</text>'
        f'<text class="what" x="{left + 16:.1f}" y="{y + 13:.1f}">{escape(what)}</text>'
    )


def _pill(record: StepRecord, x: float, y: float) -> str:
    width, height = _PILL
    told = "\n".join((f"{record.step} of {record.run}", *(f"{key}: {value}" for key, value in sorted(record.parameters.items()))))
    return (
        f"<title>{escape(told)}</title>"
        f'<rect class="pill" x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.0f}" height="{height:.0f}" rx="12"/>'
        f'<text class="step" x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{_fitting(record.step, width - 16, 11)}</text>'
    )


def _link(node: str, shape: str, linked: bool) -> str:
    return f'<a href="#{anchor(node)}">{shape}</a>' if linked else f"<g>{shape}</g>"


def _fitting(text: str, room: float, size: float) -> str:
    count = int(room / (size * _CHARACTER))
    return escape(text if len(text) <= count else f"{text[: count - 1]}…")
