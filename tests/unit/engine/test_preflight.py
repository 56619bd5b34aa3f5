"""What a rollout can find and prove, said before it starts."""

from statistics import median

import pytest

from headrace.api import Analysis, Check, CheckStatus, WorseThanStable
from headrace.engine.expectation import Past
from headrace.engine.kernels.dispersion import Dispersion
from headrace.engine.observations import Counts, Histogram, Interval, Metric
from headrace.engine.preflight import Forecast, Stage, forecast, past_of, remaining
from headrace.simulate.judge import Answer, Judge
from headrace.simulate.scenario import DEFAULT_BOUNDS, Scenario
from headrace.simulate.traffic import Traffic
from headrace.simulate.wire import Question, Scrape, Side

STAGES = tuple(Stage(300.0, weight) for weight in (0.05, 0.10, 0.25, 0.50))
PAST = Past(40.0, 0.01, Dispersion())


def analysis(margin: float = 0.0, ratio: float = 1.5, *, most: float = 6 * 3600.0) -> Analysis:
    limit = WorseThanStable(ratio=ratio, margin=margin)
    check = Check(name="errors", metric="error-rate", worse_than_stable=limit)
    return Analysis(checks=[check], max_duration=most)


def only(asked: Analysis, past: Past = PAST, stages: tuple[Stage, ...] = STAGES) -> Forecast:
    (made,) = forecast(asked, stages, past)
    return made


def test_the_forecast_is_what_many_rollouts_then_do() -> None:
    """A regression of the forecast size is found in most of 40 rollouts, and near its time."""
    made = only(analysis())
    assert made.factor is not None
    found: list[float] = []
    proofs: list[float] = []
    for worse, ends, last in ((made.factor, found, 80), (1.0, proofs, 160)):
        for run in range(40):
            traffic = Traffic(Scenario(worse=worse), 3, run, interval=15, length=1200, timed=False)
            judge = Judge(Question(schedule=15.0))
            for at in range(last):
                weight = STAGES[min(at // 20, 3)].weight
                drawn = traffic.draw(15.0 * at + 15, 1 - weight, weight)
                sides = Side(drawn.stable.requests), Side(drawn.candidate.requests)
                ruling = judge.observe(Scrape(15.0 * at + 15, 15.0, *sides))
                wanted = Answer.ROLL_BACK if worse > 1 else Answer.PROMOTE
                if ruling.answer is wanted:
                    ends.append(15.0 * at + 15)
                    break
    assert 0.6 * 40 <= len(found) <= 0.98 * 40
    assert made.proved_after == pytest.approx(median(proofs), rel=0.25)


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (Past(5.0, 0.01, Dispersion()), PAST),
        (Past(40.0, 0.001, Dispersion()), PAST),
        (Past(40.0, 0.01, Dispersion(3.0)), PAST),
        (Past(40.0, 0.01, Dispersion(1.0, 0.05)), PAST),
        (PAST, Past(400.0, 0.01, Dispersion())),
    ],
    ids=["fewer requests", "fewer failures", "bursts", "a wander", "more requests"],
)
def test_less_information_finds_less_and_proves_later(less: Past, more: Past) -> None:
    weak, strong = only(analysis(), less), only(analysis(), more)
    assert weak.factor is not None
    assert strong.factor is not None
    assert weak.factor > strong.factor
    assert (weak.proved_after or 1e9) > (strong.proved_after or 1e9)


def test_a_plan_that_cannot_prove_anything_in_time_says_so() -> None:
    made = only(analysis(ratio=1.05, most=2400.0))
    assert made.proved_after is None
    assert made.hopeless
    assert "cannot be proved in 40m (maxDuration)" in made.sentence


def test_a_plan_that_can_says_what_and_when() -> None:
    made = only(analysis())
    assert not made.hopeless
    assert "failures from 1 % to" in made.sentence
    assert "an equal candidate is proved after about" in made.sentence


def test_hardly_any_traffic_finds_nothing_and_says_so() -> None:
    made = only(analysis(), Past(0.001, 0.01, Dispersion()))
    assert made.factor is None
    assert made.sentence.startswith("no regression of up to 50 times")


def test_a_margin_is_quicker_to_prove_than_a_ratio() -> None:
    quick, slow = only(analysis(0.005)).proved_after, only(analysis(0.0)).proved_after
    assert quick is not None
    assert slow is not None
    assert quick < slow


def test_latency_is_forecast_where_its_histogram_is_known() -> None:
    latency = Check(name="latency", metric="latency", worse_than_stable=WorseThanStable(ratio=1.2))
    asked = Analysis(checks=[*analysis().checks, latency])
    assert [made.check for made in forecast(asked, STAGES, PAST)] == ["errors"]
    counts = tuple(float(count) for count in (0, 0, 5, 100, 200, 200, 430, 60, 5, 0, 0, 0, 0, 0, 0))
    known = Past(40.0, 0.01, Dispersion(), DEFAULT_BOUNDS, counts)
    made = forecast(asked, STAGES, known)[1]
    assert made.factor is not None
    assert 1.01 < made.factor < 1.2
    assert "times as long" in made.sentence


def test_without_stages_of_both_arms_there_is_no_forecast() -> None:
    assert forecast(analysis(), (), PAST) == ()


def test_the_past_is_read_off_the_history() -> None:
    bounds = (0.1, float("inf"))
    history = []
    for at in range(60):
        times = 15.0 * at, 15.0 * at + 15
        requests = Counts(6.0, 600.0) if at % 10 else None
        history += [
            Interval(Metric.REQUESTS, *times, requests, None),
            Interval(Metric.LATENCY, *times, Histogram(bounds, (500.0, 100.0)), None),
            Interval(Metric.MIRRORED, *times, Counts(9e9, 9e9), None),
        ]
    past = past_of(history)
    assert past is not None
    assert past.rate == pytest.approx(40)
    assert past.failing == pytest.approx(0.01, rel=0.01)
    assert past.bounds == (0.1,)
    assert sum(past.latency) > 0


@pytest.mark.parametrize(
    "history",
    [[], [Interval(Metric.REQUESTS, 0, 15, None, None)]],
    ids=["nothing", "nothing seen"],
)
def test_without_a_past_there_is_nothing_to_forecast_from(history: list[Interval]) -> None:
    assert past_of(history) is None


@pytest.mark.parametrize(
    ("proof", "observed", "seconds", "said"),
    [
        (1.5, 300.0, 299.0, "about 5m more"),
        (3.0, 300.0, 0.0, "is proved"),
        (-0.5, 300.0, None, "no proof gathers yet"),
        (1.0, 0.0, None, "no proof gathers yet"),
    ],
    ids=["half-way", "proved", "against it", "nothing observed"],
)
def test_what_remains_follows_from_the_pace(
    proof: float, observed: float, seconds: float | None, said: str
) -> None:
    (left,) = remaining(analysis(), [CheckStatus(name="errors", proof=proof)], observed)
    assert said in left.sentence
    assert left.seconds == (None if seconds is None else pytest.approx(seconds, abs=1))
