"""HTML pages that tasks leave behind: everything inline, no script, every value escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

FRAME = "headrace.training"
"""The package whose `page.html` stands around all pages."""


def render_page(template: str, *, package: str = FRAME, **values: object) -> str:
    """Fill a template.

    Args:
        template: Its name, such as `profile.html`.
        package: In whose folder `templates` it is.
        values: What it shows.
    """
    return _environment(package).get_template(template).render(**values)


@cache
def _environment(package: str) -> Environment:
    loaders = [PackageLoader(name) for name in dict.fromkeys((package, FRAME))]
    return Environment(loader=ChoiceLoader(loaders), autoescape=True, undefined=StrictUndefined)
