"""Jinja2 text in a language without programs: bounded in time and memory, strict about names.

Nothing is evaluated before `headrace.api.jinja_tree` has found the whole tree harmless. The sandbox
of Jinja2 stands behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.environment import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from headrace.api.jinja_tree import DEEPEST, TESTS, Names, NotTemplate, check_tree, tag_column

__all__ = ["JinjaText", "NotTemplate", "escaped", "parse_template"]

_LONGEST_VALUE = 20_000
_LONGEST_OUTPUT = 200_000


@dataclass(frozen=True, slots=True)
class JinjaText:
    """A template that has been found harmless.

    Attributes:
        text: As it was written.
        names: What it may say.
    """

    text: str
    names: Names
    _compiled: Template = field(repr=False, compare=False)

    def filled(self, values: Mapping[str, Mapping[str, str]]) -> str:
        """Fill it in.

        Args:
            values: Texts for everything in `names`.

        Raises:
            NotTemplate: It compares what cannot be compared, or becomes too long.
        """
        written: list[str] = []
        length = 0
        try:
            for piece in self._compiled.generate(values):
                length += len(piece)
                if length > _LONGEST_OUTPUT:
                    expected = f"at most {_LONGEST_OUTPUT:,} characters"
                    raise NotTemplate("becomes too long", expected=expected)
                written.append(piece)
        except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
            ours = isinstance(error, NotTemplate)
            problem = str(error) if ours else f"cannot be filled in: {error}"
            expected = error.expected if isinstance(error, NotTemplate) else ""
            line = _line_of(error)
            raise NotTemplate(problem, line, tag_column(self.text, line), expected) from error
        return "".join(written)


def parse_template(text: str, names: Names, *, longest: int, statements: bool) -> JinjaText:
    """Read a template.

    Args:
        text: Jinja2.
        names: What it may say.
        longest: Characters that it may have.
        statements: Whether it may have `{% if %}` and `{% for %}`.

    Raises:
        NotTemplate: With line and column, where there are any.
    """
    if len(text) > longest:
        raise NotTemplate(f"has {len(text):,} characters", expected=f"at most {longest:,}")
    try:
        tree = _ENVIRONMENT.parse(text)
        check_tree(tree, text, names, statements=statements)
        return JinjaText(text, names, _ENVIRONMENT.from_string(tree))
    except TemplateSyntaxError as error:
        line = error.lineno
        raise NotTemplate(
            f"is no template: {error.message}", line, tag_column(text, line)
        ) from error
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise NotTemplate("is nested too deeply", expected=f"at most {DEEPEST} levels") from error
    except ValueError as error:
        if isinstance(error, NotTemplate):
            raise
        # Python reads whole numbers of up to 4,300 digits.
        raise NotTemplate("has a number that is too large") from error


def escaped(values: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Write values as they stand between double quotes, in YAML and in PromQL.

    No value can leave its quotes.
    """
    return {
        thing: {name: _escaped(text) for name, text in attributes.items()}
        for thing, attributes in values.items()
    }


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _line_of(error: BaseException) -> int:
    """Give the line of a template that raised; Jinja2 writes it into the traceback."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _bounded(change: Callable[..., object]) -> Callable[..., object]:
    def bounded(*given: object) -> object:
        made = change(*given)
        if isinstance(made, str) and len(made) > _LONGEST_VALUE:
            raise NotTemplate("makes too long a text", expected=f"at most {_LONGEST_VALUE:,}")
        return made

    return bounded


def _replace(value: object, old: object, new: object) -> str:
    text, before, after = str(value), str(old), str(new)
    # Said before it is made: an empty text is everywhere.
    if len(text) + text.count(before) * len(after) > _LONGEST_VALUE:
        raise NotTemplate("makes too long a text", expected=f"at most {_LONGEST_VALUE:,}")
    return text.replace(before, after)


_FILTERS: Mapping[str, Callable[..., object]] = {
    "int": _bounded(lambda value: int(str(value))),
    "lower": _bounded(lambda value: str(value).lower()),
    "replace": _replace,
    "trim": _bounded(lambda value: str(value).strip()),
    "upper": _bounded(lambda value: str(value).upper()),
}

_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
)
_ENVIRONMENT.globals.clear()
_ENVIRONMENT.globals["range"] = range
_ENVIRONMENT.filters.clear()
_ENVIRONMENT.filters.update(_FILTERS)
_ENVIRONMENT.tests = {name: _ENVIRONMENT.tests[name] for name in TESTS}
