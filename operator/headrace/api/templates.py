"""Templates of PromQL for checks of kind `Value`: names filled in, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.api.jinja_text import JinjaText

NAMES: Mapping[str, tuple[str, ...]] = {
    "candidate": ("version",),
    "stable": ("version",),
    "model": ("name",),
    "rollout": ("name", "namespace"),
}
"""What a template can say, such as `{{ candidate.version }}`."""

LONGEST = 4000


def render_query(template: str, values: Mapping[str, Mapping[str, str]]) -> str:
    """Fill in a template.

    The values are written as PromQL writes text between double quotes, so that no version's name
    can leave its quotes.

    Args:
        template: Such as `max(memory_bytes{version="{{ candidate.version }}"})`.
        values: As `NAMES` has them.

    Raises:
        ValueError: The template is wrong, or says a name that is not known.
    """
    # Few rollouts have a query of their own, and Jinja2 takes long to import.
    from headrace.api.jinja_text import NotTemplate, escaped

    try:
        rendered = _parsed(template).filled(escaped(values))
    except NotTemplate as error:
        place = f" in line {error.line}, column {error.column}" if error.line else ""
        expected = f"; expected {error.expected}" if error.expected else ""
        raise ValueError(f"{error}{place}{expected}") from error
    if not rendered.strip():
        raise ValueError("is empty; expected a query")
    return rendered


@lru_cache(maxsize=1024)
def _parsed(template: str) -> JinjaText:
    from headrace.api.jinja_text import parse_template

    return parse_template(template, NAMES, longest=LONGEST, statements=False)


def check_template(template: str) -> None:
    """Refuse a template that cannot be filled in.

    Raises:
        ValueError: The same as `render_query`.
    """
    render_query(template, {thing: dict.fromkeys(names, "x") for thing, names in NAMES.items()})
