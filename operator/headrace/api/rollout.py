"""The ModelRollout itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from headrace.api.analysis import Analysis
from headrace.api.fields import Name, Part, RuleBroken
from headrace.api.freeze import Freeze
from headrace.api.gate import Gate
from headrace.api.model import ModelSpec, MonitoringSpec, RoutingSpec, ServingSpec
from headrace.api.notification import Notification
from headrace.api.status import Status
from headrace.api.strategy import Strategy
from headrace.errors import Fault

GROUP = "headrace.dev"
API_VERSION = f"{GROUP}/v1alpha1"


class Metadata(Part):
    """The usual Kubernetes metadata; fields that Headrace does not read are kept."""

    model_config = ConfigDict(extra="allow")

    name: Name
    """Names the rollout and, with suffixes, everything that is made for it."""
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)] = (
        "default"
    )
    """Where it lives, with everything that is made for it."""
    annotations: dict[str, str] = {}
    """Kept as they are."""
    labels: dict[str, str] = {}
    """Kept as they are."""
    generation: int = 0
    """Counted by Kubernetes: how often `spec` has changed."""


class OnDelete(StrEnum):
    """What becomes of the servers and of the route when the ModelRollout is deleted."""

    KEEP = "Keep"
    DELETE = "Delete"


class RolloutSpec(Part):
    """Desired state only: this version should be live, get it there this way."""

    model: ModelSpec
    """The version that should be live."""
    challengers: Annotated[list[ModelSpec], Field(max_length=20)] = []
    """Further versions under test at the same time, for abTest and bandit."""
    serving: ServingSpec = ServingSpec()
    """How each version runs."""
    routing: RoutingSpec = RoutingSpec()
    """Who splits the traffic; it cannot change while a rollout is under way."""
    monitoring: MonitoringSpec = MonitoringSpec()
    """How Prometheus finds the model servers, and who else is told."""
    strategy: Strategy
    """How a new version gets its traffic and how that ends: exactly one of the five."""
    analysis: Analysis
    """The checks, at which risk, and what missing numbers mean."""
    freeze: Annotated[list[Freeze], Field(max_length=20)] = []
    """Times in which no weight rises, nothing is promoted and no rollout starts."""
    gates: Annotated[list[Gate], Field(max_length=20)] = []
    """Other systems that must say yes before it goes on."""
    notifications: Annotated[list[Notification], Field(max_length=10)] = []
    """Who is told of decisions."""
    suspended: bool = False
    """Nothing is changed and nothing is judged while this is true; the traffic stays."""
    on_delete: OnDelete = OnDelete.KEEP
    """`Keep` leaves the stable version serving all users; `Delete` removes everything."""

    @property
    def versions(self) -> tuple[ModelSpec, ...]:
        """Every version that the spec names."""
        return (self.model, *self.challengers)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = [*self._challenger_faults(), *self._strategy_faults(), *self._gate_faults()]
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

    def _gate_faults(self) -> list[Fault]:
        names = [gate.name for gate in self.gates]
        return [
            Fault(f"gates[{index}].name", f"{name!r} is named twice", "names that differ")
            for index, name in enumerate(names)
            if name in names[:index]
        ]


class ModelRollout(Part):
    """One model in front of live traffic."""

    api_version: Literal["headrace.dev/v1alpha1"] = "headrace.dev/v1alpha1"
    """The version of this schema."""
    kind: Literal["ModelRollout"] = "ModelRollout"
    """What this document is."""
    metadata: Metadata
    """The usual Kubernetes metadata."""
    spec: RolloutSpec
    """Desired state: this version should be live, get it there this way."""
    status: Status = Status()
    """What Headrace has seen, done and decided; written by Headrace only."""

    @property
    def key(self) -> str:
        """`namespace/name`: what names one rollout among all."""
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @property
    def uid(self) -> str:
        """Tells it from another one of its name; empty where Kubernetes gave it none."""
        uid = (self.metadata.model_extra or {}).get("uid")
        return uid if isinstance(uid, str) else ""
