"""Lint finds what is wrong, at the place where it was written, and nothing else."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headrace.api import Analysis
from headrace.api.check import SHAPES
from headrace.engine.checks.build import checks_of
from headrace.lint import catalogue
from headrace.lint.advice import COPIES_ONLY, LIVE_ONLY
from headrace.lint.finding import Finding, Rule
from headrace.lint.linter import Options, Report, lint
from headrace.lint.sources import Source, Unread, read_sources

DIGEST = f"sha256:{'9f' * 32}"
GOOD = f"""\
apiVersion: headrace.dev/v1alpha1
kind: ModelRollout
metadata: {{name: flight-delay}}
spec:
  model: {{name: flight-delay, version: "7", uri: s3://models/7, digest: {DIGEST}}}
  strategy:
    canary:
      steps:
      - {{mirror: 100, hold: 10m}}
      - {{weight: 50, hold: 10m}}
  analysis:
    maxDuration: 6h
    checks:
    - {{name: errors, metric: error-rate, worseThanStable: {{ratio: 1.5}}}}
"""
STEPS = """canary:
      steps:
      - {mirror: 100, hold: 10m}
      - {weight: 50, hold: 10m}"""


def report(*texts: str, rate: float | None = None, named: bool = True) -> Report:
    sources = [Source(f"{index}.yaml", text, named) for index, text in enumerate(texts)]
    return lint(sources, Options(rate=rate))


def found(*texts: str, rate: float | None = None) -> list[tuple[str, int, str]]:
    return [(f.rule.code, f.line, f.path) for f in report(*texts, rate=rate).findings]


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def with_check(check: str, strategy: str = STEPS) -> str:
    text = changed("- {name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}", check)
    return text.replace(STEPS, strategy)


def test_a_good_rollout_has_no_findings() -> None:
    assert report(GOOD) == Report((), (), 1)


def test_every_fault_is_found_at_once_where_it_was_written() -> None:
    text = changed("hold: 10m}\n      - {weight", "hold: 0s}\n      - {wieght").replace(
        DIGEST, "latest"
    )
    assert found(text) == [
        ("HR002", 5, "spec.model.digest"),
        ("HR002", 9, "spec.strategy.canary.steps[0].hold"),
        ("HR002", 10, "spec.strategy.canary.steps[1].wieght"),
    ]


@pytest.mark.parametrize(
    ("text", "code", "line", "path"),
    [
        pytest.param("a: [", "HR001", 2, "", id="no YAML"),
        pytest.param("kind: Service\n", "HR003", 1, "", id="another kind"),
        pytest.param("", "HR003", 1, "", id="nothing"),
        pytest.param(
            changed("kind: ModelRollout", "kind: ModelRolout"),
            "HR002",
            2,
            "kind",
            id="a kind with a slip of the pen",
        ),
        pytest.param(
            changed("kind: ModelRollout\n", ""), "HR002", 1, "kind", id="a kind that is missing"
        ),
        pytest.param(
            changed("    maxDuration: 6h", "    maxDuration: 6h\n    maxDuration: 5h"),
            "HR002",
            13,
            "spec.analysis.maxDuration",
            id="a key that is written twice",
        ),
        pytest.param(
            changed("{weight: 50, hold: 10m}", "{weight: 50, hold: 29s}"),
            "HR011",
            10,
            "spec.strategy.canary.steps[1].hold",
            id="a hold of less than two intervals",
        ),
        pytest.param(
            changed("maxDuration: 6h", "noDataTimeout: 29s"),
            "HR012",
            12,
            "spec.analysis.noDataTimeout",
            id="a timeout of less than two intervals",
        ),
        pytest.param(
            GOOD + '  freeze: [{schedule: "0 0 * * *", duration: 1d}]\n',
            "HR021",
            GOOD.count("\n") + 1,
            "spec.freeze",
            id="a freeze without a gap",
        ),
        pytest.param(
            GOOD
            + '  freeze: [{schedule: "0 0 * * *", duration: 20h}, '
            + '{schedule: "0 19 * * *", duration: 5h}]\n',
            "HR021",
            GOOD.count("\n") + 1,
            "spec.freeze",
            id="freezes that leave no gap together",
        ),
        pytest.param(
            changed("maxDuration: 6h", "maxDuration: 20m"),
            "HR013",
            12,
            "spec.analysis.maxDuration",
            id="steps that take all the time there is",
        ),
        pytest.param(
            changed(STEPS, "abTest: {goal: reward, hold: 14d}"),
            "HR013",
            7,
            "spec.strategy.abTest.maxDuration",
            id="an A/B test that holds for all the time there is",
        ),
        pytest.param(
            changed("weight: 50", "weight: 100"),
            "HR015",
            10,
            "spec.strategy.canary.steps[1].weight",
            id="all the traffic",
        ),
        pytest.param(
            with_check("- {name: a, metric: latency, above: {quantile: 0.9, limit: 300ms}}"),
            "HR010",
            14,
            "spec.analysis.checks[0].above.limit",
            id="a limit between two buckets",
        ),
        pytest.param(
            with_check(
                "- {name: a, metric: shadow-agreement, below: 0.9}",
                "canary: {steps: [{weight: 50, hold: 10m}]}",
            ),
            "HR014",
            11,
            "spec.analysis.checks[0]",
            id="answers compared without copies",
        ),
        pytest.param(
            with_check(
                "- {name: a, metric: reward, below: 0.1}", "shadow: {hold: 1h, then: Promote}"
            ),
            "HR014",
            11,
            "spec.analysis.checks[0]",
            id="rewards of copies",
        ),
        pytest.param(
            with_check(
                "- {name: a, metric: request-split}", "blueGreen: {prePromotion: {hold: 1h}}"
            ),
            "HR014",
            11,
            "spec.analysis.checks[0]",
            id="the split of copies",
        ),
    ],
)
def test_one_fault_is_one_finding(text: str, code: str, line: int, path: str) -> None:
    assert found(text) == [(code, line, path)]


@pytest.mark.parametrize(
    ("uri", "codes"),
    [
        ("https://ada:pass@models.example.com/7", ["HR019"]),
        ("https://a.example.com/7?sv=1&sig=abc", ["HR019"]),
        ("https://a.example.com/7?X-Amz-Signature=abc", ["HR019"]),
        ("https://a.example.com/7?access_token=abc", ["HR019"]),
        ("https://ada@models.example.com:8443/7?versionId=1", []),
        ("s3://models/a:b@c/7", []),
    ],
)
def test_a_secret_in_an_address_is_found_and_not_repeated(uri: str, codes: list[str]) -> None:
    findings = report(changed("s3://models/7", f"'{uri}'")).findings
    assert [(f.rule.code, f.path) for f in findings] == [(code, "spec.model.uri") for code in codes]
    assert all("abc" not in f.message and "pass@" not in f.message for f in findings)


QUERIES = [
    ("max(up", "is no PromQL: unclosed left parenthesis"),
    ("rate(up)", "is no PromQL: expected type matrix in call to function 'rate'"),
    ("averge(up)", "is no PromQL: "),
    ('up{version=~"["}', "is no PromQL: illegal regex"),
    ("up[5m]", "gives the values of a range"),
    ("'up'", "gives a text"),
    ("1+" * 1_900 + "1", "has 1900 operators and brackets, more than 300"),
    ("(" * 1_900 + "1" + ")" * 1_900, "has 1900 operators"),
]


@pytest.mark.parametrize(("query", "problem"), QUERIES)
def test_a_query_that_prometheus_would_refuse_is_found(query: str, problem: str) -> None:
    text = with_check("- {name: a, kind: Value, query: QUERY, above: 2, required: false}")
    findings = report(text.replace("QUERY", json.dumps(query))).findings
    assert [(f.rule.code, f.path) for f in findings] == [("HR022", "spec.analysis.checks[0].query")]
    assert findings[0].problem.startswith(problem)


def test_a_selector_with_a_broken_expression_is_found() -> None:
    counts = "{name: a, kind: Counts, bad: 'x{a=~\"(\"}', total: y, worseThanStable: {ratio: 2}}"
    assert found(with_check(f"- {counts}")) == [("HR022", 14, "spec.analysis.checks[0].bad")]


@pytest.mark.parametrize(
    "query",
    [
        'max(process_resident_memory_bytes{version="{{ candidate.version }}"})',
        "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))",
        "sum(rate(a[5m])) / on (x) group_left sum by (x) (rate(b[5m] offset 5m))",
        "2",
    ],
)
def test_a_query_that_prometheus_takes_is_left_alone(query: str) -> None:
    text = with_check(f"- {{name: a, kind: Value, query: '{query}', above: 2, required: false}}")
    assert found(text) == []


def with_template(template: str, more: str = "") -> str:
    written = f"  serving:\n    template:\n{template}{more}  strategy:"
    return changed("  strategy:", written)


@pytest.mark.parametrize(
    ("template", "code", "line", "path"),
    [
        pytest.param(
            "      patches:\n      - kind: Deployment\n        spec:\n          replicas: 3\n",
            "HR017",
            11,
            "spec.serving.template.patches[0].spec.replicas",
            id="a patch of what is Headrace's",
        ),
        pytest.param(
            "      jinja: |\n        kind: Pod\n        spec:\n          a: {{ modle.name }}\n",
            "HR002",
            11,
            "spec.serving.template.jinja:3:9",
            id="a name in a text that is not known",
        ),
        pytest.param(
            "      jinja: |\n        kind: Pod\n        spec: {a: [null]}\n",
            "HR017",
            8,
            "spec.serving.template.jinja",
            id="a text that makes what cannot be merged",
        ),
        pytest.param(
            "      patches:\n      - {kind: VirtualService, metadata: {labels: {a: b}}}\n",
            "HR018",
            9,
            "spec.serving.template.patches[0].kind",
            id="a patch that meets nothing",
        ),
    ],
)
def test_a_template_is_tried(template: str, code: str, line: int, path: str) -> None:
    assert found(with_template(template)) == [(code, line, path)]


def test_a_template_is_tried_with_the_router_that_was_named() -> None:
    template = "      patches: [{kind: HTTPRoute, metadata: {labels: {a: b}}}]\n"
    routed = "  routing: {provider: GatewayAPI, gateway: {name: models}}\n"
    assert found(with_template(template, routed)) == []
    assert found(with_template(template, "  routing: {provider: Istio}\n"))[0][0] == "HR018"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            changed(
                "weight: 50", "weight: 50, hold: 10m}\n      - {analysis: 10m}\n      - {weight: 60"
            ),
            id="an analysis",
        ),
        pytest.param(
            changed("    maxDuration: 6h\n", "    maxDuration: 1m\n").replace(
                STEPS, "canary: {ramp: {badRequests: 9}, steps: [{weight: 5, hold: 10m}]}"
            ),
            id="a ramp that may be faster than its holds",
        ),
        pytest.param(
            changed(STEPS, "shadow: {hold: 24h}"), id="a shadow that is longer than maxDuration"
        ),
        pytest.param(
            with_check("- {name: a, metric: reward, below: 0.1}", "shadow: {hold: 1h}"),
            id="a person decides",
        ),
        pytest.param(
            with_check(
                "- {name: a, metric: reward, below: 0.1}",
                "blueGreen: {prePromotion: {hold: 1h, mirror: 0}}",
            ),
            id="an idle candidate, for which a person decides",
        ),
        pytest.param(
            with_check(
                "- {name: a, metric: shadow-agreement, below: 0.9, required: false}",
                "bandit: {reward: reward}",
            ),
            id="a check that need not be proved",
        ),
        pytest.param(
            with_check("- {name: a, metric: latency, above: {quantile: 0.9, limit: 250ms}}"),
            id="a limit on a bound of Envoy",
        ),
    ],
)
def test_what_is_right_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_limits_are_compared_with_the_bounds_that_count() -> None:
    check = "- {name: a, metric: latency, above: {quantile: 0.9, limit: 750ms}}"
    text = with_check(check)
    seldon = text.replace("  strategy:", "  routing: {provider: Seldon}\n  strategy:")
    assert [code for code, _, _ in found(text)] == ["HR010"]
    assert found(seldon) == []
    (finding,) = report(with_check(check, "shadow: {hold: 1h}")).findings
    assert "the model server" in finding.problem


def test_two_rollouts_of_one_name_are_found_over_files_and_documents() -> None:
    two = f"{GOOD}---\n{GOOD}"
    assert [code for code, _, _ in found(two)] == ["HR004"]
    findings = report(GOOD, GOOD).findings
    assert [(f.file, f.line, f.rule.code) for f in findings] == [("1.yaml", 3, "HR004")]
    assert "default/flight-delay is also in 0.yaml:3" in findings[0].problem
    other = GOOD.replace("name: flight-delay}", "name: flight-delay, namespace: other}", 1)
    assert found(GOOD, other) == []


def test_a_proof_that_cannot_come_is_found_at_a_rate() -> None:
    assert found(GOOD, rate=100) == []
    assert found(GOOD, rate=0.01) == [("HR016", 14, "spec.analysis.checks[0]")]


def test_checks_that_carry_no_risk_are_no_trouble_at_a_rate() -> None:
    check = "- {name: a, kind: Value, query: up, above: 2}\n    - {name: b, metric: request-split}"
    assert found(with_check(check), rate=1) == []


def test_in_folders_other_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "rollout.yaml").write_text(GOOD, "utf-8")
    (tmp_path / "a" / "chart.yaml").write_text("{{ helm }}: [", "utf-8")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "rollout.yaml").write_text("ModelRollout: [", "utf-8")
    sources = list(read_sources([str(tmp_path)]))
    assert lint(sources, Options()) == Report((), (), 1)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: \xff")
    sources = list(read_sources([str(tmp_path / "a.yaml"), str(tmp_path / "none.yaml")]))
    assert [s.problem for s in sources if isinstance(s, Unread)] == [
        "is not UTF-8: line 1, byte 3 invalid start byte",
        "there is no such file",
    ]


def test_what_sees_no_copies_or_nothing_else_is_as_the_engine_reads() -> None:
    limits: dict[str, dict[str, object]] = {
        "shadow-agreement": {"below": 0.9},
        "prediction-drift": {"above": {"psi": 0.2}},
        "feature-drift": {"above": {"psi": 0.2}},
        "request-split": {},
        "Value": {"above": 1},
    }
    for subject, shape in SHAPES.items():
        field = "metric" if subject[0].islower() else "kind"
        fields = dict.fromkeys(shape.needs, "x_total")
        limit = limits.get(subject, {"worseThanStable": {"ratio": 1.5}})
        check = {"name": "c", field: subject, **fields, **limit}
        (built,) = checks_of(Analysis.model_validate({"checks": [check]}))
        assert (not built.reads(live=False)) == (subject in LIVE_ONLY), subject
        assert (not built.reads(live=True)) == (subject in COPIES_ONLY), subject


def test_codes_are_unique_and_every_rule_has_its_reason() -> None:
    codes = [rule.code for rule in catalogue.RULES]
    assert codes == sorted(set(codes))
    known = [value for value in vars(catalogue).values() if isinstance(value, Rule)]
    assert len(known) == len(catalogue.RULES)
    for rule in catalogue.RULES:
        assert re.fullmatch(r"HR\d{3}", rule.code)
        assert rule.summary.endswith(".")
        assert rule.why.endswith(".")


@given(st.data())
def test_a_document_of_any_shape_is_linted_without_a_crash(data: st.DataObject) -> None:
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    values = st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=6,
    )
    document = yaml.safe_load(GOOD)
    paths = [
        ("spec",),
        ("spec", "model"),
        ("spec", "strategy"),
        ("spec", "analysis"),
        ("metadata",),
    ]
    *parents, last = data.draw(st.sampled_from(paths))
    here = document
    for part in parents:
        here = here[part]
    if data.draw(st.booleans()):
        here[last] = data.draw(values)
    else:
        here = here[last]
        here[data.draw(st.sampled_from(sorted(here)))] = data.draw(values)
    for finding in report(yaml.safe_dump(document)).findings:
        assert isinstance(finding, Finding)
        assert finding.line >= 1
        assert dataclasses.asdict(finding)
