"""KFP component: enter a bundle in the MLflow registry as the challenger."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def register(
    bundle: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    registry_uri: str,
    digest: str,
) -> str:
    """Enter a bundle in the MLflow registry and point the alias challenger at it.

    Not to be cached, because it changes the registry. A second run with the same bundle changes
    nothing; another bundle under a version that is registered is refused.

    Args:
        bundle: As the component package writes it; the registry keeps where it is.
        evaluation: As the component evaluate writes it.
        registry_uri: sqlite:///path/to/file.db, or the address of an MLflow server.
        digest: The bundle's digest.

    Returns:
        The uri under which servers find the bundle.
    """
    import json
    from pathlib import Path

    from headrace.registry.challenger import register_challenger

    scores = json.loads(Path(evaluation.path).read_text(encoding="utf-8"))["scores"]
    numbers = {name: score["value"] for name, score in scores.items()}
    return register_challenger(registry_uri, Path(bundle.path), bundle.uri, digest, numbers).uri
