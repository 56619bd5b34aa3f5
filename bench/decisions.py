"""How often the checks are wrong, and how fast they are right, beside the peers' documented rules.

    python bench/decisions.py [--runs 2000] [--seed 20] [--only TEXT] [--json FILE]

One simulated rollout: 15 s scrapes, weights of 5, 10, 25 and 50 % for 5 minutes each, after an
hour of stable's history; a false-rollback risk of 1 % and a missed-regression risk of 5 %. Rows
"to 40 min" stay at 50 % until the candidate is promoted or rolled back. Everything is seeded: the
same numbers each time. A figure in the columns "must" that is missed is marked, and ends the
program with 1.

- false %: healthy candidates rolled back.  found %: bad ones rolled back after their onset.
- minutes: median from the onset of the regression to the rollback.
- bad: mean number of requests that the bad candidate answered; a miss counts the whole schedule.
- info: evidence used, `E[sum of the information up to the stop]`, over the least that any test of
  the same errors needs, `d(power || alpha)` (the two-sample SPRT bound). Only where the rates are
  known; dispersion is not charged.
- promoted %, minutes: candidates that were proved and promoted, and the median time.
- us: processor time of one judgement of all checks of the rollout: the median over the rollouts.
- better: in what a peer's rule beats us on this row, beyond chance. It has to be read with the
  rule's false rollbacks in the healthy rows above it.

Two things to know when reading the peers' rows: Argo's documentation looks every 5 minutes, here
it looks every minute, which is in its favour; and a base of 1 % failures lies exactly on Flagger's
default, which is in ours.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Literal

from headrace.simulate.judge import Answer, Judge
from headrace.simulate.peers import RULES, Peer
from headrace.simulate.scenario import Latency, Scenario, Slowdown
from headrace.simulate.summary import share
from headrace.simulate.traffic import Drawn, Traffic
from headrace.simulate.wire import Question, Scrape, Side

SCRAPE = 15.0
WEIGHTS = (0.05, 0.10, 0.25, 0.50)
PER_STEP = 20
SCHEDULE = PER_STEP * len(WEIGHTS)
PROVING = 2 * SCHEDULE
HISTORY = 240
ALPHA = 0.01

Metric = Literal["error", "latency", "both"]
Limits = dict[str, tuple[float, float | None]]
"""Per figure, what it must be and what would be better: at least for shares found, else at most."""
AT_LEAST = ("found", "found_40")
SHARES = ("false", "found", "found_40", "promoted")
ENOUGH = 1000
"""Rollouts from which on shares are taken as they are."""
HEALTHY: Limits = {"false": (1.0, None)}
RESTLESS: Limits = {"false": (2.0, 1.0)}


@dataclass(frozen=True, slots=True)
class Cell:
    """A row of the table: what happens, what is asked, and what the answer must be."""

    scenario: Scenario
    metric: Metric = "error"
    proving: bool = False
    limits: Limits = field(default_factory=dict)


FEW_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
MANY_BOUNDS = tuple(0.002 * 1.25**i for i in range(40))
SLOW = Slowdown(1.2)
TAIL = Slowdown(1.2, 0.1)

CELLS = (
    Cell(Scenario("iid"), limits=HEALTHY),
    Cell(Scenario("iid, to 40 min"), proving=True, limits={"false": (1.0, None)}),
    Cell(Scenario("iid, 5 rps", rate=5.0), limits=HEALTHY),
    Cell(Scenario("iid, base .1 %", base=0.001), limits=HEALTHY),
    Cell(Scenario("shared incident", incidents=1), limits=HEALTHY),
    Cell(Scenario("bursts (x3)", burst=3.0), limits=RESTLESS),
    Cell(Scenario("wander +-30 %", wander=0.3), limits=RESTLESS),
    Cell(
        Scenario("1 -> 2 %", worse=2.0),
        limits={"found": (99.0, None), "minutes": (9.0, 8.25), "information": (1.35, 1.22)},
    ),
    Cell(
        Scenario("1 -> 1.5 %, to 40 min", worse=1.5),
        proving=True,
        limits={"found": (70.0, 80.0), "found_40": (95.0, None), "promoted": (5.0, None)},
    ),
    Cell(Scenario("1 -> 10 %", worse=10.0), limits={"minutes": (0.5, None), "bad": (85.0, None)}),
    Cell(Scenario("late 1 -> 3 %", worse=3.0, onset=600.0), limits={"minutes": (2.0, None)}),
    Cell(
        Scenario("latency x1.2", slowdown=SLOW),
        "latency",
        limits={"minutes": (1.5, None), "bad": (210.0, None)},
    ),
    Cell(Scenario("latency iid"), "latency", limits=HEALTHY),
    Cell(Scenario("latency iid, 5 rps", rate=5.0), "latency", limits=HEALTHY),
    Cell(Scenario("latency, shared incident", incidents=1), "latency", limits=HEALTHY),
    # What the table does not ask: other rates, bases, buckets and shapes.
    Cell(Scenario("bursts 1 -> 2 %", worse=2.0, burst=3.0)),
    Cell(Scenario("5 rps 1 -> 2 %", worse=2.0, rate=5.0)),
    Cell(Scenario(".1 -> .5 %", base=0.001, worse=5.0)),
    Cell(Scenario("iid, base 30 %", base=0.3), limits=HEALTHY),
    Cell(Scenario("30 -> 36 %", base=0.3, worse=1.2)),
    Cell(Scenario("iid, 400 rps", rate=400.0), limits=HEALTHY),
    Cell(Scenario("400 rps 1 -> 1.2 %", rate=400.0, worse=1.2)),
    Cell(Scenario("wander, 100 rps", rate=100.0, wander=0.3), limits=RESTLESS),
    Cell(Scenario("wander slowly", wander=0.3, memory=0.98), limits=RESTLESS),
    Cell(Scenario("unlike servers, 400 rps", rate=400.0, servers=4, unlike=0.1)),
    Cell(Scenario("400 rps, unlike, x1.5", rate=400.0, worse=1.5, servers=4, unlike=0.1)),
    Cell(Scenario("like servers, 400 rps", rate=400.0, servers=4), limits=HEALTHY),
    Cell(Scenario("like servers, 1 -> 2 %", worse=2.0, servers=4)),
    Cell(Scenario("a fifth unseen", outage=0.2), limits=HEALTHY),
    Cell(Scenario("latency x1.2, 5 rps", rate=5.0, slowdown=SLOW), "latency"),
    Cell(Scenario("latency, a slow tenth", slowdown=TAIL), "latency"),
    Cell(Scenario("latency x1.2, 10 buckets", slowdown=SLOW, latency=Latency(bounds=FEW_BOUNDS)),
         "latency"),
    Cell(Scenario("latency x1.2, 41 buckets", slowdown=SLOW, latency=Latency(bounds=MANY_BOUNDS)),
         "latency"),
    Cell(Scenario("latency iid, 41 buckets", latency=Latency(bounds=MANY_BOUNDS)), "latency",
         limits=HEALTHY),
    Cell(Scenario("latency x1.2, gamma", slowdown=SLOW, latency=Latency("gamma")), "latency"),
    Cell(Scenario("latency x1.2, two modes", slowdown=SLOW, latency=Latency("two modes")),
         "latency"),
    Cell(Scenario("both, iid"), "both", limits={"false": (1.0, None), "us": (200.0, 50.0)}),
    Cell(Scenario("both, 1 -> 2 %", worse=2.0), "both"),
    Cell(Scenario("both, latency x1.2", slowdown=SLOW), "both"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ending:
    """How a policy ended one rollout; scrapes count from 1.

    Attributes:
        rolled_back: The scrape of the rollback.
        promoted: The scrape of the promotion.
        bad: Requests that the bad candidate had answered by then.
        information: What the arms' errors had told by then.
    """

    rolled_back: int | None
    promoted: int | None
    bad: float
    information: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What a policy did in all rollouts of a cell; None where a figure has no meaning."""

    cell: str
    policy: str
    runs: int
    false: float | None = None
    found: float | None = None
    found_40: float | None = None
    minutes: float | None = None
    bad: float | None = None
    information: float | None = None
    promoted: float | None = None
    promotion_minutes: float | None = None
    us: float | None = None


Ruler = Callable[[Drawn, float], Answer]


class Ours:
    """The engine, as `headrace judge` asks it."""

    def __init__(self, cell: Cell, traffic: Traffic) -> None:
        past = [(SCRAPE * (i - HISTORY + 1), 1.0, 0.0) for i in range(HISTORY)]
        history = [_scrape(traffic.draw(*times), times[0]) for times in past]
        self._judge = Judge(Question(metric=cell.metric), history)
        self.seconds = 0.0

    def __call__(self, drawn: Drawn, at: float) -> Answer:
        """Judge one scrape."""
        scrape = _scrape(drawn, at)
        begun = time.process_time()
        ruling = self._judge.observe(scrape)
        self.seconds += time.process_time() - begun
        return ruling.answer


def _scrape(drawn: Drawn, at: float) -> Scrape:
    if not drawn.seen:
        return Scrape(at, SCRAPE, Side(), Side())
    stable = Side(drawn.stable.requests, drawn.stable.latency, drawn.stable.halves)
    canary = Side(drawn.candidate.requests, drawn.candidate.latency)
    return Scrape(at, SCRAPE, stable, canary if drawn.candidate.requests.total else Side())


def theirs(peer: Peer) -> Ruler:
    """Let a peer's rule answer; at the end of the schedule it promotes what is left."""

    def rule(drawn: Drawn, at: float) -> Answer:
        if peer.rolls_back(drawn):
            return Answer.ROLL_BACK
        return Answer.PROMOTE if at >= SCHEDULE * SCRAPE else Answer.HOLD

    return rule


def one_run(cell: Cell, seed: int, run: int) -> tuple[dict[str, Ending], float]:
    """Simulate one rollout under all policies; also give the seconds of one of our judgements."""
    scenario = cell.scenario
    length = SCHEDULE * SCRAPE
    timed = cell.metric != "error"
    traffic = Traffic(scenario, seed, run, interval=SCRAPE, length=length, timed=timed)
    ours = Ours(cell, traffic)
    rulers: dict[str, Ruler] = {"headrace": ours}
    rulers |= {rule.name: theirs(Peer(rule, SCRAPE)) for rule in RULES}
    ended: dict[str, Ending] = {}
    bad = information = 0.0
    judged = 0
    for index in range(PROVING if cell.proving else SCHEDULE):
        weight = WEIGHTS[min(index // PER_STEP, len(WEIGHTS) - 1)]
        at = SCRAPE * (index + 1)
        drawn = traffic.draw(at, 1 - weight, weight)
        if at > scenario.onset:
            bad += drawn.candidate.requests.total
            information += _information(scenario, drawn)
        for name, ruler in rulers.items():
            if name in ended:
                continue
            judged += name == "headrace"
            answer = ruler(drawn, at)
            if answer is Answer.ROLL_BACK:
                ended[name] = Ending(index + 1, None, bad, information)
            elif answer is Answer.PROMOTE:
                ended[name] = Ending(None, index + 1, bad, information)
    missed = Ending(None, None, bad, information)
    return {name: ended.get(name, missed) for name in rulers}, ours.seconds / judged


def _information(scenario: Scenario, drawn: Drawn) -> float:
    """Sum what the errors of a scrape tell, on average, about a candidate that is worse."""
    stable, candidate = drawn.stable.requests.total, drawn.candidate.requests.total
    p_s, p_c = scenario.base, min(scenario.base * scenario.worse, 1.0)
    if not candidate or p_c <= p_s:
        return 0.0
    pooled = (candidate * p_c + stable * p_s) / (candidate + stable)
    return candidate * divergence(p_c, pooled) + stable * divergence(p_s, pooled)


def divergence(p: float, q: float) -> float:
    """Give the binary Kullback-Leibler divergence, 0 < q < 1."""
    parts = ((p, q), (1 - p, 1 - q))
    return sum(a * math.log(a / b) for a, b in parts if a > 0)


def figures(cell: Cell, policy: str, endings: Sequence[Ending], us: float | None) -> Figures:
    """Sum up a policy's endings."""
    runs, scenario = len(endings), cell.scenario
    onset = round(scenario.onset / SCRAPE)
    backs = [e.rolled_back for e in endings if e.rolled_back is not None]
    rightly = [end - onset for end in backs if end > onset]
    in_time = [end for end in rightly if end + onset <= SCHEDULE]
    promotions = [e.promoted for e in endings if e.promoted is not None]
    power = len(rightly) / runs
    bound = divergence(power, ALPHA) if power > ALPHA else 0.0
    bad = not scenario.healthy
    used = fmean(e.information for e in endings) if bad and scenario.worse > 1 else 0.0
    return Figures(
        cell=scenario.name,
        policy=policy,
        runs=runs,
        false=None if bad else 100 * len(backs) / runs,
        found=100 * len(in_time) / runs if bad else None,
        found_40=100 * power if bad and cell.proving else None,
        minutes=median(in_time) * SCRAPE / 60 if bad and in_time else None,
        bad=fmean(e.bad for e in endings) if bad else None,
        information=used / bound if used and bound else None,
        promoted=100 * len(promotions) / runs if cell.proving else None,
        promotion_minutes=median(promotions) * SCRAPE / 60 if promotions and cell.proving else None,
        us=us,
    )


def missed(cell: Cell, found: Figures) -> tuple[list[str], list[str]]:
    """Name the figures that miss what they must be, and those that miss what would be better.

    A share of few rollouts misses a limit only where chance cannot be the reason.
    """
    musts, betters = [], []
    for name, (must, better) in cell.limits.items():
        value = getattr(found, name)
        if value is None:
            musts.append(name)
            continue
        sign = -1 if name in AT_LEAST else 1
        if name in SHARES and found.runs < ENOUGH:
            sure = share(round(value * found.runs / 100), found.runs)
            value = 100 * (sure.high if name in AT_LEAST else sure.low)
        if sign * value > sign * must:
            musts.append(name)
        elif better is not None and sign * value > sign * better:
            betters.append(name)
    return musts, betters


def peers_are_better(ours: Figures, theirs: Figures) -> list[str]:
    """Say in what a peer's rule beats us, beyond what chance does to a share."""
    chance = 200 * math.sqrt(0.25 / ours.runs)
    better = []
    if ours.false is not None and theirs.false is not None:
        wide = 300 * math.sqrt(max(ours.false, 0.5) / 100 / ours.runs)
        if theirs.false < ours.false - wide:
            better.append("fewer false rollbacks")
    if ours.found is not None and theirs.found is not None:
        if theirs.found > ours.found + chance:
            better.append("more found")
        faster = theirs.minutes is not None and theirs.minutes < (ours.minutes or math.inf)
        as_many = theirs.found >= ours.found - chance
        if faster and as_many:
            better.append("sooner")
        if as_many and (theirs.bad or 0.0) < 0.95 * (ours.bad or 0.0):
            better.append("fewer bad requests")
    if ours.false is not None and ours.promoted is not None and theirs.promoted is not None:
        if theirs.promoted > ours.promoted + chance:
            better.append("more healthy ones promoted")
        if (theirs.promotion_minutes or math.inf) < (ours.promotion_minutes or math.inf):
            better.append("promoted sooner")
    return better


COLUMNS = (
    ("false %", "false", 8, 2),
    ("found %", "found", 8, 1),
    ("by 40 %", "found_40", 8, 1),
    ("minutes", "minutes", 8, 2),
    ("bad", "bad", 8, 0),
    ("info", "information", 6, 2),
    ("promoted %", "promoted", 11, 1),
    ("minutes", "promotion_minutes", 8, 2),
    ("us", "us", 6, 0),
)


def row(found: Figures, remark: str) -> str:
    """Write a row of the table."""
    text = f"{found.cell:<26}{found.policy:<21}"
    for _, name, width, digits in COLUMNS:
        value = getattr(found, name)
        text += f"{'':>{width}}" if value is None else f"{value:>{width}.{digits}f}"
    return f"{text}  {remark}".rstrip()


def main(arguments: Sequence[str]) -> int:
    """Print the table; give 1 if a figure misses what it must be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, help="rollouts per row (2000)")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--only", default="", help="rows whose name has this text")
    parser.add_argument("--json", type=Path, help="also write all figures there")
    options = parser.parse_args(arguments)
    print(f"{options.runs} rollouts per row, seed {options.seed}")
    heads = "".join(f"{head:>{width}}" for head, _, width, _ in COLUMNS)
    print(f"{'':<26}{'':<21}{heads}")
    table: list[Figures] = []
    failed = False
    for cell in CELLS:
        if options.only not in cell.scenario.name:
            continue
        runs = [one_run(cell, options.seed, run) for run in range(options.runs)]
        us = 1e6 * median(seconds for _, seconds in runs)
        of = {
            policy: figures(
                cell,
                policy,
                [endings[policy] for endings, _ in runs],
                us if policy == "headrace" else None,
            )
            for policy in runs[0][0]
        }
        ours = of["headrace"]
        musts, betters = missed(cell, ours)
        failed |= bool(musts)
        for policy, found in of.items():
            remark = ", ".join(f"MISSED: {name}" for name in musts)
            remark += "".join(f" (stretch: {name})" for name in betters)
            if policy != "headrace":
                better = peers_are_better(ours, found)
                remark = f"better: {', '.join(better)}" if better else ""
            print(row(found, remark), flush=True)
            table.append(found)
    if options.json:
        options.json.write_text(json.dumps([asdict(found) for found in table], indent=1) + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
