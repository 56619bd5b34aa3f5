"""The programs of the cluster are the ones that its modules pin."""

from __future__ import annotations

import re

import pytest

from tests.cluster.api_server import ApiServer
from tests.cluster.programs.catalogue import CLUSTER, MODULES, PROGRAMS, kept
from tests.cluster.programs.crds import crds


def test_the_api_server_is_of_the_pinned_version(server: ApiServer) -> None:
    text = (MODULES / CLUSTER / "go.mod").read_text("utf-8")
    pinned = re.findall(r"k8s\.io/kubernetes (v\S+)", text)
    assert [server.ask("GET", "/version").body["gitVersion"]] == pinned


@pytest.mark.parametrize("module", sorted({each.module for each in PROGRAMS}))
def test_every_program_is_a_tool_of_its_module_and_has_its_sources_pinned(module: str) -> None:
    text = (MODULES / module / "go.mod").read_text("utf-8")
    for each in PROGRAMS:
        if each.module == module:
            assert re.search(rf"^(?:tool )?\s*{re.escape(each.package)}$", text, re.MULTILINE)
    assert (MODULES / module / "go.sum").stat().st_size > 0


def test_what_is_kept_moves_when_a_module_changes() -> None:
    assert len({kept(each.module) for each in PROGRAMS}) == len({each.module for each in PROGRAMS})


def test_the_crds_of_all_that_is_rendered_for_others_are_there() -> None:
    groups = {str(each["spec"]["group"]) for each in crds()}
    assert groups == {
        "gateway.networking.k8s.io",
        "machinelearning.seldon.io",
        "monitoring.coreos.com",
        "networking.istio.io",
    }
