"""Names another version in the text of a ModelRollout, and changes nothing else in it."""

from __future__ import annotations

import yaml

from headrace.api.yaml_text import NotYaml, read_documents
from headrace.errors import Fault, InvalidRollout


def name_version(text: str, model: dict[str, str], source: str = "(text)") -> str:
    """Write `spec.model` anew in YAML text; comments and everything else stay as they are.

    Args:
        text: A ModelRollout; `spec.model` may be incomplete, but must be there.
        model: Its new fields, such as version, uri and digest. Others that it has stay.
        source: Its name in messages.

    Returns:
        The new text.

    Raises:
        InvalidRollout: It is no YAML, or has no `spec.model` to change.
    """
    try:
        read_documents(text)  # bounds what is composed
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (NotYaml, yaml.YAMLError) as error:
        problem = str(error) if isinstance(error, NotYaml) else f"not YAML: {error}"
        raise InvalidRollout(source, [Fault("(document)", problem)]) from error
    found = _child(_child(node, "spec"), "model")
    if not isinstance(found, yaml.MappingNode):
        raise InvalidRollout(source, [Fault("spec.model", "is missing", "a mapping", "model: {}")])
    fields = {key.value: value.value for key, value in found.value} | model
    start, end = found.start_mark.index, found.end_mark.index
    if found.flow_style:
        inside = ", ".join(f"{key}: {_scalar(value)}" for key, value in fields.items())
        return f"{text[:start]}{{{inside}}}{text[end:]}"
    # A block mapping ends at the next token, which may be lines of comments further down.
    end = found.value[-1][1].end_mark.index
    indent = " " * found.start_mark.column
    lines = [f"{key}: {_scalar(value)}" for key, value in fields.items()]
    return text[:start] + f"\n{indent}".join(lines) + text[end:]


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        children: dict[str, yaml.Node] = {key.value: value for key, value in node.value}
        return children.get(name)
    return None


def _scalar(value: str) -> str:
    plain = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n...\n")
    return plain.strip().replace("'", '"') if plain.startswith("'") else plain.strip()
