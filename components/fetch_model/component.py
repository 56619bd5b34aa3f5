"""KFP component: bring a registered version's bundle, checked by its digest."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def fetch_model(
    model_name: str,
    registry_uri: str,
    bundle: dsl.Output[dsl.Model],
    version: str = "champion",
) -> str:
    """Bring the bundle that users have now, or that of another version.

    Not to be cached, because the champion changes. Its bytes are checked by the digest that was
    registered.

    Args:
        model_name: The model's name.
        registry_uri: sqlite:///path/to/file.db, or the address of an MLflow server.
        bundle: The bundle, a directory; the metadata has the version, its digest and where it is.
        version: A version's name, or champion or challenger.

    Returns:
        The version's name.
    """
    from pathlib import Path

    from headrace.registry.fetch import fetch_version

    found = fetch_version(registry_uri, model_name, version, Path(bundle.path))
    bundle.framework = "headrace"
    bundle.metadata.update(
        {
            "model_name": found.name,
            "model_version": found.version,
            "digest": found.digest,
            "source": found.uri,
        }
    )
    return found.version
