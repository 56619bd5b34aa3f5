"""A whole training as a task does it: read, fit, track, store."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from headrace.training.data.schema_text import parse_schema
from headrace.training.data.table import describe_table, read_table
from headrace.training.model.fitted import Description, Fitted, write_fitted
from headrace.training.model.recipe import Recipe
from headrace.training.model.train import train
from headrace.training.model.trials import Trials, place_of, track, write_trials
from headrace.training.model.tune import trials_page


@dataclass(frozen=True)
class Done:
    """What a training leaves beside its model: the best score, a page, and texts by name."""

    score: float
    page: str
    metadata: dict[str, str]


def run(
    rows: Path, schema: str, recipe: Recipe, target: Path, registry_uri: str = "", name: str = ""
) -> Done:
    """Train a model and store it.

    Args:
        rows: Parquet.
        schema: Its schema in YAML.
        recipe: How.
        target: The directory of the model.
        registry_uri: Where the run is tracked; empty for nowhere.
        name: The model's name.

    Raises:
        HeadraceError: As `train`, `track` and `write_fitted` say.
    """
    known = parse_schema(schema)
    trained = train(read_table(rows), known, recipe, describe_table(rows).digest)
    trials = Trials(trained.scoring, trained.trials, place_of(trained.trials, trained.best))
    description = trained.fitted.description
    if registry_uri:
        description = dataclasses.replace(
            description, run=track(registry_uri, name, description, trials)
        )
    write_fitted(target, Fitted(trained.fitted.estimator, description))
    write_trials(target, trials)
    score = trained.best.score
    assert score is not None, "best_of takes none without a score"
    return Done(score, trials_page(trials), described(description))


def described(description: Description) -> dict[str, str]:
    """Give what goes into the metadata of a model's artifact, as texts."""
    return {
        "task": description.task,
        "estimator": description.estimator,
        "parameters": ", ".join(f"{k}={v}" for k, v in sorted(description.parameters.items())),
        "rows": str(description.rows),
        "data_digest": description.data_digest,
        "run": description.run,
    }
