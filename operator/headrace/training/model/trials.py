"""The table of trials beside a fitted model: `trials.json`, and the run that tracks it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import TypeAdapter, ValidationError

from headrace.errors import InvalidBundle
from headrace.registry import Registry
from headrace.training.model.fitted import Description
from headrace.training.model.search import Trial

FORMAT: Final = "headrace.dev/trials/v1"
TRIALS = "trials.json"


@dataclass(frozen=True)
class Trials:
    """The trials of one or more searches.

    Attributes:
        scoring: What the scores are; more is better.
        trials: In the order in which they were made.
        best: The place of the winner in `trials`.
    """

    scoring: str
    trials: tuple[Trial, ...]
    best: int
    format: Literal["headrace.dev/trials/v1"] = FORMAT


_READER = TypeAdapter(Trials)


def write_trials(folder: Path, trials: Trials) -> None:
    """Store the table beside a fitted model."""
    text = json.dumps(asdict(trials), indent=2, allow_nan=False)
    (folder / TRIALS).write_text(text + "\n", encoding="utf-8")


def read_trials(folder: Path) -> Trials:
    """Read the table beside a fitted model.

    Raises:
        InvalidBundle: There is none, or it is broken.
    """
    file = folder / TRIALS
    try:
        found = _READER.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise InvalidBundle(f"{file} is no table of trials: {error}.") from error
    if not 0 <= found.best < len(found.trials) or found.trials[found.best].score is None:
        raise InvalidBundle(f"{file} names a winner that has no score.")
    return found


def track(registry_uri: str, name: str, description: Description, trials: Trials) -> str:
    """Track a training as an MLflow run, with the table of trials.

    Returns:
        The run's id.

    Raises:
        InvalidInput: The address is no registry's.
        SetupError: MLflow is not installed.
        PlatformUnavailable: The registry does not answer.
    """
    best = trials.trials[trials.best]
    parameters: dict[str, str | float | int] = {
        "estimator": description.estimator,
        "seed": description.seed,
        "rows": description.rows,
        **{key: _logged(value) for key, value in description.parameters.items()},
    }
    tags = {"data-digest": description.data_digest, "code-commit": description.code_commit}
    metrics = {f"validation_{trials.scoring}": best.score}
    return Registry(registry_uri).log_run(
        f"train {name}".strip(),
        parameters,
        {
            key: value
            for key, value in metrics.items()
            if value is not None and math.isfinite(value)
        },
        {key: value for key, value in tags.items() if value},
        {TRIALS: json.dumps(asdict(trials), indent=2, allow_nan=False)},
    )


def _logged(value: Any) -> str | float | int:
    return value if isinstance(value, str | int | float) else json.dumps(value)


def place_of(trials: Sequence[Trial], best: Trial) -> int:
    """Find the winner's place."""
    return next(place for place, trial in enumerate(trials) if trial is best)
