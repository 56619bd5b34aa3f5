"""Whether the users' own part of the manifests can be merged, tried at every stage."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from headrace.api import ModelRollout
from headrace.errors import Fault, InvalidRollout
from headrace.lint import catalogue
from headrace.lint.advice import Advice
from headrace.render.customization import PATH, patches_for
from headrace.render.manifest import Manifest
from headrace.render.rendering import render
from headrace.render.stages import stages


def template_faults(rollout: ModelRollout) -> Iterator[Advice]:
    """Name every patch that cannot be merged, and those that meet nothing.

    Args:
        rollout: Valid, with a template.
    """
    # A laptop needs no router; that none is named is no matter of the template.
    for tried in (rollout, _without_router(rollout)):
        try:
            there = {manifest["kind"] for manifest in _everything(tried)} | {"Pod"}
        except InvalidRollout as error:
            mine = [fault for fault in error.faults if fault.path.startswith(PATH)]
            if mine:
                yield from ((catalogue.TEMPLATE_REFUSED, fault) for fault in mine)
                return
        else:
            yield from _idle(tried, there)
            return


def _idle(rollout: ModelRollout, there: set[str]) -> Iterator[Advice]:
    for placed in patches_for(rollout, rollout.spec.model):
        kind = placed.patch.kind
        if kind not in there:
            problem = f"is {kind}, of which this rollout has none"
            expected = f"one of {', '.join(sorted(there))}"
            path = f"{PATH}.{placed.path}.kind"
            yield catalogue.NOTHING_TO_PATCH, Fault(path, problem, expected)


def _everything(rollout: ModelRollout) -> Iterator[Manifest]:
    names = {each.version for each in rollout.spec.versions}
    other = next(str(number) for number in count() if str(number) not in names)
    for stage in stages(rollout, rollout.spec.model.model_copy(update={"version": other})):
        yield from render(rollout, stage.plan)


def _without_router(rollout: ModelRollout) -> ModelRollout:
    routing = rollout.spec.routing.model_copy(update={"provider": "None"})
    spec = rollout.spec.model_copy(update={"routing": routing})
    return rollout.model_copy(update={"spec": spec})
