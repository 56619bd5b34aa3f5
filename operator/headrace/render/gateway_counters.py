"""Under which names Envoy Gateway counts the arms of an HTTPRoute.

It names a cluster by its place: `httproute/<namespace>/<route>/rule/<i>/backend/<j>`, and the
copies of a rule `.../rule/<i>-mirror-<k>`. So the names are read off the very route that is
applied. After another plan the same name may count another version: no increment may span a
change of plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from headrace.api import ModelRollout
from headrace.engine.plan import Plan
from headrace.protocol import VERSION_HEADER
from headrace.render.gateway import NOBODY, gateway, is_open
from headrace.render.names import service_name

Traffic = Literal["live", "mirror"]


def envoy_clusters(rollout: ModelRollout, plan: Plan) -> Mapping[str, tuple[str, Traffic]]:
    """Give version and traffic by the label `envoy_cluster_name`.

    Requests that name a version, which are tests and feedback, count for nobody and are left out.
    So are rules that are opened later; those that were open before may have counted.

    Args:
        rollout: As it is rendered.
        plan: As it is rendered.

    Raises:
        InvalidRollout: The route cannot be rendered.
    """
    versions = {service_name(rollout, model): model.version for model in plan.versions}
    found: dict[str, tuple[str, Traffic]] = {}
    for route in gateway(rollout, plan):
        metadata = route["metadata"]
        prefix = f"httproute/{metadata['namespace']}/{metadata['name']}/rule"
        rules = route["spec"]["rules"]
        opened = next(place for place, rule in enumerate(rules) if is_open(rule))
        for place, rule in enumerate(rules):
            headers = [each for match in rule["matches"] for each in match.get("headers", ())]
            if NOBODY in headers and place > opened:
                continue
            if any(each["name"] == VERSION_HEADER and each != NOBODY for each in headers):
                continue
            for index, backend in enumerate(rule["backendRefs"]):
                found[f"{prefix}/{place}/backend/{index}"] = (versions[backend["name"]], "live")
            for index, copied in enumerate(rule.get("filters", ())):
                name = copied["requestMirror"]["backendRef"]["name"]
                found[f"{prefix}/{place}-mirror-{index}"] = (versions[name], "mirror")
    return found
