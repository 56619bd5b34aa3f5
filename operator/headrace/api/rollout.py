"""The ModelRollout itself."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from headrace.api.analysis import Analysis
from headrace.api.fields import Name, Part
from headrace.api.model import ModelSpec, RoutingSpec, ServingSpec
from headrace.api.status import Status
from headrace.api.strategy import Strategy

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
    serving: ServingSpec = ServingSpec()
    routing: RoutingSpec = RoutingSpec()
    strategy: Strategy
    analysis: Analysis


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
