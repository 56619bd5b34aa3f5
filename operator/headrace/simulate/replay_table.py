"""A replay for people: the decisions with their sentences, and where it would have ended."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from headrace.api import Traffic
from headrace.engine.decision import Action
from headrace.report import wording
from headrace.simulate.replayed import PeerEnding, Replayed
from headrace.simulate.runs import OURS
from headrace.simulate.timeline import Decided

_SENTENCE = 300
_STYLES = {
    Action.ROLL_BACK: "bold red",
    Action.PROMOTE: "bold green",
    Action.DISCARD: "yellow",
    Action.PAUSE: "yellow",
    Action.ADVANCE: "blue",
}
_WORDS = {
    Action.ROLL_BACK: "rolled back",
    Action.PROMOTE: "promoted",
    Action.DISCARD: "tried and taken away",
    Action.HOLD: "open",
}


def replay_table(found: Replayed) -> RenderableType:
    """Lay a replay out."""
    table = Table(
        title=f"{found.rollout}: {found.candidate} beside {found.stable}, replayed",
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for heading in ("UTC", "asked", "was"):
        table.add_column(heading, no_wrap=True)
    table.add_column("decision, and why")
    for one in found.decisions:
        why = Text.assemble(
            (f"{one.action} {one.reason}", _STYLES.get(Action(one.action), "")),
            f": {wording.shorten(wording.sentence(one.message), _SENTENCE)}",
        )
        was = Text(_carried(one), style="yellow" if one.differs else "")
        table.add_row(wording.clock(one.time), _asked(one.asked), was, why)
    endings = Table.grid(padding=(0, 2))
    for _ in range(2):
        endings.add_column()
    endings.add_row(OURS, _ours(found))
    for peer in found.peers:
        endings.add_row(peer.policy, _theirs(peer, found))
    notes = (Text(f"\n{note}") for note in _notes(found))
    return Group(table, endings, *notes)


def _asked(traffic: Traffic) -> str:
    return f"copy {traffic.mirror} %" if traffic.mirror else f"{traffic.live} %"


def _carried(one: Decided) -> str:
    told = []
    if one.copied:
        told.append(f"copy {100 * one.copied:.0f} %")
    if one.share is not None and (one.share or not told):
        told.append(f"{100 * one.share:.0f} %")
    return ", ".join(told)


def _ours(found: Replayed) -> str:
    ending = found.ending
    if ending is not None:
        return f"{_WORDS[Action(ending.action)]} at {_when(ending.time, found)}: {ending.reason}"
    last = found.decisions[-1]
    if last.action == Action.PAUSE:
        return f"waits for a person since {_when(last.time, found)}: {last.reason}"
    return f"open when the recording ends, at {_when(found.last, found)}: {last.reason}"


def _theirs(peer: PeerEnding, found: Replayed) -> str:
    looks = "1 look" if peer.looks == 1 else f"{peer.looks} looks"
    if peer.action is Action.HOLD:
        return f"open when the recording ends, after {looks}"
    if not peer.looks:
        looks = "its steps are over before the first look, which comes after a minute"
        return f"promoted at {_when(peer.time, found)}: {looks}"
    return f"{_WORDS[peer.action]} at {_when(peer.time, found)}, after {looks}"


def _when(time: float, found: Replayed) -> str:
    return f"{wording.clock(time)} ({wording.span(time - found.start)} after the start)"


def _notes(found: Replayed) -> Iterator[str]:
    yield (
        f"The recording is from {wording.clock(found.first, with_date=True)} to "
        f"{wording.clock(found.last, with_date=True)}: {found.samples:,} samples."
    )
    if found.nonsense:
        yield f"{found.nonsense:,} samples are NaN, infinite or negative, and were left out."
    if found.left_out:
        told = ", ".join(f"{name} ({why})" for name, why in found.left_out.items())
        yield f"Checks that were left out: {told}."
    if any(one.differs for one in found.decisions):
        yield (
            "The recorded traffic was another one than the plan asks for (marked in `was`): the "
            "evidence is that of the recorded traffic, and would have come sooner or later with "
            "the plan's."
        )
