"""Installs Envoy Gateway by its own chart, and the Gateway through which tests send requests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import yaml

from headrace.errors import SetupError
from tests.cluster.node.components import Components
from tests.cluster.node.images import ENVOY_GATEWAY
from tests.cluster.programs.catalogue import kept, module_folder, program
from tests.cluster.programs.commands import Say
from tests.cluster.programs.golang import find_go

NAMESPACE = "envoy-gateway-system"

_MODULE = "github.com/envoyproxy/gateway"
_MANIFESTS = Path(__file__).parent / "manifests"


def chart() -> Path:
    """Give the folder of Envoy Gateway's chart, once it has been fetched."""
    return kept("envoy-gateway") / "chart"


def fetch_chart(say: Say) -> None:
    """Take the chart out of Envoy Gateway's module, and fill in its image.

    Raises:
        SetupError: There is no Go, or the module cannot be had.
    """
    if chart().is_dir():
        return
    say("Fetching the chart of Envoy Gateway")
    source = module_folder(find_go(say), "envoy-gateway", _MODULE) / "charts" / "gateway-helm"
    part = chart().with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part, copy_function=shutil.copyfile)
    values = (source / "values.tmpl.yaml").read_text("utf-8")
    values = values.replace("${GatewayImage}", ENVOY_GATEWAY)
    values = values.replace("${GatewayImagePullPolicy}", "Never")
    (part / "values.yaml").write_text(values, encoding="utf-8")
    part.rename(chart())


def install(components: Components) -> None:
    """Install the controller, and have a Gateway that is ready.

    Raises:
        SetupError: Something is refused, or not ready in time.
    """
    shutdown = {"shutdownManager": {"image": ENVOY_GATEWAY}}
    provider = {"type": "Kubernetes", "kubernetes": shutdown}
    values = {"config": {"envoyGateway": {"provider": provider}}}
    command = [
        *(str(program("helm")), "install", "gateway", str(chart()), "--namespace", NAMESPACE),
        *("--create-namespace", "--wait", "--timeout", "3m", "--values", "-"),
    ]
    result = subprocess.run(
        command,
        input=yaml.safe_dump(values),
        env=components.environ,
        capture_output=True,
        text=True,
        timeout=240,
    )
    if result.returncode != 0:
        raise SetupError(f"Envoy Gateway cannot be installed: {result.stderr}")
    apply(components, "gateway.yaml")
    wait = ["--for=condition=Programmed", "--timeout=180s"]
    ready = components.kubectl("wait", "gateway/models", "--namespace=gateways", *wait)
    if ready.returncode != 0:
        gateways = components.kubectl("describe", "gateways", "--all-namespaces").stdout
        pods = components.kubectl("get", "pods", "--all-namespaces").stdout
        raise SetupError(f"The Gateway does not become ready: {ready.stderr}\n{gateways}\n{pods}")


def apply(components: Components, name: str) -> None:
    """Apply one of our own manifests.

    Raises:
        SetupError: It is refused.
    """
    applied = components.kubectl("apply", "--server-side", "-f", str(_MANIFESTS / name))
    if applied.returncode != 0:
        raise SetupError(f"{name} is refused: {applied.stderr}")
