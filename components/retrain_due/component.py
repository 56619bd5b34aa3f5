"""KFP component: say whether it is time to train again, and name the new version."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def retrain_due(
    train: dsl.Input[dsl.Dataset],
    schema: str,
    model_name: str,
    registry_uri: str,
    template: str,
    target: str,
    version: dsl.OutputPath(str),  # type: ignore[valid-type]
    reason: dsl.OutputPath(str),  # type: ignore[valid-type]
    message: dsl.OutputPath(str),  # type: ignore[valid-type]
    recipe: str = "",
    parameters: dict[str, object] = {},  # noqa: B006, KFP stores the default and never changes it
    search: dict[str, list[object]] = {},  # noqa: B006
    inputs: list[str] = [],  # noqa: B006
    about: dict[str, str] = {},  # noqa: B006
    asked: str = "",
    drift_limit: float = 0.0,
    quality: str = "",
    labels: str = "",
    least_labels: int = 200,
    labels_since: str = "7d",
    cool_down: str = "1d",
    prefix: str = "auto",
) -> bool:
    """Say whether it is time to train again, and name the new version.

    Not to be cached, because it looks at the registry, the labels and the rollout. It writes
    nothing: a retry sees the same, and goes on with the version that an interrupted run has left.
    Never due: rows that the champion was fitted on, that did not pass before, or whose version was
    offered already; while another rollout goes on; within the cool-down.

    Args:
        train: Parquet, the rows to learn from, as the component split writes them.
        schema: The data schema in YAML.
        model_name: The model's name.
        registry_uri: sqlite:///path/to/file.db, or the address of an MLflow server.
        template: The ModelRollout as YAML that roll_out is going to deliver.
        target: Where, as roll_out takes it.
        version: PREFIX- and twelve digits made of the rows, the recipe, the code and the champion:
            the same of these, the same version.
        reason: Why, or why not, in one CamelCase word.
        message: The same in a sentence.
        recipe: What makes and judges the model, as one text; another one is another version.
        parameters: Of the estimator, as train takes them.
        search: As train takes it.
        inputs: As train takes them.
        about: As package takes it.
        asked: Why somebody wants it now, such as the sentence of an alert; a reason by itself.
        drift_limit: A reason: an input, or what the champion answers, has drifted by more than this
            population stability index; 0 does not look. With neither this nor quality, other rows
            than the champion's are reason enough.
        quality: A reason: what the labels say of the champion, accuracy < 0.7 or brier > 0.2, also
            mae and rmse; empty does not look.
        labels: The database of headrace labels, as SQLAlchemy takes it.
        least_labels: Labelled predictions without which the quality says nothing.
        labels_since: How far back predictions count.
        cool_down: How long after a version was registered no other is trained.
        prefix: Of the version's name.

    Returns:
        Whether it is time.
    """
    import time
    from pathlib import Path

    from headrace.delivery.retrain.due import Subject, due
    from headrace.delivery.retrain.reading import quality_of, wanted_of

    subject = Subject(
        rows=Path(train.path),
        schema=schema,
        name=model_name,
        registry_uri=registry_uri,
        template=template,
        target=target,
        recipe=[recipe, parameters, search, inputs, about],
        prefix=prefix,
    )
    found = due(
        subject,
        wanted_of(asked, drift_limit, cool_down, on_quality=bool(quality)),
        quality_of(quality, labels, least_labels, labels_since),
        time.time(),
    )
    for path, text in (
        (version, found.version),
        (reason, found.verdict.reason),
        (message, found.verdict.message),
    ):
        Path(path).write_text(text, encoding="utf-8")
    print(f"{'yes' if found.verdict.fires else 'no'}: {found.verdict.message}")
    return found.verdict.fires
