"""Every PromQL query that Headrace asks: of counters range selectors, and nothing else.

One query serves all rollouts that want a family of counters: it asks for the union of what they
want, and each takes its own series from the answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from itertools import takewhile

from headrace.api import Check
from headrace.api.selectors import Selector, parse_selector
from headrace.api.templates import render_query
from headrace.engine.counters import SERVER_REQUESTS, SERVER_SECONDS, Counters, of_servers
from headrace.engine.observations import Metric, MetricKey, feature_of
from headrace.metrics.arms import UNLABELLED
from headrace.metrics.source import Request

AGREEMENTS = "headrace_shadow_agreements_total"
DISAGREEMENTS = "headrace_shadow_disagreements_total"

REWARD_SUM = "headrace_reward_sum"
REWARD_COUNT = "headrace_reward_count"

SEGMENT_SUM = "headrace_segment_reward_sum"
SEGMENT_COUNT = "headrace_segment_reward_count"

PREDICTION = "headrace_prediction"
FEATURE = "headrace_feature"
REFERENCE = "headrace_reference_"
"""Before the name of live counts (without `headrace_`): the training data in the same bins."""

LARGEST = 100_000
"""Characters of a pattern; instead of a longer one, what its values begin with is asked for."""

_BIN_KINDS = ("bucket", "category_total")

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
"""What RE2, the expression language of PromQL, does not take literally."""


def _any_of(values: Iterable[str]) -> str:
    """Write a PromQL regular expression that matches these values, and others if it gets long."""
    values = sorted(set(values))
    pattern = "|".join(_SPECIAL.sub(r"\\\g<0>", value) for value in values)
    if len(pattern) > LARGEST:
        pattern = _SPECIAL.sub(r"\\\g<0>", _beginning(values[0], values[-1])) + ".*"
    return pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _bins(name: str) -> tuple[str, ...]:
    reference = REFERENCE + name.removeprefix("headrace_")
    return tuple(f"{base}_{kind}" for base in (name, reference) for kind in _BIN_KINDS)


def _beginning(one: str, other: str) -> str:
    """Give what both begin with, and so does all that is sorted between them."""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return "".join(character for character, _ in alike)


Family = tuple[Selector, tuple[str, ...]]
"""What counters that share a query have in common: the selector, and the labels that differ."""


def family_of(counters: Counters) -> Family:
    """Say with which others these counters can be asked for."""
    return counters.selector, (*counters.labels, counters.arm, *counters.optional)


def counters_for(metric: MetricKey, request: Request) -> Mapping[str, Counters]:
    """Give the counters that a metric of a rollout is made of.

    Args:
        metric: What is wanted.
        request: By which rollout.

    Returns:
        By role: the field of the check for a user's counters, empty for Headrace's own.
    """
    if metric in request.queries:
        return _of_user(metric, request)
    router = request.counters.by_metric
    if metric in router:
        return {"": router[Metric(metric)]}
    versions = (request.stable, *request.candidates)
    feature = feature_of(metric)
    if feature is not None:
        names, labels = _bins(FEATURE), {"feature": feature}
        return {"": of_servers(request.rollout, request.model, versions, *names, labels=labels)}
    if metric == Metric.AGREEMENT:
        versions = request.candidates
    elif metric == Metric.SERVED:
        versions = (request.stable,)
    names = {
        Metric.SERVED: (SERVER_REQUESTS,),
        Metric.SERVER_LATENCY: (SERVER_SECONDS,),
        Metric.AGREEMENT: (AGREEMENTS, DISAGREEMENTS),
        Metric.REWARD: (REWARD_COUNT, REWARD_SUM),
        Metric.SEGMENTS: (SEGMENT_COUNT, SEGMENT_SUM),
        Metric.PREDICTION: _bins(PREDICTION),
    }[Metric(metric)]
    return {"": of_servers(request.rollout, request.model, versions, *names)}


def _of_user(metric: MetricKey, request: Request) -> dict[str, Counters]:
    check = request.queries[metric]
    return {
        role: Counters(
            selector=parse_selector(text),
            labels={},
            arm=check.label,
            # Those without the label are asked for too, so that they can be told of.
            versions={v: v for v in (request.stable, *request.candidates, UNLABELLED)},
        )
        for role, text in check.selectors.items()
    }


def query_for(counters: Iterable[Counters], seconds: float, instances: Iterable[str] = ()) -> str:
    """Write the one query that serves counters of the same family.

    Args:
        counters: At least one.
        seconds: How far to look back.
        instances: Of these targets only; of all if there are none.
    """
    wanted: dict[str, set[str]] = {}
    selector = Selector("", "")
    for one in counters:
        selector = one.selector
        for label, value in one.labels.items():
            wanted.setdefault(label, set()).add(value)
        wanted.setdefault(one.arm, set()).update(one.versions)
        for label, value in one.optional.items():
            # The empty value also matches series without the label.
            wanted.setdefault(label, {""}).add(value)
    if instances:
        wanted.setdefault("instance", set()).update(instances)
    for label, values in wanted.items():
        selector = selector.matching(label, _any_of(values))
    return f"{selector}[{math.ceil(seconds)}s]"


def level_query(check: Check, request: Request, candidate: str) -> str:
    """Write a user's own query of one number.

    Raises:
        ValueError: The template cannot be filled in.
    """
    namespace, _, name = request.rollout.rpartition("/")
    values = {
        "candidate": {"version": candidate},
        "stable": {"version": request.stable},
        "model": {"name": request.model},
        "rollout": {"name": name, "namespace": namespace},
    }
    return render_query(check.query or "", values)
