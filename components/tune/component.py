"""KFP component: take the best of models that were fitted side by side."""

from typing import List  # noqa: UP035

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def tune(
    models: dsl.Input[List[dsl.Model]],  # noqa: UP006, KFP knows no other way to say it
    model: dsl.Output[dsl.Model],
    table: dsl.Output[dsl.HTML],
) -> float:
    """Take the best of models that were fitted side by side, and keep the trials of all.

    Args:
        models: As the component train writes them, collected from a ParallelFor.
        model: The model with the best score on its folds, with the trials of all models.
        table: The trials for people, the best first.

    Returns:
        The best mean score over the folds.
    """
    from pathlib import Path

    from headrace.training.model.task import described
    from headrace.training.model.tune import trials_page, tune

    result = tune([Path(each.path) for each in models], Path(model.path))
    Path(table.path).write_text(trials_page(result.trials), encoding="utf-8")
    model.framework = "scikit-learn"
    model.metadata.update(described(result.description))
    return result.score
