"""What Argo Rollouts and Flagger would do, by the rules that their documentation shows.

Both compare the last minute's figure of the candidate with a fixed threshold and count strikes.

- Argo Rollouts: success rate >= 95 %, `failureLimit: 3`, so that the fourth failure ends the
  rollout. Its documentation looks every 5 minutes; here it looks every minute, which is in its
  favour. Nothing in that example looks at latency.
- Flagger: success rate >= 99 % and p99 <= 500 ms, every minute, `threshold: 5`; the rollback
  comes one tick after the fifth failure. No data is a failure.

What is said here was read from their source: Argo Rollouts 9f8d111d8, Flagger 15bd6ad5.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.simulate.traffic import Drawn

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A fixed threshold with a number of strikes.

    Attributes:
        name: For tables.
        success: Least share of requests that must not fail.
        p99: Seconds that the 99th percentile may take; None where that is not looked at.
        strikes: Failed minutes that end the rollout, >= 1.
        late: Minutes between the last strike and the rollback.
        no_data_fails: Whether a minute without data is a failed one.
    """

    name: str
    success: float
    p99: float | None
    strikes: int
    late: int
    no_data_fails: bool


ARGO = Rule("Argo, docs", 0.95, None, strikes=4, late=0, no_data_fails=False)
FLAGGER = Rule("Flagger, docs", 0.99, 0.5, strikes=5, late=1, no_data_fails=True)
RULES = (ARGO, FLAGGER)


class Peer:
    """A rule at work in one rollout."""

    def __init__(self, rule: Rule, interval: float) -> None:
        """Begin.

        Args:
            rule: The rule.
            interval: Seconds between two scrapes.
        """
        self._rule = rule
        self._per_look = max(1, round(MINUTE / interval))
        self._minute: list[Drawn] = []
        self._strikes = 0
        self._late = rule.late

    def rolls_back(self, drawn: Drawn) -> bool:
        """Look at one more scrape, and each minute at the last minute."""
        self._minute.append(drawn)
        if len(self._minute) < self._per_look:
            return False
        minute, self._minute = self._minute, []
        if self._strikes >= self._rule.strikes:
            self._late -= 1
            return self._late <= 0
        self._strikes += self._fails([scrape for scrape in minute if scrape.seen])
        return self._strikes >= self._rule.strikes and self._late == 0

    def _fails(self, minute: list[Drawn]) -> bool:
        total = sum(scrape.candidate.requests.total for scrape in minute)
        if not total:
            return self._rule.no_data_fails
        bad = sum(scrape.candidate.requests.bad for scrape in minute)
        if 1 - bad / total < self._rule.success:
            return True
        if self._rule.p99 is None:
            return False
        slow = sum(
            count
            for scrape in minute
            for bound, count in zip(
                scrape.candidate.latency.bounds, scrape.candidate.latency.counts, strict=True
            )
            if bound > self._rule.p99
        )
        return slow > 0.01 * total
