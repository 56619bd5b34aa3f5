"""The CRDs of others that rendered manifests use, as their projects publish them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from headrace.errors import SetupError
from tests.cluster.programs.catalogue import kept, module_folder
from tests.cluster.programs.commands import Say
from tests.cluster.programs.golang import find_go

Crd = dict[str, Any]

CHECKED_IN = Path(__file__).parents[1] / "crds"
"""Those that no module proxy has."""

_SOURCES = {
    "gateway-api": ("sigs.k8s.io/gateway-api", "config/crd/standard/*.yaml"),
    "istio": ("istio.io/api", "kubernetes/customresourcedefinitions.gen.yaml"),
    # Its YAML has a bare `=` among the values of an enum, which PyYAML reads as a tag.
    "prometheus-operator": (
        "github.com/prometheus-operator/prometheus-operator",
        "jsonnet/prometheus-operator/*-crd.json",
    ),
}
_KINDS = {
    *("Gateway", "GatewayClass", "HTTPRoute", "ReferenceGrant"),
    *("DestinationRule", "VirtualService"),
    *("PodMonitor", "PrometheusRule", "ServiceMonitor"),
    "SeldonDeployment",
}
"""Those that are rendered, or that a rendered object refers to."""


def crds() -> list[Crd]:
    """Give the CRDs of others whose kinds are rendered, in the order of their names.

    Raises:
        SetupError: They have not been fetched.
    """
    folder = kept("crds")
    files = [folder / f"{name}.json" for name in _SOURCES]
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        what = ", ".join(missing)
        raise SetupError(f"{what} is not in {folder}. Fetch it: run `make kubernetes`.")
    found = [crd for path in files for crd in json.loads(path.read_text("utf-8"))]
    found += [crd for path in CHECKED_IN.glob("*.yaml") for crd in _documents(path)]
    wanted = [crd for crd in found if crd["spec"]["names"]["kind"] in _KINDS]
    return sorted(wanted, key=lambda crd: str(crd["metadata"]["name"]))


def fetch(say: Say) -> None:
    """Fetch the CRDs that are not there yet.

    Raises:
        SetupError: There is no Go, or a module cannot be had.
    """
    for name, (module, pattern) in _SOURCES.items():
        target = kept("crds") / f"{name}.json"
        if not target.is_file():
            say(f"Fetching the CRDs of {name}")
            files = sorted(module_folder(find_go(say), "crds", module).glob(pattern))
            documents = [each for path in files for each in _documents(path)]
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_suffix(".part")
            found = [each for each in documents if each["kind"] == "CustomResourceDefinition"]
            part.write_text(json.dumps(found), encoding="utf-8")
            part.rename(target)


def _documents(path: Path) -> Iterator[Crd]:
    text = path.read_text("utf-8")
    yield from filter(None, yaml.load_all(text, yaml.CSafeLoader))
