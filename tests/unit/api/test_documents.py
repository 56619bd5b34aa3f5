"""What users write, right and wrong."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api import ModelRollout, load_rollout, parse_rollout
from headrace.api.fields import format_duration, format_instant, parse_duration, parse_instant
from headrace.errors import InvalidRollout, NotFound

GOOD = f"""
apiVersion: headrace.dev/v1alpha1
kind: ModelRollout
metadata: {{name: flight-delay, namespace: models, uid: kept}}
spec:
  model:
    name: flight-delay
    version: "7"
    uri: s3://models/flight-delay/7
    digest: sha256:{"9f" * 32}
  strategy:
    canary:
      steps:
      - {{mirror: 100, hold: 10m}}
      - {{weight: 5, hold: 90s}}
      - approval: {{}}
      - {{weight: 50, hold: 1h30m}}
  analysis:
    checks:
    - {{name: errors, metric: error-rate, worseThanStable: {{ratio: 1.5}}}}
    - {{name: latency, metric: latency, worseThanStable: {{ratio: 1.2, margin: 5ms}}}}
    - {{name: slo, metric: latency, above: {{quantile: 0.99, limit: 250ms}}}}
    - {{name: agreement, metric: shadow-agreement, below: 0.97}}
"""


def faults_of(text: str) -> list[str]:
    with pytest.raises(InvalidRollout) as caught:
        parse_rollout(text)
    return [str(fault) for fault in caught.value.faults]


def test_a_good_document_is_read_with_its_defaults() -> None:
    rollout = parse_rollout(GOOD)
    assert rollout.key == "models/flight-delay"
    assert rollout.spec.strategy.canary is not None
    assert rollout.spec.strategy.canary.steps[3].hold == 5400.0
    assert rollout.spec.analysis.checks[1].worse_than_stable is not None
    assert rollout.spec.analysis.checks[1].worse_than_stable.margin == 0.005
    assert rollout.spec.analysis.risk.false_rollback == 0.01


def test_a_document_survives_the_way_through_json() -> None:
    rollout = parse_rollout(GOOD)
    assert ModelRollout.model_validate_json(rollout.model_dump_json()) == rollout


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            'version: "7"',
            "version: 7",
            "spec.model.version: is 7; expected string",
            id="a version that YAML reads as a number",
        ),
        pytest.param(
            f"sha256:{'9f' * 32}",
            "latest",
            "spec.model.digest: is 'latest'; expected text like ^sha256:[0-9a-f]{64}$",
            id="a digest that is none",
        ),
        pytest.param(
            "weight: 5,",
            "wieght: 5,",
            "spec.strategy.canary.steps[1].wieght: is no field of a ModelRollout; "
            "expected `weight`",
            id="a field with a slip of the pen",
        ),
        pytest.param(
            "hold: 90s",
            "hold: 0s",
            "spec.strategy.canary.steps[1].hold: is zero; expected a duration above zero",
            id="a hold of zero",
        ),
        pytest.param(
            "hold: 90s",
            "hold: 90",
            "spec.strategy.canary.steps[1].hold: 90 has no unit; expected a duration",
            id="a hold without a unit",
        ),
        pytest.param(
            "weight: 50",
            "weight: 3",
            "spec.strategy.canary.steps[3].weight: falls to 3; "
            "expected at least 5, the weight before it",
            id="weights that fall",
        ),
        pytest.param(
            "weight: 50",
            "mirror: 50",
            "spec.strategy.canary.steps[3].mirror: comes after a weight",
            id="a mirror after a weight",
        ),
        pytest.param(
            "weight: 50",
            "weight: 50.5",
            "spec.strategy.canary.steps[3].weight: is 50.5; expected integer",
            id="a weight that is not whole",
        ),
        pytest.param(
            "weight: 50",
            "weight: 101",
            "spec.strategy.canary.steps[3].weight: is 101; expected less than or equal to 100",
            id="a weight over 100",
        ),
        pytest.param(
            "name: latency,",
            "name: errors,",
            "spec.analysis.checks[1].name: 'errors' is also the name of checks[0]",
            id="two checks of one name",
        ),
        pytest.param(
            "below: 0.97",
            "above: 0.97",
            "spec.analysis.checks[3]: a check of shadow-agreement has above; expected",
            id="a limit that does not fit the metric",
        ),
        pytest.param(
            "above: {quantile: 0.99, limit: 250ms}",
            "above: 0.5",
            "spec.analysis.checks[2].above: is a number; expected a quantile and a limit",
            id="a latency limit without a quantile",
        ),
        pytest.param(
            "ratio: 1.5",
            "ratio: 1.5, tolerance: 2",
            "spec.analysis.checks[0].worseThanStable.tolerance: is 2; expected less than ratio",
            id="more tolerance than the ratio",
        ),
        pytest.param(
            "ratio: 1.5",
            "ratio: 1.5, margin: 5ms",
            "spec.analysis.checks[0].worseThanStable.margin: is '5ms'; expected a share",
            id="a margin of time for a share",
        ),
        pytest.param(
            "metric: error-rate",
            "metric: errors",
            "spec.analysis.checks[0].metric: is 'errors'; expected one of",
            id="an unknown metric",
        ),
        pytest.param(
            "  strategy:\n    canary:",
            "  strategy:\n    shadow: {hold: 1h}\n    canary:",
            "spec.strategy: has canary and shadow; expected exactly one of canary, shadow, ",
            id="two strategies",
        ),
    ],
)
def test_a_fault_is_named_with_its_path(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    found = faults_of(GOOD.replace(old, new, 1))
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_every_fault_is_named_at_once() -> None:
    text = GOOD.replace('"7"', "7").replace("90s", "0s").replace("0.97", "97")
    assert [fault.split(":")[0] for fault in faults_of(text)] == [
        "spec.model.version",
        "spec.strategy.canary.steps[1].hold",
        "spec.analysis.checks[3].below",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: [", "line 2, column 1: not YAML", id="no YAML"),
        pytest.param("", "(document): has 0 documents; expected exactly one", id="nothing"),
        pytest.param("a: 1\n---\nb: 2", "(document): has 2 documents", id="two documents"),
        pytest.param("- 1", "(document): is a list; expected a mapping", id="a list"),
        pytest.param("{}", "metadata: is missing", id="an empty mapping"),
    ],
)
def test_what_is_no_document_is_refused(text: str, expected: str) -> None:
    assert faults_of(text)[0].startswith(expected)


@given(st.text() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(str))
def test_nothing_but_a_fault_comes_of_nonsense(text: str) -> None:
    with pytest.raises(InvalidRollout):
        parse_rollout(text)


@given(st.sampled_from(sorted(range(len(GOOD)))), st.text(max_size=3))
def test_a_damaged_document_is_read_or_refused_but_never_crashes(at: int, noise: str) -> None:
    with contextlib.suppress(InvalidRollout):
        parse_rollout(GOOD[:at] + noise + GOOD[at:])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"absent\.yaml"):
        load_rollout(tmp_path / "absent.yaml")


@given(st.integers(min_value=0, max_value=10**10))
def test_a_duration_survives_writing_and_reading(milliseconds: int) -> None:
    seconds = round(milliseconds / 1000, 3)
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(min_value=0, max_value=4 * 10**12))
def test_an_instant_survives_writing_and_reading_to_the_bit(milliseconds: int) -> None:
    instant = parse_instant(milliseconds / 1000)
    assert parse_instant(format_instant(instant)) == instant
