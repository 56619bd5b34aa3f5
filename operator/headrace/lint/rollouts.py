"""The ModelRollouts of files, folders and standard input, for commands that need valid ones."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.api import ModelRollout
from headrace.api.documents import rollout_of
from headrace.api.yaml_text import NotYaml, YamlDocument, read_documents
from headrace.errors import Fault, InvalidInput, InvalidRollout
from headrace.lint.linter import is_meant, may_have_rollouts
from headrace.lint.sources import Source, Unread, read_sources


def read_rollouts(names: Sequence[str]) -> list[ModelRollout]:
    """Read every ModelRollout that is named; documents of other kinds are passed over.

    Args:
        names: Paths of files and folders, or `-` for standard input.

    Returns:
        At least one, in the order of names and documents.

    Raises:
        InvalidInput: Something cannot be read, or there is none, or several are not valid; with
            all that is wrong.
        InvalidRollout: One is not valid, and nothing else is wrong; with all its faults.
    """
    found: list[ModelRollout] = []
    wrong: list[InvalidInput] = []
    for source in read_sources(names):
        if isinstance(source, Unread):
            wrong.append(InvalidInput(f"{source.name}: {source.problem}."))
            continue
        try:
            documents = _documents(source)
        except InvalidRollout as error:
            wrong.append(error)
            continue
        for document in documents:
            try:
                found.append(rollout_of(document, source.name))
            except InvalidRollout as error:
                wrong.append(error)
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        raise InvalidInput("\n".join(map(str, wrong)))
    if not found:
        raise InvalidInput(f"There is no ModelRollout in {', '.join(names)}.")
    return found


def _documents(source: Source) -> list[YamlDocument]:
    if not may_have_rollouts(source):
        return []
    try:
        return [document for document in read_documents(source.text) if is_meant(document)]
    except NotYaml as error:
        where = f"line {error.line}, column {error.column}" if error.line else "(document)"
        fault = Fault(where, str(error), error.expected)
        raise InvalidRollout(source.name, [fault]) from error
