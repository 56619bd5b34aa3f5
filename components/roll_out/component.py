"""KFP component: write the one ModelRollout that asks for a new version."""

from kfp import dsl


@dsl.component(  # type: ignore[untyped-decorator]
    base_image="ghcr.io/headrace/python-components:0.1.0",
    packages_to_install=[],
    install_kfp_package=False,
)
def roll_out(
    template: str,
    target: str,
    model_name: str,
    version: str,
    uri: str,
    digest: str,
) -> str:
    """Write the one ModelRollout that asks for a new version; the controller does the rest.

    Not to be cached, because it changes what the controller sees. A second run changes nothing.

    Args:
        template: A ModelRollout as YAML; name, version, uri and digest of spec.model are filled in.
        target: Where the controller reads: file:// and a directory.
        model_name: The model's name.
        version: The version's name.
        uri: Where servers find the bundle.
        digest: The bundle's digest.

    Returns:
        The file that was written.
    """
    from headrace.training.rollout import ModelVersion, write_rollout

    return str(write_rollout(template, ModelVersion(model_name, version, uri, digest), target))
