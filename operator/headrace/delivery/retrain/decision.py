"""Whether to train again. Pure: what was seen goes in, a verdict with its sentence comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headrace.api.fields import format_duration
from headrace.delivery.batch.tallies import Drift
from headrace.labels.trigger import Verdict


@dataclass(frozen=True)
class Wanted:
    """What is a reason to train again. With none of these, new data is one.

    Attributes:
        asked: Why somebody wants it now, such as the sentence of an alert; empty for nobody.
        drift_limit: The population stability index above which an input, or what the champion
            answers, has drifted; 0 does not look.
        on_quality: Whether a drop in quality is a reason.
        cool_down: Seconds after a version was registered in which no other is trained, >= 0.
    """

    asked: str = ""
    drift_limit: float = 0.0
    on_quality: bool = False
    cool_down: float = 0.0


@dataclass(frozen=True)
class Seen:
    """What is there.

    Attributes:
        version: What a model of today's rows is called.
        data: The digest of today's rows.
        is_registered: Whether that version is in the registry already.
        rejection: Why that version did not pass an earlier evaluation; None where it has not.
        is_offered: Whether its rollout was asked for already, however it went.
        under_way: Another version whose rollout goes on; empty for none.
        champion: The version that has the users; empty for none.
        champion_data: The digest of the rows that it was fitted on; empty where nobody knows.
        newest: When the youngest version was registered, Unix seconds; None for none.
        drifts: Of today's rows against those that the champion was fitted on.
        quality: Of the champion; None where nobody looked.
    """

    version: str
    data: str
    is_registered: bool = False
    rejection: str | None = None
    is_offered: bool = False
    under_way: str = ""
    champion: str = ""
    champion_data: str = ""
    newest: float | None = None
    drifts: Sequence[Drift] = ()
    quality: Verdict | None = None


def decide(wanted: Wanted, seen: Seen, now: float) -> Verdict:
    """Decide whether to train again.

    Args:
        wanted: What is a reason.
        seen: What is there.
        now: Unix seconds.

    Returns:
        Why not: `DataUnchanged`, `AlreadyOffered`, `NotPassedBefore`, `RolloutUnderWay`,
        `CoolingDown` or `NothingMoved`. Why: `Resumed`, `FirstModel`, `Asked`, `Drifted`,
        `QualityDropped` or `NewData`.
    """
    return _standstill(seen) or _start(seen) or _cooling(wanted, seen, now) or _moved(wanted, seen)


def _no(reason: str, message: str) -> Verdict:
    return Verdict(False, reason, message)


def _yes(reason: str, message: str) -> Verdict:
    return Verdict(True, reason, message)


def _standstill(seen: Seen) -> Verdict | None:
    """Say why nothing new could come of it."""
    if seen.champion and seen.champion_data == seen.data:
        return _no("DataUnchanged", f"The champion {seen.champion} was fitted on the same rows.")
    if seen.is_offered:
        return _no("AlreadyOffered", f"The rollout of {seen.version} was asked for already.")
    if seen.rejection is not None:
        return _no(
            "NotPassedBefore",
            f"A model of the same rows did not pass as {seen.version}: {seen.rejection}",
        )
    if seen.under_way:
        return _no("RolloutUnderWay", f"The rollout of {seen.under_way} has not ended.")
    return None


def _start(seen: Seen) -> Verdict | None:
    """Say why it is time whatever else there is."""
    if seen.is_registered:
        return _yes(
            "Resumed", f"{seen.version} is registered, and its rollout was never asked for."
        )
    if not seen.champion:
        return _yes("FirstModel", "There is no champion yet.")
    return None


def _cooling(wanted: Wanted, seen: Seen, now: float) -> Verdict | None:
    if seen.newest is None or now >= seen.newest + wanted.cool_down:
        return None
    left = format_duration(max(1.0, (seen.newest + wanted.cool_down - now) // 1))
    return _no("CoolingDown", f"The last version was registered a short time ago; {left} to go.")


def _moved(wanted: Wanted, seen: Seen) -> Verdict:
    """Say whether what somebody waits for has come."""
    if wanted.asked:
        return _yes("Asked", wanted.asked)
    drifted = [each for each in seen.drifts if each.drifted]
    if drifted:
        told = ", ".join(f"{each.name} by {each.index:.3g}" for each in drifted)
        return _yes("Drifted", f"Since {seen.champion} was fitted, this has drifted: {told}.")
    if seen.quality is not None and seen.quality.fires:
        return seen.quality
    if not wanted.drift_limit and not wanted.on_quality:
        return _yes("NewData", f"There are other rows than {seen.champion} was fitted on.")
    told = f" {seen.quality.message}" if seen.quality is not None else ""
    if wanted.drift_limit:
        most = max(seen.drifts, key=lambda each: each.index, default=None)
        far = "" if most is None else f", {most.name} the most by {most.index:.3g}"
        told = f" No column has drifted by more than {wanted.drift_limit:g}{far}.{told}"
    return _no("NothingMoved", f"There are other rows, and no reason to learn from them.{told}")
