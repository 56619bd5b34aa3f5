from __future__ import annotations

import pytest

from headrace.errors import DigestMismatch, InvalidInput
from headrace.serving.refusal import REFUSED, refusing
from headrace.serving.settings import Settings


def test_only_the_bundle_must_be_set() -> None:
    assert Settings.read({"HEADRACE_BUNDLE": "/models/2"}) == Settings("/models/2")


def test_a_variable_that_is_empty_is_not_set() -> None:
    environ = dict.fromkeys(
        [
            "HEADRACE_DIGEST",
            "HEADRACE_HOST",
            "HEADRACE_METRICS_PORT",
            "HEADRACE_SAMPLE_SHARE",
            "HEADRACE_SEGMENTS",
        ],
        "",
    )
    assert Settings.read({"HEADRACE_BUNDLE": "b", **environ}) == Settings("b")


def test_every_variable_is_read() -> None:
    environ = {
        "HEADRACE_BUNDLE": "b",
        "HEADRACE_DIGEST": "sha256:0",
        "HEADRACE_ROLLOUT": "flights",
        "HEADRACE_HOST": "127.0.0.1",
        "HEADRACE_METRICS_PORT": "0",
        "HEADRACE_SAMPLE_SHARE": "0.25",
        "HEADRACE_SEGMENTS": "country",
    }
    expected = Settings("b", "sha256:0", "flights", "127.0.0.1", 0, 0.25, "country")
    assert Settings.read(environ) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEADRACE_BUNDLE", ""),
        ("HEADRACE_METRICS_PORT", "http"),
        ("HEADRACE_METRICS_PORT", "-1"),
        ("HEADRACE_METRICS_PORT", "65536"),
        ("HEADRACE_METRICS_PORT", "9" * 100),
        ("HEADRACE_METRICS_PORT", "²"),
        ("HEADRACE_SAMPLE_SHARE", "half"),
        ("HEADRACE_SAMPLE_SHARE", "nan"),
        ("HEADRACE_SAMPLE_SHARE", "1.1"),
    ],
)
def test_a_variable_without_meaning_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        Settings.read({"HEADRACE_BUNDLE": "b", name: value})


def test_a_refusal_is_one_line_that_programs_can_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught, refusing():
        raise InvalidInput("two\n  lines")
    assert caught.value.code == REFUSED
    assert capsys.readouterr().err == "headrace: refused: InvalidInput: two lines\n"


def test_a_refusal_names_the_exact_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), refusing():
        raise DigestMismatch("here", "sha256:1", "sha256:2")
    assert capsys.readouterr().err.startswith("headrace: refused: DigestMismatch: The bundle at")
