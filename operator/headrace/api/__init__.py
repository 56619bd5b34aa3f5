"""The ModelRollout resource: what users write (`spec`) and what Headrace writes (`status`)."""

from headrace.api.analysis import Analysis, Mode, OnNoData
from headrace.api.check import Check, DriftLimit, LatencyLimit, WorseThanStable
from headrace.api.documents import load_rollout, parse_rollout
from headrace.api.model import ModelSpec, RoutingSpec, ServingSpec
from headrace.api.record import TickRecord
from headrace.api.rollout import Metadata, ModelRollout, RolloutSpec
from headrace.api.status import (
    CheckStatus,
    Condition,
    DecisionStatus,
    HistoryEntry,
    Outcome,
    Phase,
    Requests,
    Status,
    Traffic,
    Weights,
)
from headrace.api.strategy import Canary, CanaryStep, Strategy

__all__ = [
    "Analysis",
    "Canary",
    "CanaryStep",
    "Check",
    "CheckStatus",
    "Condition",
    "DecisionStatus",
    "DriftLimit",
    "HistoryEntry",
    "LatencyLimit",
    "Metadata",
    "Mode",
    "ModelRollout",
    "ModelSpec",
    "OnNoData",
    "Outcome",
    "Phase",
    "Requests",
    "RolloutSpec",
    "RoutingSpec",
    "ServingSpec",
    "Status",
    "Strategy",
    "TickRecord",
    "Traffic",
    "Weights",
    "WorseThanStable",
    "load_rollout",
    "parse_rollout",
]
