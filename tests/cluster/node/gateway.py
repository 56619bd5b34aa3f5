"""The chart of Envoy Gateway, which is in its Go module."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cluster.node.images import ENVOY_GATEWAY
from tests.cluster.programs.catalogue import CLUSTER, kept, module_folder
from tests.cluster.programs.commands import Say
from tests.cluster.programs.golang import find_go

_MODULE = "github.com/envoyproxy/gateway"


def chart() -> Path:
    """Give the folder of the chart, once it has been fetched."""
    return kept(CLUSTER) / "gateway-chart"


def fetch_chart(say: Say) -> None:
    """Take the chart out of Envoy Gateway's module, and fill in its image.

    Raises:
        SetupError: There is no Go, or the module cannot be had.
    """
    if chart().is_dir():
        return
    say("Fetching the chart of Envoy Gateway")
    source = module_folder(find_go(say), CLUSTER, _MODULE) / "charts" / "gateway-helm"
    part = chart().with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part, copy_function=shutil.copyfile)
    values = (source / "values.tmpl.yaml").read_text("utf-8")
    values = values.replace("${GatewayImage}", ENVOY_GATEWAY)
    values = values.replace("${GatewayImagePullPolicy}", "Never")
    (part / "values.yaml").write_text(values, encoding="utf-8")
    part.rename(chart())
