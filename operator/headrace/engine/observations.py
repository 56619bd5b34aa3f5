"""What the engine is told: what each arm did in each interval, and what exists.

These are values. An adapter of `headrace.metrics` makes the intervals, one of `headrace.runtime`
the world; the engine only reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from headrace.api import ModelSpec, Registered, Traffic
from headrace.engine.gates import GateAnswer
from headrace.engine.plan import Retreat


class Arm(StrEnum):
    """A side of the comparison."""

    STABLE = "stable"
    CANDIDATE = "candidate"


class Metric(StrEnum):
    """What can be observed of an arm. Each has one unit and one place where it is counted."""

    REQUESTS = "requests"
    """Live answers and failed answers, counted by the router. `Counts`."""
    SERVED = "served"
    """Live answers and failed answers of stable before the rollout, counted by its servers: the
    router does not know which of them answered. `Halves`."""
    MIRRORED = "mirrored"
    """Copied requests and their failures, counted by the router. `Counts`; no users saw them."""
    LATENCY = "latency"
    """Seconds from router to server and back, for live requests. `Histogram`."""
    SERVER_LATENCY = "server-latency"
    """Seconds inside the model server, which is all there is for copied requests. `Histogram`."""
    AGREEMENT = "agreement"
    """Compared pairs of answers, and those that disagree; candidate only. `Counts`."""
    REWARD = "reward"
    """Rewards in [0, 1] that came back as feedback, counted by the model server. `Sums`."""
    SEGMENTS = "segments"
    """The same rewards by segment of the users. `Segments`."""
    PREDICTION = "prediction"
    """Predictions by bin, counted by the model server. `Categories`, with the reference."""


MetricKey = str
"""What names a metric: a `Metric`, whose text it is, or one that the spec defines: the bins of a
feature, or the numbers of a check's own query. Watermarks in `.status` go by it."""

_FEATURE = "feature:"
_QUERY = "check:"


def feature_metric(feature: str) -> MetricKey:
    """Name the bins of a model's input. `Categories`, with the reference."""
    return f"{_FEATURE}{feature}"


def feature_of(metric: MetricKey) -> str | None:
    """Give the model's input that a metric is about; None if it is about none."""
    return metric.removeprefix(_FEATURE) if metric.startswith(_FEATURE) else None


def query_metric(check: str) -> MetricKey:
    """Name what the user's own query of a check gives."""
    return f"{_QUERY}{check}"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many happened and how many of them were bad; 0 <= bad <= total."""

    bad: float
    total: float

    @property
    def size(self) -> float:
        """The number of exposures."""
        return self.total


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts per bucket, not cumulative.

    Attributes:
        bounds: Upper bounds in seconds, rising; the last is `inf`. Shape `(buckets,)`.
        counts: Requests in each bucket, >= 0. Shape `(buckets,)`.
    """

    bounds: tuple[float, ...]
    counts: tuple[float, ...]

    @property
    def size(self) -> float:
        """The number of exposures."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Halves:
    """What two halves of an arm's servers did.

    Attributes:
        first: Of one half.
        second: Of the other one.
    """

    first: Counts
    second: Counts

    @property
    def size(self) -> float:
        """The number of exposures."""
        return self.first.total + self.second.total


@dataclass(frozen=True, slots=True)
class Sums:
    """How many values there were, and their sum.

    Attributes:
        count: >= 0; may be fractional where counters were clamped.
        sum: In the unit of the values.
        squares: The sum of their squares; None if nobody counts it.
    """

    count: float
    sum: float
    squares: float | None = None

    @property
    def size(self) -> float:
        """The number of exposures."""
        return self.count


@dataclass(frozen=True, slots=True)
class Categories:
    """Counts by category, in any order.

    Attributes:
        names: Of the categories, each once. Bins of numbers are named by both of their bounds, so
            that equal names mean equal bins. Shape `(categories,)`.
        counts: Values in each category, >= 0. Shape `(categories,)`.
    """

    names: tuple[str, ...]
    counts: tuple[float, ...]

    @property
    def size(self) -> float:
        """The number of exposures."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Level:
    """A number at one moment, such as the bytes that a process holds. Any finite value."""

    value: float

    @property
    def size(self) -> float:
        """The number of exposures: one look."""
        return 1.0


@dataclass(frozen=True, slots=True)
class Segments:
    """The same kind of sums, by segment of the users."""

    sums: Mapping[str, Sums]

    @property
    def size(self) -> float:
        """The number of exposures."""
        return sum(each.size for each in self.sums.values())


Value = Counts | Halves | Histogram | Sums | Categories | Level | Segments


@dataclass(frozen=True, slots=True)
class Interval:
    """What both arms did in `(start, end]`, each increment used exactly once.

    Attributes:
        metric: What was counted.
        start: Unix seconds, exclusive.
        end: Unix seconds, inclusive.
        stable: None where the arm was not seen; zero counts where it was seen idle.
        candidate: The same for the candidate; always None in the history before a rollout.
        challenger: Which further candidate that is; empty for the first one. Each candidate is
            observed together with stable, whose increments are then in the intervals of each.
        reference: For bins, the candidate's training data in the same bins; None if not known.
        share: For live requests, what share of them the router was set to give to the candidate
            through all of the interval; None where it changed, or is not known. The engine says it.
    """

    metric: MetricKey
    start: float
    end: float
    stable: Value | None
    candidate: Value | None
    challenger: str = ""
    reference: Categories | None = None
    share: float | None = None


UNAVAILABLE, TIMED_OUT = "PrometheusUnavailable", "PrometheusTimeout"
"""Why a metric could not be read: nobody answers who knows, or not in time."""

CATCHING_UP = "CatchingUp"
"""Why a rollout's past is not read yet: that of others is read first."""

UNREAD = frozenset({UNAVAILABLE, TIMED_OUT, CATCHING_UP})
"""Reasons that say nothing of a metric itself: nobody has looked at it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a metric could not be read. Not bad data: missing data.

    Attributes:
        metric: Which.
        reason: CamelCase, such as `PrometheusUnavailable`, `QueryFailed`, `NotANumber`.
        message: A sentence.
        challenger: Of which candidate, as in `Interval`; None for all of them.
    """

    metric: MetricKey
    reason: str
    message: str
    challenger: str | None = None


@dataclass(frozen=True, slots=True)
class VersionState:
    """What exists of one version.

    Attributes:
        wanted: Servers that should run.
        ready: Servers that answer and have the model loaded.
        restarts: Unplanned restarts since the version was first started. It may begin anew.
        oom_kills: How many of them were servers that the kernel ended for their memory.
        last_reason: What the last one ended with, such as `ended by signal 11`.
        waiting: Why not all are ready, as the platform says it; empty if it says nothing.
        refused: Why it can never be served (a wrong digest, say); empty if it can.
    """

    wanted: int
    ready: int
    restarts: int = 0
    refused: str = ""
    oom_kills: int = 0
    last_reason: str = ""
    waiting: str = ""


@dataclass(frozen=True, slots=True)
class Serving:
    """What takes users of a rollout whose status does not know of it.

    Attributes:
        name: As the platform names it.
        weight: Whole per cent of the live requests, > 0.
        model: The version; None where what serves is none that can be told.
        is_ready: Whether at least one of its servers is seen to answer.
    """

    name: str
    weight: int
    model: ModelSpec | None = None
    is_ready: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """What the platform sees now.

    Attributes:
        versions: By version name.
        traffic: What the router carries; None where it could not be read.
        problem: Why the platform could not be seen or changed; empty if it could.
        ending: Whether the place itself is being deleted, so that nothing can be made there.
        serving: Who takes the users, where the stable version, if there is one, has none and
            nothing is tried beside it, and where there is none and a first version does not have
            them all. Together 100 %.
        retreat: A way back that the router's object tells of; it may be of an earlier rollout.
    """

    versions: Mapping[str, VersionState] = field(default_factory=dict)
    traffic: Traffic | None = None
    problem: str = ""
    ending: bool = False
    serving: tuple[Serving, ...] = ()
    retreat: Retreat | None = None


class Wish(StrEnum):
    """What a person may ask of a rollout."""

    PROMOTE = "promote"
    """Pass the approval or the pause at hand; freezes and gates still count."""
    PROMOTE_FULL = "promote-full"
    """Promote now, whatever is not proved, frozen, closed or waited for."""
    ABORT = "abort"
    """Give all traffic back to stable and end the rollout."""
    RETRY = "retry"
    """Try a version again that was rolled back; during a test, the same as resume."""
    PAUSE = "pause"
    """Change nothing but by a rollback, until somebody says resume."""
    RESUME = "resume"
    """Go on after a pause, for another `maxDuration`."""
    UNDO = "undo"
    """Go back to the version before the last promotion; during a test, the same as abort."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A person's request, carried out once.

    Attributes:
        wish: What.
        identity: Differs between any two requests.
        by: Who, for the history.
    """

    wish: Wish
    identity: str
    by: str


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything that `decide` learns at one tick.

    Attributes:
        intervals: Fresh intervals, per metric in order of time.
        watermarks: Per metric, up to where its counters are now used.
        problems: Metrics that could not be read.
        world: What exists.
        ask: A person's request, if one waits.
        frozen: Why nothing may go on now, in a sentence; empty where it may.
        gates: The last answer of every gate that was asked, by its name.
        generation: Of the spec, as Kubernetes counts.
        told: Identities of the news that every receiver was told of, or has refused.
        telling: Identities of the news that receivers are told of once the status says so.
        deleting: Since when the resource is being deleted, Unix seconds; None while it is not.
        registered: What became of telling the registry; None where nothing new is known of that.
    """

    intervals: tuple[Interval, ...] = ()
    watermarks: Mapping[MetricKey, float] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    world: World = World()
    ask: Ask | None = None
    frozen: str = ""
    gates: Mapping[str, GateAnswer] = field(default_factory=dict)
    generation: int = 0
    told: frozenset[str] = frozenset()
    telling: frozenset[str] = frozenset()
    deleting: float | None = None
    registered: Registered | None = None
