"""How a model is to be trained: everything but the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from headrace.errors import InvalidInput
from headrace.training.data.schema import Task

Strategy = Literal["grid", "random", "halving"]

_SCORING: Mapping[Task, str] = {
    "binary": "neg_log_loss",
    "multiclass": "neg_log_loss",
    "regression": "neg_root_mean_squared_error",
}


@dataclass(frozen=True)
class Recipe:
    """What is fitted, and how its parameters are found.

    Attributes:
        estimator: A name of `estimators.NAMES`, or an import path.
        parameters: Of the estimator.
        search: Values to try by parameter; empty tries nothing.
        strategy: `grid` tries all combinations, `random` some, `halving` all on few rows and the
            better half on more each time.
        trials: How many combinations `random` tries.
        patience: Ends a grid or random search after as many trials without a better one; 0 never.
        folds: In how many parts the rows judge each combination; 1 holds out the last fifth.
        scoring: A scorer of scikit-learn, where more is better; empty for log loss, or the root of
            the mean squared error in a regression.
        class_weight: Weights by label, `balanced` for the inverse of a label's share, or none.
        features: Import path of the function from request columns to inputs; empty for none.
        inputs: Which of the features the model reads, in this order; empty for all.
        seed: Of everything random, >= 0.
        jobs: How many combinations are fitted at a time on this machine.
        cluster: `dask://host:8786` or `ray://host:10001`: where they are fitted instead.
    """

    estimator: str = "gradient_boosting"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    search: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    strategy: Strategy = "grid"
    trials: int = 20
    patience: int = 0
    folds: int = 3
    scoring: str = ""
    class_weight: str | Mapping[str, float] = ""
    features: str = ""
    inputs: tuple[str, ...] = ()
    seed: int = 0
    jobs: int = 1
    cluster: str = ""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            InvalidInput: With every problem.
        """
        problems = list(self._problems())
        if problems:
            raise InvalidInput("; ".join(problems) + ".")

    def _problems(self) -> list[str]:
        found = []
        if self.strategy not in get_args(Strategy):
            known = ", ".join(get_args(Strategy))
            found.append(f"strategy is {self.strategy!r}; expected one of {known}")
        for name, least in (("trials", 1), ("folds", 1), ("jobs", 1), ("patience", 0), ("seed", 0)):
            if getattr(self, name) < least:
                found.append(f"{name} is {getattr(self, name)}; expected at least {least}")
        for name, values in self.search.items():
            if isinstance(values, str) or not isinstance(values, Sequence) or not values:
                found.append(f"search.{name} is {values!r}; expected a list of values to try")
        if isinstance(self.class_weight, str) and self.class_weight not in ("", "balanced"):
            found.append(f"class_weight is {self.class_weight!r}; expected balanced, or weights")
        if self.cluster and not self.cluster.startswith(("dask://", "ray://", "tcp://")):
            found.append(f"cluster is {self.cluster!r}; expected dask://host:port or ray://...")
        return found

    def scorer(self, task: Task) -> str:
        """Give the name of the scorer."""
        return self.scoring or _SCORING[task]
