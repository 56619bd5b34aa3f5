"""Pages of tries and reviews: everything inline, no script, every value escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render_page(template: str, **values: object) -> str:
    """Fill a template of `delivery/templates`; the frame around it is that of the data reports.

    Args:
        template: Its name, such as `review.html`.
        values: What it shows.
    """
    return _environment().get_template(template).render(**values)


def drawing(svg: str) -> Markup:
    """Let our own drawing through: its texts went through matplotlib's XML escaping."""
    return Markup(svg)  # noqa: S704


@cache
def _environment() -> Environment:
    loaders = [PackageLoader("headrace.delivery"), PackageLoader("headrace.training")]
    return Environment(loader=ChoiceLoader(loaders), autoescape=True, undefined=StrictUndefined)
