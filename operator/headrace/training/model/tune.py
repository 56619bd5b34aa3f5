"""The reducer of a fan-out: of models fitted side by side, takes the one that did best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.errors import InvalidInput
from headrace.training.model.fitted import Description, read_description, read_fitted, write_fitted
from headrace.training.model.trials import Trials, read_trials, write_trials
from headrace.training.page import render_page


@dataclass(frozen=True)
class Tuned:
    """The winner.

    Attributes:
        place: Which of the models it was, from 0.
        score: What it reached, more is better.
        description: Of the model.
        trials: Of all models together.
    """

    place: int
    score: float
    description: Description
    trials: Trials


def tune(models: Sequence[Path], target: Path) -> Tuned:
    """Copy the best of some fitted models, with the trials of all.

    Args:
        models: What `train` wrote, one directory each.
        target: The directory of the winner.

    Raises:
        InvalidInput: There are no models, or they cannot be compared.
        NotFound: A model is not there.
        InvalidBundle: A model or its table of trials is broken.
    """
    if not models:
        raise InvalidInput("There are no models to choose from; the fan-out was empty.")
    tables = [read_trials(model) for model in models]
    descriptions = [read_description(model) for model in models]
    _require_comparable(tables, descriptions)
    scores = [_score(table) for table in tables]
    place = scores.index(max(scores))
    # Not a copy of the files: what is handed on was read and checked.
    write_fitted(target, read_fitted(models[place]))
    before = sum(len(table.trials) for table in tables[:place])
    merged = Trials(
        scoring=tables[0].scoring,
        trials=tuple(trial for table in tables for trial in table.trials),
        best=before + tables[place].best,
    )
    write_trials(target, merged)
    return Tuned(place, scores[place], descriptions[place], merged)


def trials_page(trials: Trials) -> str:
    """Show the trials in HTML, the best first."""
    ranked = sorted(
        enumerate(trials.trials),
        key=lambda item: (item[1].score is None, -(item[1].score or 0.0), item[0]),
    )
    names = sorted({name for trial in trials.trials for name in trial.parameters})
    return render_page(
        "trials.html",
        title="Trials",
        scoring=trials.scoring,
        names=names,
        trials=[(place == trials.best, trial) for place, trial in ranked],
    )


def _score(table: Trials) -> float:
    score = table.trials[table.best].score
    assert score is not None, "read_trials refuses a winner without a score"
    return score


def _require_comparable(tables: Sequence[Trials], descriptions: Sequence[Description]) -> None:
    for what, found in (
        ("scored by", {table.scoring for table in tables}),
        ("fitted on data", {each.data_digest for each in descriptions}),
        ("for the target", {each.target for each in descriptions}),
    ):
        if len(found) > 1:
            raise InvalidInput(
                f"The models cannot be compared: they are {what} {' and '.join(sorted(found))}."
            )
