"""What Headrace writes: all of its state, so that a restart changes nothing."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from headrace.api.check import Check
from headrace.api.decisions import Condition, DecisionStatus, News, Paused, Wished
from headrace.api.fields import Duration, Instant, Part
from headrace.api.model import ModelSpec
from headrace.api.packed import Packed


class Phase(StrEnum):
    """Where a rollout is."""

    IDLE = "Idle"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    PROMOTING = "Promoting"
    ROLLING_BACK = "RollingBack"
    HEALTHY = "Healthy"
    ROLLED_BACK = "RolledBack"
    INVALID = "Invalid"


class Outcome(StrEnum):
    """A check's answer. Only `Fail` rolls back."""

    PASS = "Pass"  # noqa: S105 - a verdict, not a password
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"
    NO_DATA = "NoData"
    ERROR = "Error"


class Traffic(Part):
    """Whole per cent of live requests per arm, and the share copied to the candidate."""

    stable: int = 0
    """Per cent of live requests."""
    candidate: int = 0
    """Per cent of live requests."""
    mirror: int = 0
    """Per cent of live requests copied to the candidate."""
    challengers: dict[str, int] = {}
    """Of further candidates, by version; only those above zero."""

    @model_serializer(mode="wrap")
    def _without_nobody(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        if not self.challengers:
            written.pop("challengers", None)
        return written

    @property
    def live(self) -> int:
        """Per cent of live requests that candidates answer."""
        return self.candidate + sum(self.challengers.values())


class Weights(Part):
    """The traffic that the plan asks for, and what the router has been seen to carry."""

    asked: Traffic = Traffic()
    """What the plan asks for."""
    seen: Traffic | None = None
    """None while it could not be read."""


class Requests(Part):
    """Live requests since the rollout began, as the router counted them."""

    stable: int = 0
    """Answered by stable."""
    candidate: int = 0
    """Answered by the candidate."""
    mirrored: int = 0
    """Copied to the candidate."""
    failed_stable: int = 0
    """Of stable's, those that failed."""
    failed_candidate: int = 0
    """Of the candidate's, those that failed."""
    failed_mirrored: int = 0
    """Of the copies, those that failed."""


class Interval(Part):
    """An anytime-valid confidence interval and its middle."""

    value: float
    """The estimate."""
    low: float
    """Its lower bound."""
    high: float
    """Its upper bound."""


class CheckStatus(Part):
    """One check: its verdict for people and its test's state for the next tick."""

    name: str
    """As in the spec."""
    outcome: Outcome = Outcome.NO_DATA
    """`Pass`, `Fail`, `Inconclusive`, `NoData` or `Error`; only `Fail` rolls back."""
    reason: str = ""
    """In one CamelCase word, for programs."""
    message: str = ""
    """In one sentence with the numbers, for people."""
    stable: Interval | None = None
    """The stable arm's figure (error share, latency quantile in seconds)."""
    candidate: Interval | None = None
    """The same of the candidate."""
    stable_samples: int = 0
    """How many of stable's requests, values or pairs were used."""
    candidate_samples: int = 0
    """How many of the candidate's were used."""
    harm: float = 0.0
    """Natural logarithm of the evidence that the candidate is worse than tolerated."""
    proof: float = 0.0
    """Natural logarithm of the evidence that the candidate is within the limit."""
    observed_until: Instant | None = None
    """End of the last interval in which both arms had data."""
    held: Duration = 0.0
    """How long both arms have had data within the current step."""
    state: Packed = Packed()
    """The sequential test itself, opaque to readers."""


class Challenger(Part):
    """A further version under test, beside `candidate`."""

    model: ModelSpec
    """The version."""
    checks: list[CheckStatus] = []
    """What the checks say of it."""
    requests: Requests = Requests()
    """Its own in the candidate's fields; stable's are in the rollout's."""


class Dropped(Part):
    """A version that was taken out of a test which goes on without it."""

    version: str
    """Which one."""
    reason: str
    """Why, in one CamelCase word."""
    message: str
    """Why, in one sentence with the numbers."""


class Rewards(Part):
    """What one arm earned."""

    version: str
    """Whose."""
    count: float = 0.0
    """How many rewards came back."""
    total: float = 0.0
    """Their sum."""
    interval: Interval | None = None
    """The mean with its anytime-valid interval."""


class Segment(Part):
    """What the arms earned of some of the users."""

    name: str
    """The value of the tag; `other` for those without it, and for all beyond the first ones."""
    arms: list[Rewards] = []
    """What each arm earned, stable first. All intervals of all segments hold together."""


class Goal(Part):
    """What the arms of an experiment earned since it began, and what that proves."""

    arms: list[Rewards] = []
    """What each arm earned, stable first."""
    observed_until: Instant | None = None
    """End of the last interval that was used."""
    message: str = ""
    """What is proved, in one sentence."""
    segments: list[Segment] = []
    """The same by segment, in the order in which they came; reported, never decided by."""
    segments_message: str = ""
    """Which segments differ from the whole beyond chance, in one sentence."""
    state: Packed = Packed()
    """The tests between the arms, opaque to readers."""


class Learning(Part):
    """What a bandit has learned: sums that may be forgotten with time, and the weights."""

    arms: list[Rewards] = []
    """Stable first."""
    weights: dict[str, int] = {}
    """Whole per cent by version; they sum to 100."""
    updated: Instant | None = None
    """When the weights were last made."""
    probability_best: dict[str, float] = {}
    """Posterior probability of being the best arm, by version."""
    expected_loss: dict[str, float] = {}
    """What the choice of an arm is expected to lose, as a share of the best arm's reward."""


class Ending(Part):
    """Why a rollout ends; it goes on until the traffic has moved and the watch is over."""

    action: str
    """What ends it: a promotion or a way back."""
    reason: str
    """Why, in one CamelCase word."""
    message: str
    """Why, in one sentence with the numbers."""
    hold: Duration = 0.0
    """How long a promotion is watched, and can be taken back, once all users have moved."""
    checks: list[Check] = []
    """The spec's checks as questions about the candidate alone: limits come from stable's
    figures at the switch."""
    unwatched: dict[str, str] = {}
    """Of the spec's other checks, why there is no such question."""


class Kept(Part):
    """A previous version whose servers still run."""

    model: ModelSpec
    """The version."""
    until: Instant
    """When its servers go away."""


class Servers(Part):
    """How a version's servers have fared since the rollout began."""

    version: str
    """Whose."""
    wanted: int = 0
    """How many should run."""
    ready: int = 0
    """How many answer."""
    restarts: int = 0
    """Unplanned ones."""
    oom_kills: int = 0
    """How many of them the kernel ended for their memory."""
    in_a_row: int = 0
    """Restarts since the last long calm."""
    last_restart: Instant | None = None
    """When the last one was seen."""
    reason: str = ""
    """What the last one ended with."""
    seen_restarts: int = 0
    """The platform's own counter up to which restarts are counted."""
    seen_oom_kills: int = 0
    """The same of its kills for memory."""


class CountedAs(Part):
    """A name under which the router counts one version's requests, and that others had before."""

    metric: str
    """Of live requests or of copies."""
    name: str
    """As the router's counters have it."""
    version: str
    """Whose it is now."""
    since: Instant | None = None
    """Since when the router is seen to carry it; what the name counted before is not this
    version's."""


class Registered(Part):
    """Where the registry's alias of the version that has the users is."""

    champion: str = ""
    """The version that it was moved to last; empty before the first time."""
    problem: str = ""
    """Why it could not be moved yet; empty where it could."""


class HistoryEntry(Part):
    """What was live when: the audit trail that a registry does not keep."""

    version: str
    """Which version."""
    outcome: Literal["Live", "Promoted", "RolledBack", "Superseded", "Discarded"]
    """What became of it."""
    previous: str = ""
    """The version that was live before; empty for the first."""
    reason: str
    """Why, in one CamelCase word."""
    message: str
    """Why, in one sentence with the numbers."""
    by: str
    """`headrace`, or the person who asked."""
    started: Instant
    """When it began."""
    ended: Instant
    """When it ended."""
    requests: Requests = Requests()
    """Live and copied requests meanwhile."""


class Status(Part):
    """Everything that must survive a restart."""

    phase: Phase = Phase.IDLE
    """Where the rollout is."""
    observed_generation: int = 0
    """The generation of the spec that this status is about."""
    writes: int = 0
    """How often this was written. What has not a greater number than the last one was not written
    by a controller, and is put back."""
    written: Instant | None = None
    """When this was written."""
    stable: ModelSpec | None = None
    """The version that has the users now."""
    candidate: ModelSpec | None = None
    """The version under test."""
    challengers: list[Challenger] = []
    """Further versions under test, beside `candidate`."""
    dropped: list[Dropped] = []
    """Those of them, or the candidate, that get no more traffic."""
    rejected: ModelSpec | None = None
    """The version that was rolled back; it stays out until the spec names another one."""
    also_rejected: list[ModelSpec] = []
    """Further versions that the spec names and that were tried."""
    previous: Kept | None = None
    """The version before the last promotion, while it can still be returned to at once."""
    predecessor: ModelSpec | None = None
    """The version before the last promotion, which `headrace undo` goes back to."""
    undoing: str = ""
    """Who said `headrace undo`, while the predecessor's servers start."""
    ending: Ending | None = None
    """While a rollout is Promoting or RollingBack."""
    goal: Goal | None = None
    """Of an A/B test or a bandit: what the arms earned."""
    learning: Learning | None = None
    """Of a bandit: what it has learned, and the weights."""
    step: int = 0
    """Index of the current step; as many as there are steps once all have held."""
    carried_since: Instant | None = None
    """Since when the router has been seen to carry what the current step, or an end, asks for."""
    held: Duration = 0.0
    """How long the current step has been observed by every check that it concerns."""
    elapsed: Duration = 0.0
    """How long the steps before it were observed."""
    waited: Duration = 0.0
    """How much of `elapsed` and `held` went by in a pause, a freeze or before a closed gate."""
    started: Instant | None = None
    """When the current rollout began."""
    read_since: Instant | None = None
    """Since when its numbers have been read: before that no candidate gets any traffic."""
    weights: Weights = Weights()
    """The traffic that is asked for, and what is carried."""
    servers: list[Servers] = []
    """Of every version that has some, stable first."""
    requests: Requests = Requests()
    """Requests since the rollout began."""
    watermarks: dict[str, Instant] = {}
    """Per metric, the end of what has been used of the counters, of all arms alike."""
    counted: list[CountedAs] = []
    """Names of the router's counters that mean other versions at other times."""
    checks: list[CheckStatus] = []
    """What each check says of the candidate."""
    decision: DecisionStatus | None = None
    """What was decided last, and why."""
    paused: Paused | None = None
    """Why it waits for a person, while the phase is Paused."""
    interrupted: Phase | None = None
    """While the phase is Invalid: the one that it goes on with once the spec is valid."""
    ended_by: str = ""
    """While a rollout is being undone: `headrace`, or the person who asked for it."""
    asked: str = ""
    """Identity of the last person's request that was carried out."""
    wishes: list[Wished] = []
    """What people asked for, the newest last."""
    news: list[News] = []
    """Decisions that not every receiver of `spec.notifications` is told of yet."""
    registered: Registered | None = None
    """What the registry was told; none where there is no registry."""
    conditions: list[Condition] = []
    """The same for `kubectl wait`."""
    history: list[HistoryEntry] = []
    """What was live when, and why it ended; the newest last."""

    @property
    def observed(self) -> float:
        """Seconds for which the rollout was observed while it could go on by itself."""
        return max(0.0, self.elapsed + self.held - self.waited)
