"""What a review can tell without a person: the card, the licence, the evaluation, fairness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from headrace.delivery.review.fairness import Answers, treatment_of
from headrace.delivery.review.policy import Policy
from headrace.errors import InvalidBundle, InvalidInput
from headrace.serving.bundle import Bundle
from headrace.serving.comparison import is_positive, label_text
from headrace.training.model.columns import inputs_of, request_of
from headrace.training.model.fitted import Description, read_description
from headrace.training.packaging.card import Card, read_card
from headrace.training.packaging.parity import packaged_answers


@dataclass(frozen=True)
class Check:
    """One thing that a policy insists on.

    Attributes:
        name: What.
        passed: Whether it is so.
        message: In one sentence.
    """

    name: str
    passed: bool
    message: str


@dataclass(frozen=True)
class Subject:
    """What is reviewed.

    Attributes:
        bundle: Checked against its digest.
        folder: Where it is.
        evaluation: The document that `evaluate` wrote; empty for none.
        holdout: Rows that the model was not fitted on; None for none.
    """

    bundle: Bundle
    folder: Path
    evaluation: Mapping[str, Any]
    holdout: pd.DataFrame | None = None


def checks_of(policy: Policy, subject: Subject) -> tuple[Check, ...]:
    """Check everything that needs no person.

    Raises:
        InvalidBundle: The bundle has no card.
        InvalidInput: A fairness bound is none for this model.
        InvalidData: The held-out rows cannot be judged.
    """
    card = _card(subject)
    checks = [*_card_checks(policy, card), *_lineage_checks(policy, subject.bundle)]
    if policy.evaluation:
        passed = subject.evaluation.get("passed") is True
        failed = [
            str(gate.get("expression"))
            for gate in subject.evaluation.get("gates") or ()
            if not gate.get("passed")
        ]
        said = "it passed its evaluation"
        if not passed:
            said = f"it did not pass: {', '.join(failed)}" if failed else "it was not evaluated"
        checks.append(Check("evaluation", passed, said))
    checks += _fairness_checks(policy, subject)
    return tuple(checks)


def _card(subject: Subject) -> Card:
    file = subject.folder / "card.json"
    if not file.is_file():
        raise InvalidBundle(f"{subject.folder} has no card.json: package the model anew.")
    return read_card(file.read_bytes())


def _card_checks(policy: Policy, card: Card) -> Iterator[Check]:
    for name in policy.card:
        told = bool(card.about.get(name))
        yield Check(f"card: {name}", told, "it is told" if told else "nobody has told it")
    if policy.licences:
        licence = card.about.get("licence", "")
        allowed = ", ".join(policy.licences)
        named = f"it is {licence}" if licence else "none is told"
        passed = licence in policy.licences
        yield Check("licence", passed, named if passed else f"{named}; allowed: {allowed}")


def _lineage_checks(policy: Policy, bundle: Bundle) -> Iterator[Check]:
    for name in policy.lineage:
        known = bundle.signature.metadata.get(name, "")
        yield Check(f"lineage: {name}", bool(known), known or "it is not known")


def _fairness_checks(policy: Policy, subject: Subject) -> Iterator[Check]:
    if not policy.fairness:
        return
    if subject.holdout is None:
        raise InvalidInput("The policy bounds fairness, so the review needs held-out rows.")
    answers = _answers(subject, subject.holdout)
    for bound in policy.fairness:
        treatment = treatment_of(bound, subject.holdout, answers)
        name = f"fairness: {bound.measure} by {bound.column}"
        small = ", ".join(f"{group} ({rows})" for group, rows in treatment.left_out.items())
        more = f"; too few rows to judge: {small}" if small else ""
        yield Check(name, treatment.passed, treatment.message + more)


def _answers(subject: Subject, rows: pd.DataFrame) -> Answers:
    signature = subject.bundle.signature
    known: Description = read_description(subject.folder)
    request = request_of(rows, known.request_columns)
    columns = inputs_of(request, known.features, known.inputs)
    found = packaged_answers(signature, subject.bundle.model, columns)
    truth = rows[known.target]
    kind = signature.output.kind
    if kind == "number":
        return Answers(kind, np.asarray(found, dtype=float), truth.to_numpy(dtype=float))
    labels = np.array([label_text(each) for each in truth], dtype=object)
    if kind == "label":
        return Answers(kind, np.array([str(each) for each in found], dtype=object), labels)
    limit = signature.output.threshold
    assert limit is not None
    return Answers(kind, is_positive(np.asarray(found), limit), labels == known.positive)
