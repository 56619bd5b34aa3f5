"""Every rule of lint, with its reason. `docs/lint.md` has the same list, held by a test."""

from __future__ import annotations

from headrace.lint.finding import Level, Rule

NOT_YAML = Rule(
    "HR001",
    "not-yaml",
    Level.ERROR,
    "The text is not YAML, or too much of it.",
    "Nothing else can be said about the file. Tabs, aliases of aliases and files over 2 MB are "
    "refused, too.",
)
SCHEMA = Rule(
    "HR002",
    "schema",
    Level.ERROR,
    "The document is not a valid ModelRollout.",
    "Kubernetes or the controller refuses it. The finding says what was expected.",
)
NO_ROLLOUT = Rule(
    "HR003",
    "no-rollout",
    Level.WARNING,
    "A file that was named has no ModelRollout.",
    "Nothing was linted. `kind: ModelRollout` is missing or misspelt, or another file was meant.",
)
NAMED_TWICE = Rule(
    "HR004",
    "named-twice",
    Level.ERROR,
    "Two documents have the same namespace and name.",
    "The one that is applied last wins, and which one that is depends on the order of files.",
)
BETWEEN_BUCKETS = Rule(
    "HR010",
    "limit-between-buckets",
    Level.WARNING,
    "A latency limit is no bucket bound of the router.",
    "Between two bounds nobody knows how many requests took longer: harm is judged at the bound "
    "above and safety at the one below, so that both are found late. Write a bound.",
)
SHORT_HOLD = Rule(
    "HR011",
    "short-hold",
    Level.WARNING,
    "A step holds for less than two intervals.",
    "It ends after one judgement or none. Write a longer hold or a shorter analysis.interval.",
)
SHORT_TIMEOUT = Rule(
    "HR012",
    "short-no-data-timeout",
    Level.WARNING,
    "noDataTimeout is less than two intervals.",
    "One late scrape counts as missing data. Write at least two intervals.",
)
PLAN_TOO_LONG = Rule(
    "HR013",
    "plan-too-long",
    Level.ERROR,
    "The steps take longer than maxDuration.",
    "The time is up before the last step has held, so that ifInconclusive always applies. Write a "
    "longer maxDuration or shorter holds.",
)
NEVER_OBSERVED = Rule(
    "HR014",
    "never-observed",
    Level.ERROR,
    "A required check gets no data from this strategy.",
    "Promotion waits for a proof that cannot come: answers are compared only while traffic is "
    "copied, rewards and your own counters only while users are served. Write a step that observes "
    "it, or `required: false`.",
)
NOBODY_TO_COMPARE = Rule(
    "HR015",
    "nobody-to-compare",
    Level.WARNING,
    "A step gives the candidate all the traffic.",
    "Stable gets none, so that no check compares anything from there on. Write at most 99, and use "
    "postPromotion to watch the new version afterwards.",
)
SLOW_PROOF = Rule(
    "HR016",
    "slow-proof",
    Level.WARNING,
    "At the given rate a required check cannot be proved within maxDuration.",
    "The rollout ends without promotion. Write a longer maxDuration, larger weights, a wider ratio "
    "or margin, or `required: false`. Only with --rate.",
)
TEMPLATE_REFUSED = Rule(
    "HR017",
    "template-refused",
    Level.ERROR,
    "A patch of serving.template cannot be merged, or changes what Headrace owns.",
    "Nothing of the rollout can be rendered. Names, selectors, digests, weights and numbers of "
    "replicas follow from the rest of the spec: say it there, and leave it out of the patch.",
)
NOTHING_TO_PATCH = Rule(
    "HR018",
    "nothing-to-patch",
    Level.WARNING,
    "A patch of serving.template is for a kind that is not rendered.",
    "It has no effect with this backend, router and monitoring. Write another kind, or `Pod`, "
    "which every backend has.",
)
SECRET_IN_URI = Rule(
    "HR019",
    "secret-in-uri",
    Level.ERROR,
    "A model's uri has a password, a signature or a token in it.",
    "Whoever can read the rollout, its manifests, a pod or a log can read it. Put it into a Secret "
    "that spec.serving.storageSecret names, or give the pods an account that may read.",
)
UNREACHABLE = Rule(
    "HR020",
    "unreachable",
    Level.ERROR,
    "A model's uri cannot be read from here.",
    "The servers would not start. Only with --online.",
)
ALWAYS_FROZEN = Rule(
    "HR021",
    "always-frozen",
    Level.ERROR,
    "The windows of freeze leave no gap.",
    "Nothing ever starts, gets more traffic or is promoted. Write shorter windows, or fewer.",
)
NOT_PROMQL = Rule(
    "HR022",
    "not-promql",
    Level.ERROR,
    "A query or a selector is not PromQL.",
    "Prometheus refuses it at every look, so that the check never says anything and promotion "
    "waits for ever. The finding says what Prometheus would say.",
)

RULES: tuple[Rule, ...] = (
    NOT_YAML,
    SCHEMA,
    NO_ROLLOUT,
    NAMED_TWICE,
    BETWEEN_BUCKETS,
    SHORT_HOLD,
    SHORT_TIMEOUT,
    PLAN_TOO_LONG,
    NEVER_OBSERVED,
    NOBODY_TO_COMPARE,
    SLOW_PROOF,
    TEMPLATE_REFUSED,
    NOTHING_TO_PATCH,
    SECRET_IN_URI,
    UNREACHABLE,
    ALWAYS_FROZEN,
    NOT_PROMQL,
)
