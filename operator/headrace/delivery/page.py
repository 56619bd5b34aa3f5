"""Pages of tries and reviews, in the frame of those about data."""

from __future__ import annotations

from markupsafe import Markup

from headrace.training import page


def render_page(template: str, **values: object) -> str:
    """Fill a template of `delivery/templates`.

    Args:
        template: Its name, such as `review.html`.
        values: What it shows.
    """
    return page.render_page(template, package="headrace.delivery", **values)


def drawing(svg: str) -> Markup:
    """Let our own drawing through: its texts went through matplotlib's XML escaping."""
    return Markup(svg)  # noqa: S704
