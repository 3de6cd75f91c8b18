"""A model card as Markdown and as a page: the same words, by jinja2 templates beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from hydatis_lifecycle.cards.card import ModelCard

__all__ = ["card_html", "card_markdown"]


def card_markdown(card: ModelCard) -> str:
    """The card as Markdown."""
    return _templates().get_template("card.md.j2").render(card=card)


def card_html(card: ModelCard) -> str:
    """The card as one HTML page that needs nothing else; what comes from models is escaped."""
    return _templates().get_template("card.html.j2").render(card=card)


@cache
def _templates() -> Environment:
    folder = Path(__file__).parent / "card_templates"
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(enabled_extensions=("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
