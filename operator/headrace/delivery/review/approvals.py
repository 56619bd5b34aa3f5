"""What people have said about a version: tags of MLflow, or a file.

Nobody is proved to be who they say: that is up to whoever may write to MLflow or to the file, such
as its own log-in, or the reviewers of a repository. A word is bound to the version's digest, so
it holds for those bytes alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import TypeAdapter, ValidationError

from headrace.api.yaml_text import NotYaml, read_documents
from headrace.delivery.files import publish
from headrace.delivery.target import DirectoryTarget, parse_target
from headrace.errors import InvalidInput
from headrace.registry import Registry

PREFIX = "headrace.review."
"""Of the tags of a model version; the rest of a tag's name is the person's."""

_PLAIN = "expected letters, digits, dots, hyphens, underscores, spaces or @"


@dataclass(frozen=True)
class Word:
    """What one person has said.

    Attributes:
        by: Who.
        says: Yes or no.
        at: When, ISO 8601 in UTC.
        digest: Of the bundle that it is about.
        comment: Why, in their words.
    """

    by: str
    says: Literal["approve", "reject"]
    at: str
    digest: str
    comment: str = ""


class Words(Protocol):
    """Where people leave their words about versions."""

    def of(self, name: str, version: str) -> Sequence[Word]:
        """Give what was said about a version so far.

        Raises:
            TemporaryError: It cannot be read now.
            InvalidInput: It cannot be read.
        """
        ...

    def say(self, name: str, version: str, word: Word) -> None:
        """Leave a word; one person's next word takes the place of the last."""
        ...


def word_of(
    by: str,
    says: Literal["approve", "reject"],
    digest: str,
    comment: str = "",
    now: datetime | None = None,
) -> Word:
    """Make a word, spoken now.

    Raises:
        InvalidInput: The name is none.
    """
    if not by or len(by) > 100 or not all(each.isalnum() or each in "._-@ " for each in by):
        raise InvalidInput(f"{by!r} cannot name a person; {_PLAIN}.")
    moment = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    return Word(by, says, moment.isoformat().replace("+00:00", "Z"), digest, comment)


def words_at(place: str) -> Words:
    """Find the place of people's words.

    Args:
        place: `file:///folder` with a file `NAME-VERSION.yaml` a version, or an MLflow registry.

    Raises:
        InvalidInput: It is neither.
    """
    if place.startswith("file:"):
        target = parse_target(place)
        if isinstance(target, DirectoryTarget):
            return FileWords(target.path)
    return TagWords(Registry(place))


class TagWords:
    """Words in the tags of an MLflow model version: `headrace.review.PERSON`."""

    def __init__(self, registry: Registry) -> None:
        """Take the registry."""
        self._registry = registry

    def of(self, name: str, version: str) -> Sequence[Word]:
        """See `Words`."""
        tags = self._registry.tags_of(name, version)
        return [
            _word(text, f"the tag {tag} of {name} {version}")
            for tag, text in sorted(tags.items())
            if tag.startswith(PREFIX)
        ]

    def say(self, name: str, version: str, word: Word) -> None:
        """See `Words`."""
        # MLflow takes no @ in the name of a tag, and people's names here have no colon.
        tag = PREFIX + word.by.replace("@", ":")
        self._registry.set_tag(name, version, tag, json.dumps(asdict(word)))


class FileWords:
    """Words in files, such as those of a repository in which reviews are pull requests."""

    def __init__(self, folder: Path) -> None:
        """Take the folder."""
        self._folder = folder

    def of(self, name: str, version: str) -> Sequence[Word]:
        """See `Words`."""
        file = self._file(name, version)
        try:
            documents = read_documents(file.read_text("utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError, NotYaml) as error:
            raise InvalidInput(f"{file} cannot be read: {error}.") from error
        data = documents[0].data if documents else None
        if not isinstance(data, list):
            raise InvalidInput(
                f"{file} has no words about {name} {version}; expected a list of by, says, at, "
                "digest and comment."
            )
        return [_checked(each, str(file)) for each in data]

    def say(self, name: str, version: str, word: Word) -> None:
        """See `Words`."""
        kept = [each for each in self.of(name, version) if each.by != word.by]
        lines = [json.dumps(asdict(each), ensure_ascii=False) for each in [*kept, word]]
        publish(self._file(name, version), "".join(f"- {line}\n" for line in lines))

    def _file(self, name: str, version: str) -> Path:
        return self._folder / f"{name}-{version}.yaml".replace("/", "-")


_READER: TypeAdapter[Word] = TypeAdapter(Word)


def _word(text: str, where: str) -> Word:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = text
    return _checked(data, where)


def _checked(data: Any, where: str) -> Word:
    try:
        return _READER.validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        part = ".".join(map(str, first["loc"])) or "(all)"
        raise InvalidInput(
            f"{where} is no word of a review: {part}: {first['msg']}. Use `headrace approve`."
        ) from error
