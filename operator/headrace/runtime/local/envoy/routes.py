"""Routes: which version answers which requests, as a value, and as Envoy reads and shows it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.engine.observations import Arm
from headrace.errors import PlatformUnavailable
from headrace.protocol import ARM_HEADER, FEEDBACK, PREDICTIONS, VERSION_HEADER
from headrace.runtime.local.envoy.bootstrap import ROUTES_NAME
from headrace.runtime.local.envoy.clusters import Kind, cluster_name
from headrace.runtime.local.envoy.files import TYPES, Document, response

COOKIE, SET_COOKIE = "cookie", "set-cookie"

TIMEOUT = 10.0
"""Seconds within which a server must have answered."""


@dataclass(frozen=True, slots=True)
class Share:
    """A version's part of the live requests; `weight` is in per cent, 1 to 100."""

    version: str
    arm: Arm
    weight: int


@dataclass(frozen=True, slots=True)
class Mirror:
    """A copy of some live requests; `percent` is 1 to 100."""

    version: str
    percent: int


@dataclass(frozen=True, slots=True)
class Sticky:
    """A cookie that keeps users with the version that answered them first; `ttl` in seconds."""

    cookie: str
    ttl: int


@dataclass(frozen=True, slots=True)
class Routes:
    """Who gets which requests.

    Attributes:
        shares: Of predictions; the weights sum to 100, or there are none and nobody answers.
        mirror: Who gets copies of predictions.
        feedback: The versions that take feedback for what they answered.
        sticky: How users stay with a version; None if they need not.
    """

    shares: tuple[Share, ...] = ()
    mirror: Mirror | None = None
    feedback: tuple[str, ...] = ()
    sticky: Sticky | None = None

    @property
    def clusters(self) -> frozenset[tuple[str, Kind]]:
        """The clusters that these routes use."""
        used = {(share.version, Kind.LIVE) for share in self.shares}
        used |= {(version, Kind.FEEDBACK) for version in self.feedback}
        if self.mirror is not None:
            used.add((self.mirror.version, Kind.MIRROR))
        return frozenset(used)


def routes_file(rollout: str, routes: Routes) -> Document:
    """Build the file of the routes.

    Args:
        rollout: `namespace/name`.
        routes: What it should say.
    """
    host = {
        "name": "model",
        "domains": ["*"],
        "routes": [
            *(_feedback(rollout, version) for version in routes.feedback),
            {"match": {"path": FEEDBACK}, **_answer(400, "UnknownVersion", _FEEDBACK_TEXT)},
            *_returning(rollout, routes),
            _predictions(rollout, routes),
            {
                "match": {"path": PREDICTIONS},
                **_answer(405, "MethodNotAllowed", f"Send predictions as POST {PREDICTIONS}."),
            },
            {"match": {"prefix": "/"}, **_answer(404, "NotFound", _OTHER_TEXT)},
        ],
    }
    return response(
        [
            {
                "@type": f"{TYPES}.config.route.v3.RouteConfiguration",
                "name": ROUTES_NAME,
                "virtual_hosts": [host],
            }
        ]
    )


_FEEDBACK_TEXT = (
    f"Feedback belongs to the version that answered: send it as POST with the header "
    f"{VERSION_HEADER} as that answer had it. It was missing, or that version runs no more."
)
_OTHER_TEXT = f"There is nothing here: send POST {PREDICTIONS} or POST {FEEDBACK}."
_STARTING_TEXT = "No version is ready to answer yet; try again in a few seconds."


def _predictions(rollout: str, routes: Routes) -> Document:
    match = _post(PREDICTIONS)
    if not routes.shares:
        return {"match": match, **_answer(503, "NotReady", _STARTING_TEXT)}
    clusters = [_weighted(rollout, share) for share in routes.shares]
    if routes.sticky is not None:
        for share, cluster in zip(routes.shares, clusters, strict=True):
            cluster["response_headers_to_add"].append(_cookie(routes.sticky, share.version))
    action: Document = {"weighted_clusters": {"clusters": clusters}, **_patience()}
    if routes.mirror is not None:
        action["request_mirror_policies"] = [
            {
                "cluster": cluster_name(rollout, routes.mirror.version, Kind.MIRROR),
                "runtime_fraction": {
                    "default_value": {
                        "numerator": routes.mirror.percent,
                        "denominator": "HUNDRED",
                    }
                },
                "disable_shadow_host_suffix_append": True,
            }
        ]
    return {"match": match, "route": action}


def _weighted(rollout: str, share: Share) -> Document:
    return {
        "name": cluster_name(rollout, share.version, Kind.LIVE),
        "weight": share.weight,
        "response_headers_to_add": [
            _header(VERSION_HEADER, share.version),
            _header(ARM_HEADER, share.arm.value),
        ],
    }


def _returning(rollout: str, routes: Routes) -> list[Document]:
    """Give a route per version for those who bring its cookie, before the weighted one."""
    sticky = routes.sticky
    if sticky is None:
        return []
    entries = []
    for share in routes.shares:
        match = _post(PREDICTIONS)
        # A version has no character that an expression means otherwise but the dot.
        value = share.version.replace(".", "[.]")
        pattern = f"(.*; *)?{sticky.cookie}={value}( *;.*)?"
        match["headers"].append(
            {"name": COOKIE, "string_match": {"safe_regex": {"regex": pattern}}}
        )
        clusters = [{**_weighted(rollout, share), "weight": 100}]
        action = {"weighted_clusters": {"clusters": clusters}, **_patience()}
        entries.append({"match": match, "route": action})
    return entries


def _cookie(sticky: Sticky, version: str) -> Document:
    value = f"{sticky.cookie}={version}; Max-Age={sticky.ttl}; Path=/; HttpOnly; SameSite=Lax"
    # Beside those of the model server, not instead of them.
    return {
        "header": {"key": SET_COOKIE, "value": value},
        "append_action": "APPEND_IF_EXISTS_OR_ADD",
    }


def _feedback(rollout: str, version: str) -> Document:
    match = _post(FEEDBACK)
    match["headers"].append({"name": VERSION_HEADER, "string_match": {"exact": version}})
    return {
        "match": match,
        "route": {"cluster": cluster_name(rollout, version, Kind.FEEDBACK), **_patience()},
    }


def _post(path: str) -> Document:
    return {"path": path, "headers": [{"name": ":method", "string_match": {"exact": "POST"}}]}


def _patience() -> Document:
    return {
        "timeout": f"{TIMEOUT:g}s",
        # Tried again only where no server can have seen the request: an answer that was lost is
        # a failure of the arm, and a prediction must not be made or counted twice.
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset-before-request",
            "num_retries": 2,
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {
                        "@type": f"{TYPES}.extensions.retry.host.previous_hosts.v3"
                        ".PreviousHostsPredicate"
                    },
                }
            ],
            "host_selection_retry_max_attempts": 5,
        },
    }


def _header(name: str, value: str) -> Document:
    return {
        "header": {"key": name, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def _answer(code: int, reason: str, text: str) -> Document:
    # In the form of the model server's own refusals.
    status = {"status": 1, "code": code, "reason": reason, "info": text}
    return {
        "direct_response": {
            "status": code,
            "body": {"inline_string": json.dumps({"status": status})},
        },
        "response_headers_to_add": [_header("content-type", "application/json")],
    }


def read_routes(dump: Any, rollout: str, known: Iterable[tuple[str, Kind]]) -> Routes | None:
    """Read what Envoy carries from its configuration dump.

    Args:
        dump: The answer of `/config_dump?resource=dynamic_route_configs`.
        rollout: `namespace/name`.
        known: Version and kind of all clusters that its routes may name.

    Returns:
        None while Envoy has no routes at all.

    Raises:
        PlatformUnavailable: It is nothing that `routes_file` has written.
    """
    clusters = {cluster_name(rollout, version, kind): version for version, kind in known}
    try:
        configs = [config["route_config"] for config in dump.get("configs", ())]
        hosts = [host for config in configs for host in config.get("virtual_hosts", ())]
        if not hosts:
            return None
        return _routes([route for host in hosts for route in host["routes"]], clusters)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PlatformUnavailable(
            f"Envoy carries routes that are not ours ({type(error).__name__}: {error})."
        ) from error


def _routes(entries: Iterable[Document], clusters: Mapping[str, str]) -> Routes:
    shares: list[Share] = []
    mirror = None
    feedback: list[str] = []
    sticky = None
    for entry in (entry for entry in entries if "route" in entry):
        action = entry["route"]
        if "cluster" in action:
            feedback.append(clusters[action["cluster"]])
            continue
        if any(header["name"] == COOKIE for header in entry["match"].get("headers", ())):
            continue
        for weighted in action["weighted_clusters"]["clusters"]:
            headers = [h["header"] for h in weighted["response_headers_to_add"]]
            arm = next(h["value"] for h in headers if h["key"] == ARM_HEADER)
            cookies = [h["value"] for h in headers if h["key"] == SET_COOKIE]
            sticky = _read_cookie(cookies[0]) if cookies else sticky
            shares.append(Share(clusters[weighted["name"]], Arm(arm), int(weighted["weight"])))
        for policy in action.get("request_mirror_policies", ()):
            percent = policy["runtime_fraction"]["default_value"]["numerator"]
            mirror = Mirror(clusters[policy["cluster"]], int(percent))
    return Routes(tuple(shares), mirror, tuple(feedback), sticky)


def _read_cookie(text: str) -> Sticky:
    pair, age, *_ = text.split("; ")
    return Sticky(pair.partition("=")[0], int(age.partition("=")[2]))
