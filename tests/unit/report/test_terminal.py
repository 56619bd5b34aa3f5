from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from headrace.api import ModelRollout, Phase, Traffic, Weights
from headrace.report.build import build_report
from headrace.report.report import Report
from headrace.report.terminal import release_table, render_status
from tests.unit.engine.rollouts import live
from tests.unit.report.journals import START, Arm, Journal, a_model, a_rollout


def shown(renderable: RenderableType, width: int = 80, encoding: str = "utf-8") -> str:
    """Print as into a pipe."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    Console(file=file, width=width).print(renderable)
    file.flush()
    return raw.getvalue().decode(encoding)


def on_one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def under_way() -> ModelRollout:
    journal = Journal()
    journal.first("1")
    steps = ((Journal.mirror(), 30), (Traffic(stable=95, candidate=5), 20))
    journal.release("2", Arm(0.003, 0.018), outage=range(45, 60), end=False, steps=steps)
    rollout = journal.rollout("2")
    carried = {"carried_since": journal.now - 9}
    return rollout.model_copy(update={"status": rollout.status.model_copy(update=carried)})


@pytest.mark.parametrize("width", [60, 80, 100, 140, 220])
def test_the_table_fits_the_terminal_and_has_no_colours_in_a_pipe(
    report: Report, width: int
) -> None:
    text = shown(release_table(report), width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    for word in ("live", "promoted", "rolled back", "5,760", "1 min 48 s", "3,120"):
        assert word in text


def test_a_wide_table_has_a_column_for_who_was_affected(report: Report) -> None:
    assert "Who was affected" in shown(release_table(report), 140)
    narrow = shown(release_table(report), 80)
    assert "Why, and who was affected" in narrow
    assert narrow.count("Affected: ") == 3


def test_a_table_of_nothing_is_a_sentence() -> None:
    assert shown(release_table(build_report(a_rollout(), []))) == (
        "flight-delay has had no release yet.\n"
    )


def test_hostile_text_reaches_the_terminal_as_text(report: Report) -> None:
    hostile = "\x1b]0;owned\x07[red]not markup[/red] \u202e" + "long " * 500
    release = report.releases[2].model_copy(update={"message": hostile, "version": "[b]3[/b]"})
    text = shown(release_table(report.model_copy(update={"releases": (release,)})), 140)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]not markup[/red]" in on_one_line(text)
    assert len(text.splitlines()) < 20


def test_an_ascii_terminal_gets_ascii_frames(report: Report, under_way: ModelRollout) -> None:
    plain = report.model_copy(update={"releases": report.releases[:1]})
    assert "live" in shown(release_table(plain), 80, "ascii")
    assert "#=" in shown(render_status(under_way, START), 80, "ascii")


def test_status_tells_phase_step_weights_requests_checks_and_the_decision(
    under_way: ModelRollout,
) -> None:
    status = under_way.status
    assert status.started is not None
    text = shown(render_status(under_way, status.started + 75))
    lines = on_one_line(text)
    assert "models/flight-delay" in lines
    assert "Progressing, for 1 min 15 s" in lines
    assert "stable 1, candidate 2" in lines
    assert "2 of 4: weight 5 for 20s, held 12s of 20s" in lines
    assert "█▒▒ stable 95 %, candidate 5 %" in lines
    assert f"stable {status.requests.stable:,} ({status.requests.failed_stable} failed)" in lines
    assert "copied 1,800" in lines
    assert "Hold PrometheusUnavailable" in lines
    assert "errors Error http://127.0.0.1:9090 did not answer within 2 s." in lines
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param({"carried_since": None}, "the traffic is not there yet", id="not there"),
        pytest.param({"step": 4}, "all 4 have held", id="all held"),
        pytest.param(
            {"weights": Weights(asked=Traffic(stable=100, mirror=50), seen=None)},
            "stable 100 %, 50 % copied (asked, not seen)",
            id="router cannot be read",
        ),
        pytest.param(
            {"weights": Weights(seen=Traffic(stable=99, candidate=1))},
            "█▒ stable 99 %, candidate 1 %",
            id="one per cent is still visible",
        ),
        pytest.param(
            {"weights": Weights(seen=Traffic(candidate=100))},
            "▒ stable 0 %, candidate 100 %",
            id="all to the candidate",
        ),
        pytest.param({"stable": None}, "no stable version yet, candidate 2", id="first version"),
        pytest.param({"decision": None}, "held 12s of 20s", id="no decision yet"),
        pytest.param({"started": None}, "Progressing", id="no start yet"),
    ],
)
def test_status_of_other_moments(
    under_way: ModelRollout, change: dict[str, object], told: str
) -> None:
    status = under_way.status.model_copy(update=change)
    rollout = under_way.model_copy(update={"status": status})
    assert told in on_one_line(shown(render_status(rollout, START), 90))


def test_status_of_an_approval_says_what_it_waits_for(under_way: ModelRollout) -> None:
    document = under_way.model_dump(mode="json", exclude={"status"}, exclude_none=True)
    document["spec"]["strategy"]["canary"]["steps"][1] = {"approval": {}}
    rollout = ModelRollout.model_validate(document).model_copy(
        update={"status": under_way.status.model_copy(update={"phase": Phase.PAUSED})}
    )
    text = on_one_line(shown(render_status(rollout, START)))
    assert "2 of 4: approval, waits for `headrace promote`" in text
    assert "Paused" in text


def test_status_after_the_end_has_no_step_and_no_checks(journal: Journal) -> None:
    rollout = journal.rollout()
    rejected = {"rejected": a_model("3"), "phase": Phase.ROLLED_BACK}
    status = rollout.status.model_copy(update=rejected)
    text = on_one_line(shown(render_status(rollout.model_copy(update={"status": status}), START)))
    assert "RolledBack" in text
    assert "stable 2, 3 was rolled back" in text
    assert " step " not in text


def test_status_before_the_first_tick_is_short() -> None:
    text = on_one_line(shown(render_status(a_rollout(), START)))
    assert text == "models/flight-delay phase Idle versions no stable version yet"


def test_status_of_an_experiment_tells_every_arm() -> None:
    world = live(strategy="abTest: {goal: reward}")
    world.metrics.script.errors = {"3": 0.2}
    world.want("2", "34")
    world.until("ErrorRateWorse")
    text = on_one_line(shown(render_status(world.rollout, world.clock.now), 140))
    assert "stable 1, candidate 2, challenger 3, challenger 4, 3 was dropped" in text
    assert "stable 25 %, candidate 25 %, 3 25 %, 4 25 % " in text
    assert "challenger 4 errors " in text


def test_status_tells_what_every_segment_earned() -> None:
    world = live(strategy="abTest: {goal: reward, segments: country}")
    world.metrics.script.rewards = {"1": 0.1, "2": 0.101}
    world.metrics.script.segments = {"[at]": {"1": 0.1, "2": 0.12}, "c\x1bh": {"1": 0.1}}
    world.want("2")
    world.until("Comparing")
    for _ in range(4):
        world.tick()
    text = on_one_line(shown(render_status(world.rollout, world.clock.now), 160))
    assert "segments no segment differs beyond chance from the whole, where 2 leads (the" in text
    assert "segment 1 earns 2 earns [at] 0.1 (" in text
    assert "c\ufffdh 0.1 (" in text
    assert "\u2013, 0 rewards" in text


def test_status_tells_of_the_watch_and_of_the_way_back() -> None:
    world = live(strategy="blueGreen: {prePromotion: {hold: 1m}, postPromotion: {hold: 5m}}")
    world.want("2")
    world.until("Watching")
    text = on_one_line(shown(render_status(world.rollout, world.clock.now), 140))
    assert "step after the switch, watched 0s of 5m" in text
    world.until("Live")
    text = on_one_line(shown(render_status(world.rollout, world.clock.now), 140))
    assert "stable 2, 1 still runs as a way back" in text
