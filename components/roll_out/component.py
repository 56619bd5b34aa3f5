"""KFP component: deliver the one ModelRollout that asks for a new version."""

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
    manifest: dsl.Output[dsl.Artifact],
    force: bool = False,
) -> str:
    """Deliver the one ModelRollout that asks for a new version; the controller does the rest.

    Not to be cached, because it changes what the controller sees. A second run changes nothing.

    Args:
        template: A ModelRollout as YAML; name, version, uri and digest of spec.model are filled in.
        target: kubernetes:// for the cluster that the pipeline runs in, kubernetes:///NAMESPACE or
            kubernetes://CONTEXT/NAMESPACE for another; a directory such as file:///repo/rollouts,
            of a Git checkout for GitOps; or local:// and the folder of `headrace up`.
        model_name: The model's name.
        version: The version's name.
        uri: Where servers find the bundle.
        digest: The bundle's digest.
        manifest: The ModelRollout as it was delivered, YAML with the comments of the template.
        force: In a cluster, take over fields that somebody else has changed since; otherwise the
            task fails and names them.

    Returns:
        The rollout's name, namespace/name.
    """
    from pathlib import Path

    from headrace.delivery.roll_out import roll_out
    from headrace.delivery.template import ModelVersion

    delivered = roll_out(
        template, ModelVersion(model_name, version, uri, digest), target, force=force
    )
    Path(manifest.path).write_text(delivered.manifest.text, encoding="utf-8")
    manifest.metadata["place"] = delivered.place
    manifest.metadata["changed"] = str(delivered.changed).lower()
    manifest.metadata["commit_message"] = delivered.commit_message
    return delivered.name
