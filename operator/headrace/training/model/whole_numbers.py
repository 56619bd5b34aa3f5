"""Whole numbers that came through KFP, which makes `60.0` of every `60`.

scikit-learn means different things by `max_features: 1.0` (all) and `max_features: 1` (one), so
what an estimator takes as a fraction stays one, and only what it would refuse becomes whole.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from sklearn.utils._param_validation import validate_parameter_constraints

from headrace.training.data.schema import Task
from headrace.training.model.estimators import imported
from headrace.training.model.recipe import Recipe


def settled(recipe: Recipe, task: Task) -> Recipe:
    """Make whole numbers whole again, in the parameters and in the values to try.

    Raises:
        InvalidInput: There is no such estimator.
    """
    constraints = getattr(imported(recipe.estimator, task), "_parameter_constraints", {})
    return dataclasses.replace(
        recipe,
        parameters={
            name: _settled(value, constraints.get(name))
            for name, value in recipe.parameters.items()
        },
        search={
            name: [_settled(value, constraints.get(name)) for value in values]
            for name, values in recipe.search.items()
        },
    )


def _settled(value: Any, constraints: Any) -> Any:
    if not isinstance(value, float) or not value.is_integer():
        return value
    if constraints is not None:
        try:
            validate_parameter_constraints({"it": constraints}, {"it": value}, "")
        except ValueError:
            return int(value)
        return value
    return int(value)
