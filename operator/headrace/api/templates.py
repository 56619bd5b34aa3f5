"""Templates of PromQL for checks of kind `Value`: sandboxed, and strict about every name."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

NAMES: Mapping[str, tuple[str, ...]] = {
    "candidate": ("version",),
    "stable": ("version",),
    "model": ("name",),
    "rollout": ("name", "namespace"),
}
"""What a template can say, such as `{{ candidate.version }}`."""

LONGEST = 4000

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
# A query needs names filled in, no programs: `range(10**9)` in a loop would never end.
_ENVIRONMENT.globals.clear()
_STATEMENT = _ENVIRONMENT.block_start_string


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
    if len(template) > LONGEST:
        raise ValueError(f"has {len(template)} characters, more than {LONGEST}")
    if _STATEMENT in template:
        raise ValueError("has a statement; expected names only, as `{{ candidate.version }}`")
    escaped = {
        thing: {name: _escaped(text) for name, text in names.items()}
        for thing, names in values.items()
    }
    try:
        rendered = _ENVIRONMENT.from_string(template).render(escaped)
    except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
        known = ", ".join(f"{thing}.{name}" for thing, names in NAMES.items() for name in names)
        raise ValueError(f"is no template: {error}; expected names of {known}") from error
    if not rendered.strip():
        raise ValueError("is empty; expected a query")
    return rendered


def check_template(template: str) -> None:
    """Refuse a template that cannot be filled in.

    Raises:
        ValueError: The same as `render_query`.
    """
    render_query(template, {thing: dict.fromkeys(names, "x") for thing, names in NAMES.items()})


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
