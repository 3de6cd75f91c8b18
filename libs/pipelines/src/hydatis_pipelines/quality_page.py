"""A quality report as one page that people read: verdict first, then scores, then what to repair."""

from __future__ import annotations

from importlib.resources import files

import jinja2
from hydatis_lifecycle.quality.gates import Gates
from hydatis_lifecycle.quality.report import DIMENSIONS, QualityReport

__all__ = ["quality_page"]


def quality_page(report: QualityReport, gates: Gates) -> str:
    """The page, HTML without anything outside it.

    Args:
        report: what is shown.
        gates: what it was judged by.
    """
    text = (files("hydatis_pipelines") / "templates" / "quality.html.j2").read_text()
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(text)
    return template.render(report=report, gates=gates.dimensions, dimensions=DIMENSIONS) + "\n"
