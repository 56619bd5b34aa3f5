"""What holds between fields, as CEL: the whole admission check, with no webhook.

Every message says what to write instead. A rule looks at one object, so that its path is the
nearest one; CEL cannot see values of several types (`above`, `margin`), for which `Check` has a
shape beside its rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from headrace.api.check import OF_SUBJECT, SELECTORS, SHAPES, Kind, MetricName, Shape
from headrace.api.selectors import PATTERN

_NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_LIMITS_SEEN = ("worseThanStable", "below")
_METRIC_WITHOUT_LIMIT = "request-split"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        cel: What must be true of `self`.
        message: What is wrong and what to write instead.
        field: Path of the field that the fault is shown at, as in `.ratio`; empty for `self`.
        said: CEL that gives a message which fits the case better; empty for none.
    """

    cel: str
    message: str
    field: str = ""
    said: str = ""

    def written(self) -> dict[str, Any]:
        """Give it as an entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel, "message": self.message}
        if self.said:
            entry["messageExpression"] = self.said
        return entry | ({"fieldPath": self.field} if self.field else {})


def _above_zero(what: str) -> Rule:
    message = f"is zero: write a duration above zero, such as `{what}: 5m`"
    return Rule("self.matches('[1-9]')", message)


_SELECTOR = Rule(
    f"self.matches({json.dumps(f'^(?:{PATTERN})$')})",
    'must be a selector of a raw counter: write one such as `orders_total{shop="eu"}`, without '
    "rate(), increase() or a range; Headrace takes the increments itself",
)


def _subject_rules() -> Iterator[Rule]:
    """Give what the checks of each subject have, as the api knows it.

    All metrics are in one rule, and all kinds: rules of their own would each be evaluated for every
    check, at every write of a status.
    """
    for field, subjects in (("metric", get_args(MetricName)), ("kind", get_args(Kind))):
        shapes = {subject: SHAPES[subject] for subject in subjects}
        yield _by_subject(
            field,
            {subject: (_limit_rule(shape), _limits_of(shape)) for subject, shape in shapes.items()},
            "has a limit that its subject does not take: write one that it does",
        )
        yield _by_subject(
            field,
            {subject: (_field_rule(shape), _fields_of(shape)) for subject, shape in shapes.items()},
            "has not the fields of its subject: leave out those of other checks",
        )


def _by_subject(field: str, has: Mapping[str, tuple[str, str]], message: str) -> Rule:
    """Give one rule for all subjects of a field; those that have to be alike share a branch.

    Args:
        field: `metric` or `kind`.
        has: By subject, what must be true of its checks, in CEL and in words.
        message: For a server that cannot put the words together.
    """
    alike: dict[str, list[str]] = {}
    for subject, (rule, _) in has.items():
        alike.setdefault(rule, []).append(subject)
    branches = "".join(
        f"self.{field} in {json.dumps(subjects)} ? {rule} : " for rule, subjects in alike.items()
    )
    texts = ", ".join(f"'{subject}': {json.dumps(text)}" for subject, (_, text) in has.items())
    said = f"'a check of ' + self.{field} + ' has ' + {{{texts}}}[self.{field}]"
    return Rule(f"!has(self.{field}) || ({branches}true)", message, said=said)


def _limits_of(shape: Shape) -> str:
    fitting = ", ".join(shape.limits)
    one = f"exactly one of {fitting}" if fitting else "no limit of its own"
    return one + (f"; write `{shape.example}`" if shape.example else "; leave it out")


def _fields_of(shape: Shape) -> str:
    needs = " and ".join(shape.needs) or "none of " + ", ".join(OF_SUBJECT)
    further = f" and may have {', '.join(shape.may)}" if shape.may else ""
    return f"{needs}{further}; leave out fields of other checks"


def _field_rule(shape: Shape) -> str:
    allowed = (*shape.needs, *shape.may)
    wants = [f"has(self.{name})" for name in shape.needs]
    refuses = [f"!has(self.{name})" for name in OF_SUBJECT if name not in allowed]
    return f"({' && '.join([*wants, *refuses])})"


def _limit_rule(shape: Shape) -> str:
    seen = [name for name in _LIMITS_SEEN if name in shape.limits]
    refused = [f"!has(self.{name})" for name in _LIMITS_SEEN if name not in shape.limits]
    if "above" in shape.limits or not seen:
        return f"({' && '.join(refused)})" if refused else "true"
    return f"({' && '.join([' != '.join(f'has(self.{name})' for name in seen), *refused])})"


def _exactly_one_of(*names: str) -> str:
    """Count what is given. A macro such as `filter` takes several times as long, at every step of
    a canary and every write of a status."""
    return f"{' + '.join(f'(has(self.{name}) ? 1 : 0)' for name in names)} == 1"


_UNDER_WAY = "['Progressing', 'Paused', 'Promoting', 'RollingBack']"

_STEP_KINDS = ("mirror", "weight", "analysis", "approval")

_STEP_RULE = Rule(
    # A canary may have dozens of steps, and each field that is asked for costs at each of them.
    "has(self.weight) ? has(self.hold) && !has(self.mirror) && !has(self.analysis) && "
    "!has(self.approval) : has(self.mirror) ? has(self.hold) && !has(self.analysis) && "
    "!has(self.approval) : !has(self.hold) && has(self.analysis) != has(self.approval)",
    "write `{weight: 5, hold: 5m}`, `{mirror: 100, hold: 5m}`, `{analysis: 10m}` or "
    "`{approval: {}}` in a step",
    said=f"!({_exactly_one_of(*_STEP_KINDS)}) ? 'write exactly one of {', '.join(_STEP_KINDS)} in "
    "a step, such as `{weight: 5, hold: 5m}`' : has(self.hold) ? 'a step of analysis or approval "
    "has no hold: write `analysis: 10m`, or `approval: {}`' : 'a step of mirror or weight needs "
    "its time: write `hold: 5m`'",
)

OBJECT_RULES: Mapping[str, tuple[Rule, ...]] = {
    "ModelRollout": (
        Rule(
            f"self.metadata.name.size() <= 53 && self.metadata.name.matches('{_NAME}')",
            "metadata.name must leave room for suffixes: write at most 53 characters of a-z, 0-9 "
            "and -",
        ),
        Rule(
            "self.spec.routing == oldSelf.spec.routing || !has(self.status) || "
            f"!has(self.status.phase) || !(self.status.phase in {_UNDER_WAY})",
            "spec.routing cannot change while a rollout is under way: write it as it was, and "
            "change it once the rollout has ended, which `headrace abort` does at once",
        ),
    ),
    "RolloutSpec": (
        Rule(
            "!has(self.challengers) || size(self.challengers) == 0 || has(self.strategy.abTest) "
            "|| has(self.strategy.bandit)",
            "this strategy tests one version: leave challengers out, or write the strategy abTest "
            "or bandit",
            ".challengers",
        ),
        Rule(
            "!has(self.challengers) || self.challengers.all(c, c.version != self.model.version)",
            "a version is named twice: write challengers whose version differs from model.version",
            ".challengers",
        ),
        Rule(
            "!has(self.challengers) || self.challengers.all(c, c.name == self.model.name)",
            "challengers are further versions of one model: write the name of spec.model",
            ".challengers",
        ),
        Rule(
            "!has(self.strategy.bandit) || (2 + (has(self.challengers) ? size(self.challengers) "
            ": 0)) * self.strategy.bandit.floor <= 100",
            "the floors of all arms are over 100: write a floor of at most 100 / (2 + challengers)",
            ".strategy",
        ),
        Rule(
            "!has(self.strategy.canary) || !has(self.strategy.canary.ramp) || "
            "self.analysis.checks.exists(c, has(c.metric) && c.metric == 'error-rate' && "
            "has(c.worseThanStable))",
            "a ramp needs something that counts bad requests: write a check such as "
            "`{name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}`",
            ".analysis",
        ),
    ),
    "CloudEvents": (
        Rule(
            "has(self.url) != has(self.key)",
            "write exactly one of url and key, such as `key: events` where the address is a secret",
        ),
    ),
    "Notification": (
        Rule(
            "has(self.cloudEvents) != has(self.slack)",
            "write exactly one of cloudEvents and slack, such as `slack: {key: team}`",
        ),
    ),
    "ServingSpec": (
        Rule(
            "!has(self.autoscaling) || self.autoscaling.maxReplicas >= self.replicas",
            "autoscaling has fewer replicas than serving: write maxReplicas of at least replicas",
        ),
        Rule(
            "!has(self.autoscaling) || (has(self.resources) && has(self.resources.requests) && "
            "'cpu' in self.resources.requests)",
            "autoscaling is a share of the requested CPU: write `resources: {requests: {cpu: "
            "250m}}`",
        ),
    ),
    "ServingTemplate": (
        Rule(
            "has(self.patches) != has(self.jinja)",
            "write exactly one of patches and jinja, such as `patches: [{kind: Pod, spec: "
            "{nodeSelector: {pool: models}}}]`",
        ),
    ),
    "Strategy": (
        Rule(
            _exactly_one_of("canary", "shadow", "blueGreen", "abTest", "bandit"),
            "write exactly one of canary, shadow, blueGreen, abTest, bandit",
        ),
    ),
    "Canary": (
        Rule(
            "self.steps.map(s, has(s.weight), s.weight).isSorted()",
            "weights fall: write each at least as large as the one before it, such as 5, 25, 50",
            ".steps",
        ),
        Rule(
            "!self.steps.exists(s, has(s.mirror)) || self.steps.map("
            "s, has(s.mirror) || has(s.weight), has(s.weight) ? 1 : 0).isSorted()",
            "a mirror comes after a weight: write mirror steps first",
            ".steps",
        ),
        Rule(
            "size(self.steps) == 0 || !has(self.steps[0].analysis)",
            "an analysis comes first, when there is nothing to observe: write a mirror or weight "
            "step before it",
            ".steps",
        ),
    ),
    "CanaryStep": (_STEP_RULE,),
    "AbTest": (Rule("has(self.goal)", "an A/B test needs a goal: write `goal: reward`"),),
    "Bandit": (Rule("has(self.reward)", "a bandit needs a reward: write `reward: reward`"),),
    "Stop": (
        Rule(
            "has(self.expectedLoss) || has(self.probabilityBest)",
            "write expectedLoss, probabilityBest or both, such as `expectedLoss: 0.001`",
        ),
    ),
    "WorseThanStable": (
        Rule(
            "self.tolerance < self.ratio",
            "tolerance must be below ratio: write such as `{ratio: 1.5, tolerance: 1.1}`",
        ),
    ),
    "Check": (
        Rule(
            "has(self.metric) != has(self.kind)",
            "write exactly one of metric and kind, such as `metric: error-rate`",
        ),
        *_subject_rules(),
    ),
}
"""By the name of the model class."""

_DIGEST = Rule(
    "self.matches('^sha256:[0-9a-f]{64}$')",
    "is no digest: write `sha256:` and 64 hexadecimal digits, as `headrace bundle` prints them",
)

FIELD_RULES: Mapping[tuple[str, str], tuple[Rule, ...]] = {
    ("ModelSpec", "digest"): (_DIGEST,),
    ("Hold", "hold"): (_above_zero("hold"),),
    ("PrePromotion", "hold"): (_above_zero("hold"),),
    ("Shadow", "hold"): (_above_zero("hold"),),
    ("CanaryStep", "hold"): (_above_zero("hold"),),
    ("CanaryStep", "analysis"): (_above_zero("analysis"),),
    ("Bandit", "update"): (_above_zero("update"),),
    ("Bandit", "decay"): (_above_zero("decay"),),
    ("Analysis", "interval"): (_above_zero("interval"),),
    ("Freeze", "duration"): (_above_zero("duration"),),
    ("Gate", "timeout"): (
        Rule(
            "self.matches('[1-9]') && duration(self.replace('d', 'h')) <= duration('60s')",
            "is zero or over a minute: write a time within which a gate can answer, such as "
            "`timeout: 10s`",
        ),
    ),
    **{("Check", name): (_SELECTOR,) for name in SELECTORS},
}
"""By the name of the model class and the field."""

SAID_BY_RULE = frozenset({("AbTest", "goal"), ("Bandit", "reward")})
"""Required fields of which a rule says what to write; `Required value` alone would not."""

SHAPES_OF_OBJECTS: Mapping[str, Mapping[str, Any]] = {
    "Check": {
        "anyOf": [
            {"required": ["worseThanStable"]},
            {"required": ["above"]},
            {"required": ["below"]},
            {"required": ["metric"], "properties": {"metric": {"enum": [_METRIC_WITHOUT_LIMIT]}}},
        ],
        "not": {
            "anyOf": [
                {"required": ["above", "worseThanStable"]},
                {"required": ["above", "below"]},
            ]
        },
    },
}
"""What CEL cannot ask, because it does not see `above`."""
