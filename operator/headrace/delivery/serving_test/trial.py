"""Try a bundle in its real server, and say whether it may get users."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from headrace.delivery.page import drawing, render_page
from headrace.delivery.serving_test.charts import chart
from headrace.delivery.serving_test.client import body_of
from headrace.delivery.serving_test.contract import (
    Expected,
    Finding,
    bad_requests,
    findings,
    refusals,
)
from headrace.delivery.serving_test.load import Level, knee_of, measure
from headrace.delivery.serving_test.server import served
from headrace.errors import InvalidBundle, InvalidData
from headrace.serving.bundle import Bundle, read_bundle
from headrace.serving.request import Cell
from headrace.serving.signature import Column
from headrace.training.model.columns import inputs_of, request_of
from headrace.training.model.fitted import DESCRIPTION, read_description
from headrace.training.packaging.parity import packaged_answers, spread

FORMAT = "headrace.dev/serving-test/v1"


@dataclass(frozen=True)
class Limits:
    """What a version must give.

    Attributes:
        tolerance: Between served and offline answers: of probabilities; of numbers as a share of
            their spread; of labels the share that may differ.
        throughput: Answers a second that some level must reach; 0 for none.
        p95: Seconds that 95 % of the answers of that level must keep; 0 for none.
        failed: The largest share of requests that may fail under load.
    """

    tolerance: float = 1e-4
    throughput: float = 0.0
    p95: float = 0.0
    failed: float = 0.0


@dataclass(frozen=True)
class Load:
    """How much load is put on it.

    Attributes:
        levels: Requests at a time, one level after the other.
        seconds: Of each level.
        rows: Real rows that are sent.
    """

    levels: tuple[int, ...] = (1, 2, 4, 8, 16)
    seconds: float = 5.0
    rows: int = 500


@dataclass(frozen=True)
class ServingTest:
    """What was found.

    Attributes:
        started: Seconds until the server answered.
        findings: Contract, parity, bad requests, and load against its limits.
        levels: What was measured under load.
        knee: See `knee_of`.
    """

    name: str
    version: str
    digest: str
    handler: str
    started: float
    findings: tuple[Finding, ...]
    levels: tuple[Level, ...]
    knee: Level | None

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(finding.passed for finding in self.findings)

    def document(self) -> str:
        """Give all of it as JSON."""
        document = {"format": FORMAT, "passed": self.passed, **asdict(self)}
        return json.dumps(document, indent=2, allow_nan=False) + "\n"

    def page(self) -> str:
        """Give all of it as an HTML page."""
        return render_page(
            "serving_test.html",
            title=f"{self.name} {self.version} in its server",
            test=self,
            drawing=drawing(chart(self.levels, self.knee)),
        )

    def metrics(self) -> dict[str, float]:
        """Give the single numbers by name; what was not measured is left out."""
        first, knee = self.levels[0], self.knee
        numbers = {
            "passed": float(self.passed),
            "start_seconds": self.started,
            "throughput_alone": first.throughput,
            "p95_alone": first.p95,
            "knee_users": None if knee is None else float(knee.users),
            "knee_throughput": None if knee is None else knee.throughput,
            "knee_p95": None if knee is None else knee.p95,
            "most_throughput": max(level.throughput for level in self.levels),
        }
        return {name: value for name, value in numbers.items() if value is not None}

    def require_pass(self) -> None:
        """Insist that nothing failed.

        Raises:
            InvalidBundle: Something did; the text has all of it.
        """
        failed = [f"{each.name}: {each.message}" for each in self.findings if not each.passed]
        if failed:
            raise InvalidBundle(
                f"{self.name} {self.version} does not serve as it must: {'; '.join(failed)}."
            )


def run_serving_test(
    folder: Path,
    rows: pd.DataFrame,
    handler: str,
    load: Load,
    limits: Limits,
    say: Callable[[str], None],
) -> ServingTest:
    """Start a bundle in its real server and try it.

    Args:
        folder: The bundle.
        rows: Real ones, that the model was not fitted on.
        handler: The class that serves it.
        load: How much is put on it.
        limits: What it must give.
        say: Is told what is tried, in sentences.

    Raises:
        NotFound: There is no bundle.
        InvalidBundle: The bundle is none, or its server refuses it.
        InvalidData: There are no rows, or they lack columns of a request.
        SetupError: There is no serving environment, or no locust.
        PlatformUnavailable: The server does not start, or ends.
    """
    bundle = read_bundle(folder)
    signature = bundle.signature
    asked = _request(bundle, folder)
    expected = Expected(*_expected(bundle, asked, rows, load.rows), limits.tolerance)
    types = {column.name: column.type for column in asked[0]}
    with served(bundle, folder, handler) as server:
        say(f"{signature.name} {signature.version} answers after {server.seconds:.1f} s")
        found = findings(server.url, signature, expected)
        usual = {name: values[:1] for name, values in expected.columns.items()}
        bad = bad_requests(usual, types)
        found += refusals(server.url, bad, body_of(usual))
        say(f"{sum(each.passed for each in found)} of {len(found)} tries went as they must")
        bodies = [
            body_of({name: [values[place]] for name, values in expected.columns.items()})
            for place in range(len(expected.answers))
        ]
        levels = measure(server.url, bodies, load.levels, load.seconds)
    for level in levels:
        p95 = "" if level.p95 is None else f", p95 {1000 * level.p95:.1f} ms"
        say(f"{level.users} at a time: {level.throughput:.0f} a second{p95}")
    return ServingTest(
        name=signature.name,
        version=signature.version,
        digest=bundle.digest,
        handler=handler,
        started=server.seconds,
        findings=(*found, *judged(levels, limits)),
        levels=levels,
        knee=knee_of(levels),
    )


def judged(levels: tuple[Level, ...], limits: Limits) -> tuple[Finding, ...]:
    """Hold what was measured under load against limits."""
    requests = sum(level.requests for level in levels)
    causes: dict[str, int] = {}
    for level in levels:
        for cause, count in level.failed.items():
            causes[cause] = causes.get(cause, 0) + count
    failed = sum(causes.values())
    told = ", ".join(f"{count} of {cause}" for cause, count in sorted(causes.items()))
    share = failed / max(1, requests + failed)
    found = [
        Finding(
            "answers under load",
            requests > 0 and share <= limits.failed,
            f"{failed} of {requests + failed} requests failed" + (f": {told}" if told else ""),
        )
    ]
    if limits.throughput or limits.p95:
        kept = [level for level in levels if _keeps(level, limits)]
        best = max(kept, key=lambda level: level.throughput, default=None)
        asked = f"asked: {limits.throughput:g} a second"
        asked += f" with a p95 of at most {1000 * limits.p95:g} ms" if limits.p95 else ""
        said = "no level does"
        if best is not None and best.p95 is not None:
            said = f"{best.throughput:.0f} a second with a p95 of {1000 * best.p95:.1f} ms"
        found.append(Finding("throughput and latency", best is not None, f"{said}; {asked}"))
    return tuple(found)


def _keeps(level: Level, limits: Limits) -> bool:
    if level.p95 is None or level.throughput < limits.throughput:
        return False
    return not limits.p95 or level.p95 <= limits.p95


def _request(bundle: Bundle, folder: Path) -> tuple[tuple[Column, ...], str]:
    """Give what requests carry and how inputs are computed of it; an adopted bundle tells none."""
    if not (folder / DESCRIPTION).is_file():
        return bundle.signature.inputs, ""
    known = read_description(folder)
    return known.request_columns, known.features


def _expected(
    bundle: Bundle, asked: tuple[tuple[Column, ...], str], rows: pd.DataFrame, most: int
) -> tuple[dict[str, list[Cell]], NDArray[Any]]:
    if rows.empty:
        raise InvalidData("There are no rows to send; expected some that were held out.")
    columns, features = asked
    request = spread(request_of(rows, columns), most)
    computed = inputs_of(request, features, bundle.signature.inputs)
    return request, packaged_answers(bundle.signature, bundle.model, computed)
