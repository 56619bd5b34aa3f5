"""A model card for people: Markdown, and the same as one HTML page."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt

from headrace.training.packaging.card import Card

_TITLES = {"not_for": "What it must not be used for", "licence": "Licence"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")


def markdown_of(card: Card) -> str:
    """Write a card in Markdown.

    Args:
        card: Its texts may hold Markdown; names and values in tables are shown as they are.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,  # noqa: S701 - Markdown, whose renderer below lets no HTML through
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": _cell, "title": _title, "number": _number}
    return environment.get_template("card.md").render(card=card)


def html_of(card: Card) -> str:
    """Write a card as a page that needs nothing else; HTML within its texts is shown, not used."""
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    body = renderer.render(markdown_of(card))
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True
    )
    page = environment.get_template("card.html")
    return page.render(title=f"{card.name} {card.version}", body=body)


def _cell(value: object) -> str:
    """Show a value within a table: on one line, and no character means anything."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def _title(name: str) -> str:
    return _TITLES.get(name) or name.replace("_", " ").capitalize()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
