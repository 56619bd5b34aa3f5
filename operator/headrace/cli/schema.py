"""`headrace schema`."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--crd", is_flag=True, help="The CustomResourceDefinition as YAML instead.")
def schema(crd: bool) -> None:
    """Print the schema of a ModelRollout, for editors or for Kubernetes.

    \b
      headrace schema > modelrollout.json      JSON schema (draft 2020-12)
      headrace schema --crd | kubectl apply --server-side -f -

    In an editor with a YAML language server, the first line of a rollout names the schema:
    `# yaml-language-server: $schema=modelrollout.json`.
    """
    from headrace.render.crd import definition_yaml, document_schema

    if crd:
        click.echo(definition_yaml(), nl=False)
    else:
        click.echo(json.dumps(document_schema(), indent=2))
