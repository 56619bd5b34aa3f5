"""What values decide about the shape of the manifests, in the order in which templates ask it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from headrace.api import ModelRollout
from headrace.engine.strategies.build import strategy_of
from headrace.render.helm.choices import merged
from headrace.render.helm.nodes import Condition, Expression, Node

WEIGHT = Expression("int .Values.candidate.weight")
MIRROR = Expression("int .Values.candidate.mirror")
REST = Expression("sub 100 (int .Values.candidate.weight)")
"""The weight of stable while there is a candidate."""

HPA = Condition(".Values.hpa.enabled")
SECRET = Condition(".Values.model.envSecretRefName")
ACCOUNT = Condition(".Values.serviceAccount.name")
HOSTS = Condition(".Values.routing.hostnames")
CLAIM = Condition('hasPrefix "pvc://" .Values.model.uri')
CANDIDATE = Condition(".Values.candidate.enabled")
CANDIDATE_CLAIM = Condition('hasPrefix "pvc://" .Values.candidate.uri')
MIRRORED = Condition(f"gt ({MIRROR.code}) 0", {WEIGHT: 0, REST: 100}, {MIRROR: 0})
ANSWERS = Condition(f"gt ({WEIGHT.code}) 0", {}, {WEIGHT: 0, REST: 100})
LEADS = Condition(f"gt ({WEIGHT.code}) 50")
SHARES = Condition(f"lt ({WEIGHT.code}) 100", {}, {WEIGHT: 100, REST: 0})

Answers: TypeAlias = Mapping[Condition, bool]
"""Those that were asked; the others make no difference."""


def for_all_answers(rollout: ModelRollout, rendered: Callable[[Answers], Node]) -> Node:
    """Render under all answers, and merge.

    Args:
        rollout: For what is worth asking.
        rendered: Gives the manifests under answers.
    """
    return _below(rollout, rendered, {})


def _below(rollout: ModelRollout, rendered: Callable[[Answers], Node], answers: Answers) -> Node:
    question = next((each for each in _worth_asking(rollout, answers) if each not in answers), None)
    if question is None:
        return rendered(answers)
    then = _below(rollout, rendered, {**answers, question: True})
    return merged(question, then, _below(rollout, rendered, {**answers, question: False}))


def _worth_asking(rollout: ModelRollout, answers: Answers) -> list[Condition]:
    routing = rollout.spec.routing
    questions = [CANDIDATE, HPA, SECRET, ACCOUNT, CLAIM]
    if routing.provider == "Istio":
        questions.append(HOSTS)
    if answers.get(CANDIDATE):
        questions += [CANDIDATE_CLAIM, MIRRORED]
    if answers.get(MIRRORED) is False:
        sticky = routing.stickiness is not None or strategy_of(rollout.spec).sticky
        if sticky or routing.provider == "GatewayAPI":
            questions += [ANSWERS, SHARES] if answers.get(ANSWERS, True) else [ANSWERS]
        if routing.provider == "None":
            questions.append(LEADS)
    return questions
