from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.engine.observations import Arm
from headrace.errors import PlatformUnavailable
from headrace.protocol import FEEDBACK, PREDICTIONS
from headrace.runtime.local.envoy.clusters import Kind, cluster_name
from headrace.runtime.local.envoy.routes import (
    Mirror,
    Routes,
    Share,
    Sticky,
    read_routes,
    routes_file,
)

ROLLOUT = "models/flight-delay"
VERSIONS = st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,10}[A-Za-z0-9])?", fullmatch=True)


@st.composite
def all_routes(draw: st.DrawFn) -> Routes:
    stable, candidate = draw(st.lists(VERSIONS, min_size=2, max_size=2, unique=True))
    weight = draw(st.integers(0, 100))
    shares = (
        Share(stable, Arm.STABLE, 100 - weight),
        Share(candidate, Arm.CANDIDATE, weight),
    )
    mirror = draw(st.none() | st.builds(Mirror, st.just(candidate), st.integers(1, 100)))
    sticky = draw(st.none() | st.builds(Sticky, st.just("arm"), st.integers(0, 10**6)))
    return Routes(tuple(s for s in shares if s.weight), mirror, (stable, candidate), sticky)


def dump(routes: Routes) -> Any:
    """Give Envoy's dump of routes: JSON without what is the default."""
    (resource,) = routes_file(ROLLOUT, routes)["resources"]
    text = json.dumps({"configs": [{"route_config": resource}]})
    return json.loads(text.replace(', "denominator": "HUNDRED"', ""))


@given(all_routes())
def test_what_envoy_shows_is_read_as_what_was_written(routes: Routes) -> None:
    known = [(version, kind) for version in routes.feedback for kind in Kind]
    assert read_routes(dump(routes), ROLLOUT, known) == routes


def test_routes_that_nobody_answers_are_read_as_such() -> None:
    assert read_routes(dump(Routes()), ROLLOUT, ()) == Routes()


@pytest.mark.parametrize("answer", [{}, {"configs": []}, {"configs": [{"route_config": {}}]}])
def test_an_envoy_without_routes_has_none(answer: Any) -> None:
    assert read_routes(answer, ROLLOUT, ()) is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([], id="no object"),
        pytest.param({"configs": [{}]}, id="a configuration without routes"),
        pytest.param(dump(Routes((Share("1", Arm.STABLE, 100),))), id="clusters that nobody knows"),
        pytest.param(
            {"configs": [{"route_config": {"virtual_hosts": [{"routes": [{"route": {}}]}]}}]},
            id="a route to nowhere",
        ),
    ],
)
def test_routes_that_are_not_ours_are_an_error_not_a_guess(answer: Any) -> None:
    with pytest.raises(PlatformUnavailable, match="routes that are not ours"):
        read_routes(answer, ROLLOUT, ())


def test_the_routes_of_a_canary() -> None:
    shares = (Share("1.5", Arm.STABLE, 75), Share("2", Arm.CANDIDATE, 25))
    (resource,) = routes_file(ROLLOUT, Routes(shares, Mirror("2", 30), ("1.5", "2")))["resources"]
    first, second, no_version, predictions, *rest = resource["virtual_hosts"][0]["routes"]
    for route, version in ((first, "1.5"), (second, "2")):
        assert route["match"]["path"] == FEEDBACK
        assert route["match"]["headers"][1]["string_match"] == {"exact": version}
        assert route["route"]["cluster"] == cluster_name(ROLLOUT, version, Kind.FEEDBACK)
        assert "request_mirror_policies" not in route["route"]
    assert no_version["direct_response"]["status"] == 400
    assert predictions["match"]["path"] == PREDICTIONS
    weights = {
        c["name"]: c["weight"] for c in predictions["route"]["weighted_clusters"]["clusters"]
    }
    assert weights == {
        "models/flight-delay/1~5/live": 75,
        "models/flight-delay/2/live": 25,
    }
    (mirror,) = predictions["route"]["request_mirror_policies"]
    assert mirror["cluster"] == "models/flight-delay/2/mirror"
    assert mirror["runtime_fraction"]["default_value"]["numerator"] == 30
    assert [route["direct_response"]["status"] for route in rest] == [405, 404]


STICKY = Routes(
    (Share("1.5", Arm.STABLE, 50), Share("2", Arm.CANDIDATE, 25), Share("3", Arm.CANDIDATE, 25)),
    sticky=Sticky("arm", 3600),
)


def test_users_who_bring_a_cookie_stay_with_their_version_whatever_the_weights() -> None:
    (resource,) = routes_file(ROLLOUT, STICKY)["resources"]
    _, *returning, predictions, _, _ = resource["virtual_hosts"][0]["routes"]
    assert len(returning) == 3
    for route, version in zip(returning, ("1~5", "2", "3"), strict=True):
        (cluster,) = route["route"]["weighted_clusters"]["clusters"]
        assert (cluster["name"], cluster["weight"]) == (f"models/flight-delay/{version}/live", 100)
    for cluster in predictions["route"]["weighted_clusters"]["clusters"]:
        cookie = cluster["response_headers_to_add"][-1]["header"]
        assert cookie["key"] == "set-cookie"
        assert cookie["value"].endswith("; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax")


@pytest.mark.parametrize(
    ("cookies", "version"),
    [
        pytest.param("arm=1.5", 0, id="alone"),
        pytest.param("theme=dark; arm=2", 1, id="the last one"),
        pytest.param("arm=3; theme=dark", 2, id="the first one"),
        pytest.param("a=b;arm=3;c=d", 2, id="without spaces"),
        pytest.param("arm=1x5", None, id="another version that looks alike"),
        pytest.param("arm=22", None, id="a longer version"),
        pytest.param("charm=2", None, id="a longer name"),
        pytest.param("theme=dark", None, id="none"),
    ],
)
def test_a_cookie_names_one_version_or_none(cookies: str, version: int | None) -> None:
    (resource,) = routes_file(ROLLOUT, STICKY)["resources"]
    _, *returning, _, _, _ = resource["virtual_hosts"][0]["routes"]
    patterns = [
        route["match"]["headers"][1]["string_match"]["safe_regex"]["regex"] for route in returning
    ]
    found = [index for index, pattern in enumerate(patterns) if re.fullmatch(pattern, cookies)]
    assert found == ([] if version is None else [version])
