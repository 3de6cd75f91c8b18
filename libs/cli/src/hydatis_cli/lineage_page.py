"""A lineage as one page that needs nothing from outside: the drawing, and below it every step and thing in full."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files

import jinja2
from hydatis_lifecycle.lineage.drawing import KIND_COLOURS, anchor, drawn
from hydatis_lifecycle.lineage.graph import LineageGraph
from hydatis_lifecycle.lineage.record import Entity

__all__ = ["lineage_page"]


def lineage_page(graph: LineageGraph, asked: Entity) -> str:
    """The page as HTML."""
    steps = [
        {
            "anchor": anchor(digest),
            "record": record,
            "day": datetime.fromtimestamp(record.started_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "seconds": record.ended_seconds - record.started_seconds,
            "parameters": json.dumps(dict(record.parameters), sort_keys=True) if record.parameters else "",
        }
        for digest, record in graph.derivations.items()
    ]
    template = jinja2.Environment(autoescape=True).from_string((files("hydatis_cli") / "templates" / "lineage.html.j2").read_text())
    return template.render(
        asked=asked,
        drawing=drawn(graph, asked.digest, linked=True),
        steps=steps,
        things=[(anchor(digest), entity) for digest, entity in graph.entities.items()],
        colours={kind.value: colour for kind, colour in KIND_COLOURS.items()},
    )
