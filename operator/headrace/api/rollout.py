"""The ModelRollout itself."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, model_validator

from headrace.api.analysis import Analysis
from headrace.api.fields import Name, Part, RuleBroken
from headrace.api.model import ModelSpec, MonitoringSpec, RoutingSpec, ServingSpec
from headrace.api.status import Status
from headrace.api.strategy import Strategy
from headrace.errors import Fault

GROUP = "headrace.dev"
API_VERSION = f"{GROUP}/v1alpha1"


class Metadata(Part):
    """The usual Kubernetes metadata; fields that Headrace does not read are kept."""

    model_config = ConfigDict(extra="allow")

    name: Name
    namespace: str = "default"
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    generation: int = 0


class RolloutSpec(Part):
    """Desired state only: this version should be live, get it there this way."""

    model: ModelSpec
    challengers: list[ModelSpec] = []
    """Further versions under test at the same time, for abTest and bandit."""
    serving: ServingSpec = ServingSpec()
    routing: RoutingSpec = RoutingSpec()
    monitoring: MonitoringSpec = MonitoringSpec()
    strategy: Strategy
    analysis: Analysis

    @property
    def versions(self) -> tuple[ModelSpec, ...]:
        """Every version that the spec names."""
        return (self.model, *self.challengers)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = [*self._challenger_faults(), *self._strategy_faults()]
        if faults:
            raise RuleBroken(faults)
        return self

    def _challenger_faults(self) -> list[Fault]:
        strategy = self.strategy
        if self.challengers and strategy.ab_test is None and strategy.bandit is None:
            problem = f"has {len(self.challengers)}, and this strategy tests one version"
            return [Fault("challengers", problem, "none, or the strategy abTest or bandit")]
        faults = []
        seen = {self.model.version}
        for index, model in enumerate(self.challengers):
            path = f"challengers[{index}]"
            if model.version in seen:
                problem = f"{model.version!r} is named twice"
                faults.append(Fault(f"{path}.version", problem, "versions that differ"))
            if model.name != self.model.name:
                expected = f"{self.model.name}, as in spec.model"
                faults.append(Fault(f"{path}.name", f"is {model.name}", expected))
            seen.add(model.version)
        return faults

    def _strategy_faults(self) -> list[Fault]:
        canary, bandit = self.strategy.canary, self.strategy.bandit
        faults = []
        if canary is not None and canary.ramp is not None:
            comparable = any(
                check.metric == "error-rate" and check.worse_than_stable is not None
                for check in self.analysis.checks
            )
            if not comparable:
                expected = "a check of error-rate with worseThanStable"
                faults.append(
                    Fault("strategy.canary.ramp", "has nothing that counts bad requests", expected)
                )
        if bandit is not None:
            arms = 2 + len(self.challengers)
            if arms * bandit.floor > 100:
                problem = f"is {bandit.floor} for each of up to {arms} arms"
                expected = f"at most {100 // arms}"
                faults.append(Fault("strategy.bandit.floor", problem, expected))
        return faults


class ModelRollout(Part):
    """One model in front of live traffic."""

    api_version: Literal["headrace.dev/v1alpha1"] = "headrace.dev/v1alpha1"
    kind: Literal["ModelRollout"] = "ModelRollout"
    metadata: Metadata
    spec: RolloutSpec
    status: Status = Status()

    @property
    def key(self) -> str:
        """`namespace/name`: what names one rollout among all."""
        return f"{self.metadata.namespace}/{self.metadata.name}"
