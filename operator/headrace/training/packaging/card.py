"""The model card: what a model does, how good it is, and what it must not be used for.

One document, `card.json` of a bundle, from which Markdown and HTML are made. Facts come from the
fitted model and its evaluation; what only people know (owner, licence, intended use, limitations)
is given by them, and a review may insist on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headrace.errors import InvalidBundle, InvalidInput
from headrace.training.model.fitted import Description

FORMAT = "headrace.dev/card/v1"

KNOWN = (
    "summary",
    "owner",
    "contact",
    "licence",
    "intended_use",
    "not_for",
    "limitations",
    "fairness",
    "data",
    "references",
)
"""What people are expected to tell, in the order of the card; they may tell more."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


class Part(BaseModel):
    """A part of a card."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CardInput(Part):
    """One input of the model."""

    name: str
    type: str
    nullable: bool


class CardScore(Part):
    """A score on rows that the model was not fitted on, with its interval where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


class CardTraining(Part):
    """What the model learned from."""

    rows: int
    digest: str
    first: str | None
    """The earliest instant of the rows, ISO 8601."""
    last: str | None
    estimator: str
    parameters: dict[str, Any]
    seed: int
    software: dict[str, str]
    code_commit: str
    run: str


class Card(Part):
    """A model card.

    Attributes:
        about: What people tell, by name; `KNOWN` are expected.
        parity: The largest difference between the answers of the packaged and the fitted model.
    """

    format: Literal["headrace.dev/card/v1"] = "headrace.dev/card/v1"
    name: str
    version: str
    task: str
    target: str
    positive: str
    classes: tuple[str, ...]
    about: dict[Annotated[str, Field(pattern=_NAME.pattern)], str]
    inputs: tuple[CardInput, ...]
    request: tuple[CardInput, ...]
    features: str
    training: CardTraining
    scores: dict[str, CardScore]
    segments: tuple[dict[str, Any], ...] = ()
    parity: float

    def document(self) -> str:
        """Give the content of `card.json`."""
        return self.model_dump_json(indent=2) + "\n"


def about_of(given: Mapping[str, object]) -> dict[str, str]:
    """Check what people tell about a model.

    Args:
        given: Texts by name; empty ones count as not told.

    Raises:
        InvalidInput: A name or a text is none.
    """
    told = {}
    for name, text in given.items():
        if not _NAME.fullmatch(name) or not isinstance(text, str):
            raise InvalidInput(
                f"The card's {name!r} is {text!r}; expected a text under a name of lower-case "
                f"letters, digits and underscores, such as {', '.join(KNOWN[:4])}."
            )
        if text.strip():
            told[name] = text.strip()
    ordered = [name for name in KNOWN if name in told]
    return {name: told[name] for name in [*ordered, *sorted(set(told) - set(ordered))]}


def card_of(
    name: str,
    version: str,
    description: Description,
    about: Mapping[str, object],
    evaluation: Mapping[str, Any],
    parity: float,
) -> Card:
    """Put a card together; the same arguments give the same card, without the time of day.

    Args:
        name: The model's name.
        version: Its version.
        description: Of the fitted model.
        about: What people tell.
        evaluation: The document that `evaluate` wrote; empty for none.
        parity: See `Card`.

    Raises:
        InvalidInput: What people tell is not texts by name.
        InvalidBundle: The evaluation is none.
    """
    try:
        return Card(
            name=name,
            version=version,
            task=description.task,
            target=description.target,
            positive=description.positive,
            classes=description.classes,
            about=about_of(about),
            inputs=tuple(CardInput(**_column(each)) for each in description.inputs),
            request=tuple(CardInput(**_column(each)) for each in description.request_columns),
            features=description.features,
            training=CardTraining(
                rows=description.rows,
                digest=description.data_digest,
                first=description.first,
                last=description.last,
                estimator=description.estimator,
                parameters=dict(description.parameters),
                seed=description.seed,
                software=dict(description.software),
                code_commit=description.code_commit,
                run=description.run,
            ),
            scores=evaluation.get("scores", {}),
            segments=tuple(evaluation.get("segments") or ()),
            parity=parity,
        )
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
        )
        raise InvalidBundle(f"The model card cannot be made: {faults}.") from error


def read_card(content: bytes) -> Card:
    """Read `card.json`.

    Raises:
        InvalidBundle: It is no card.
    """
    try:
        return Card.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "(document)"
        raise InvalidBundle(f"card.json is no model card: {where}: {first['msg']}.") from error


def _column(column: Any) -> dict[str, Any]:
    return {"name": column.name, "type": column.type, "nullable": column.nullable}
