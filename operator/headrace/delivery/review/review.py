"""Review a version: check what can be checked, then wait until enough people have said yes."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from headrace.api.fields import format_duration, format_instant
from headrace.delivery.following import Patience
from headrace.delivery.page import render_page
from headrace.delivery.review.approvals import Word, Words
from headrace.delivery.review.checks import Check, Subject, checks_of
from headrace.delivery.review.policy import Approvals, Policy
from headrace.errors import PermanentError, TemporaryError

FORMAT = "headrace.dev/review-record/v1"


@dataclass(frozen=True)
class Review:
    """What came of a review: the audit trail of why a version may get users, or may not.

    Attributes:
        outcome: `Approved`, `Refused` by a check, `Rejected` by a person, or `TimedOut`.
        message: Why, in one sentence.
        checks: What needed no person.
        words: What people said of this very bundle, in the order of time.
        ignored: Words that did not count, with the reason.
    """

    name: str
    version: str
    digest: str
    policy: Policy
    outcome: str
    message: str
    checks: tuple[Check, ...]
    words: tuple[Word, ...]
    ignored: tuple[str, ...]
    began: float
    ended: float

    def document(self) -> str:
        """Give the record as JSON."""
        text = self.policy.model_dump_json(exclude_defaults=True)
        document = {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "digest": self.digest,
            "policy": json.loads(text),
            "policyDigest": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
            "outcome": self.outcome,
            "message": self.message,
            "checks": [asdict(each) for each in self.checks],
            "words": [asdict(each) for each in self.words],
            "ignored": list(self.ignored),
            "began": format_instant(self.began),
            "ended": format_instant(self.ended),
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def page(self) -> str:
        """Give the record as an HTML page."""
        return render_page(
            "review.html",
            title=f"Review of {self.name} {self.version}",
            review=self,
            began=format_instant(self.began),
            ended=format_instant(self.ended),
        )

    def require_approval(self) -> None:
        """Insist that it may get users.

        Raises:
            TemporaryError: It may still be approved.
            PermanentError: It may not.
        """
        if self.outcome == "Approved":
            return
        text = f"{self.name} {self.version} may not be rolled out. {self.outcome}: {self.message}."
        raise TemporaryError(text) if self.outcome == "TimedOut" else PermanentError(text)


def review(
    policy: Policy,
    subject: Subject,
    words: Words,
    patience: Patience,
    say: Callable[[str], None],
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Review:
    """Review a version. It waits for people only when everything else is right.

    Args:
        policy: What is insisted on.
        subject: What is reviewed.
        words: Where people leave their words.
        patience: How long they have.
        say: Is told what is waited for, in sentences.
        clock: Gives Unix seconds.
        sleep: Waits seconds.

    Raises:
        InvalidBundle, InvalidInput, InvalidData: As of `checks_of`.
    """
    began = clock()
    signature = subject.bundle.signature
    checks = checks_of(policy, subject)

    def ended(outcome: str, message: str, gathered: _Gathered | None = None) -> Review:
        return Review(
            name=signature.name,
            version=signature.version,
            digest=subject.bundle.digest,
            policy=policy,
            outcome=outcome,
            message=message,
            checks=checks,
            words=gathered.words if gathered else (),
            ignored=gathered.ignored if gathered else (),
            began=began,
            ended=clock(),
        )

    if failed := [each for each in checks if not each.passed]:
        return ended("Refused", "; ".join(f"{each.name}: {each.message}" for each in failed))
    if policy.approvals is None:
        return ended("Approved", "everything that the policy asks is so; it asks for no person")
    said = ""
    while True:
        gathered = _gather(words, subject, policy.approvals)
        if gathered.rejections:
            told = "; ".join(f"{each.by}: {each.comment or 'no'}" for each in gathered.rejections)
            return ended("Rejected", told, gathered)
        if len(gathered.approvals) >= policy.approvals.needed:
            by = ", ".join(each.by for each in gathered.approvals)
            return ended("Approved", f"approved by {by}", gathered)
        waiting = _waiting(gathered, policy.approvals, signature.name, signature.version)
        if waiting != said:
            say(waiting)
            said = waiting
        left = began + patience.timeout - clock()
        if left <= 0:
            within = format_duration(patience.timeout)
            return ended("TimedOut", f"nobody else said yes within {within}: {waiting}", gathered)
        sleep(min(patience.interval, left))


@dataclass(frozen=True)
class _Gathered:
    words: tuple[Word, ...] = ()
    ignored: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def approvals(self) -> Sequence[Word]:
        return [each for each in self.words if each.says == "approve"]

    @property
    def rejections(self) -> Sequence[Word]:
        return [each for each in self.words if each.says == "reject"]


def _gather(words: Words, subject: Subject, approvals: Approvals) -> _Gathered:
    signature, digest = subject.bundle.signature, subject.bundle.digest
    try:
        found = words.of(signature.name, signature.version)
    except TemporaryError as error:
        return _Gathered(trouble=str(error))
    counted: dict[str, Word] = {}
    ignored = []
    for word in sorted(found, key=lambda each: each.at):
        if word.digest != digest:
            ignored.append(f"{word.by} spoke of another bundle, {word.digest}")
        elif approvals.by and word.by not in approvals.by:
            ignored.append(f"{word.by} is not among {', '.join(approvals.by)}")
        else:
            counted[word.by] = word
    return _Gathered(tuple(counted.values()), tuple(ignored))


def _waiting(gathered: _Gathered, approvals: Approvals, name: str, version: str) -> str:
    if gathered.trouble:
        return gathered.trouble
    missing = approvals.needed - len(gathered.approvals)
    who = f" of {', '.join(approvals.by)}" if approvals.by else ""
    more = f" ({'; '.join(gathered.ignored)})" if gathered.ignored else ""
    return f"waiting for {missing} more to say yes{who}: headrace approve {name} {version}{more}"
