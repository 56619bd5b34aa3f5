"""HTML pages that tasks leave behind: everything inline, no script, every value escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


def render_page(template: str, **values: object) -> str:
    """Fill a template of `training/templates`.

    Args:
        template: Its name, such as `profile.html`.
        values: What it shows.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("headrace.training"), autoescape=True, undefined=StrictUndefined
    )
