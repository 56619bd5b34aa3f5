"""The kustomize bases of the controller, from what Helm makes of its chart.

One truth for both: `helm template ... | python -m headrace.render.helm.bases manifests`, which
`make bases` runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from headrace.render.manifest import Manifest
from headrace.render.yaml_text import to_yaml

_RBAC = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
_OF_HELM = ("helm.sh/chart", "app.kubernetes.io/managed-by")
_HEADER = "# Generated from helm/headrace by `make bases`; do not edit.\n"
_FOLDERS = ("rbac", "controller")


def bases(manifests: Iterable[Any]) -> dict[str, str]:
    """Give the files of the bases `rbac` and `controller`, by their paths.

    Args:
        manifests: Of the chart, without the CustomResourceDefinition, which is a base of its own.
    """
    kinds: dict[str, list[Manifest]] = {}
    # In an order of our own: that in which Helm installs is no promise.
    for each in sorted(filter(None, manifests), key=lambda m: str(m["metadata"]["name"])):
        if "helm.sh/hook" not in each["metadata"].get("annotations", {}):
            folder = "rbac" if each["kind"] in _RBAC else "controller"
            path = f"{folder}/{each['kind'].lower()}.yaml"
            kinds.setdefault(path, []).append(_without_labels_of_helm(each))
    files = {path: _HEADER + to_yaml(kinds[path]) for path in sorted(kinds)}
    return files | {f"{folder}/kustomization.yaml": _list_of(folder, files) for folder in _FOLDERS}


def _list_of(folder: str, files: Iterable[str]) -> str:
    named = [path.removeprefix(f"{folder}/") for path in files if path.startswith(f"{folder}/")]
    about = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return _HEADER + to_yaml([{**about, "resources": named}])


def _without_labels_of_helm(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k not in _OF_HELM}
        return {key: _without_labels_of_helm(each) for key, each in kept.items()}
    return [_without_labels_of_helm(each) for each in value] if isinstance(value, list) else value


def main(folder: Path) -> None:
    """Write the files of the manifests on standard input."""
    for path, text in bases(yaml.safe_load_all(sys.stdin)).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
