"""The dispersion between two halves of stable's servers."""

import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine.checks.state import dump, load
from headrace.engine.kernels.dispersion import WINDOWS, Dispersion, Scatter
from headrace.engine.kernels.halves import Half, HalvesScatter

HOUR = 240
PER_SCRAPE = 3000


def learned(scrapes: Iterable[tuple[Half, Half]]) -> HalvesScatter:
    scatter = HalvesScatter()
    for first, second in scrapes:
        scatter = scatter.learned(first, second)
    return scatter


def an_hour(first: float, second: float, seed: int = 1) -> list[tuple[Half, Half]]:
    """Two halves that fail at these rates."""
    dice = np.random.default_rng(seed)
    drawn = [dice.binomial(PER_SCRAPE, (first, second)) for _ in range(HOUR)]
    return [((float(a), PER_SCRAPE), (float(b), PER_SCRAPE)) for a, b in drawn]


def test_equal_halves_hardly_ever_cost_anything() -> None:
    found = [learned(an_hour(0.01, 0.01, seed)).dispersion() for seed in range(30)]
    assert sum(one != Dispersion() for one in found) <= 4
    assert max(one.short for one in found) < 1.5


@pytest.mark.parametrize("second", [0.012, 0.008], ids="the other fails {:.1%}".format)
def test_servers_that_fail_at_rates_of_their_own_are_charged_per_exposure(second: float) -> None:
    found = learned(an_hour(0.01, second)).dispersion()
    share = (0.01 + second) / 2
    # Of the longest window: its own chance, and the square of what adds up in it.
    adds_up = max(WINDOWS) * (0.01 - second) ** 2 / (share * (1 - share))
    assert adds_up < found.drift < 3 * adds_up


def test_what_happens_to_all_servers_alike_is_not_charged() -> None:
    over_time, between = Scatter.empty(1), HalvesScatter()
    dice = np.random.default_rng(3)
    for at in range(HOUR):
        rate = 0.01 * (1 + 0.5 * math.sin(at / 20))
        a, b = dice.binomial(PER_SCRAPE, (rate, rate)).astype(float).tolist()
        over_time = over_time.learned(2 * PER_SCRAPE, (a + b,))
        between = between.learned((a, PER_SCRAPE), (b, PER_SCRAPE))
    assert over_time.dispersion().drift > 0.001
    assert between.dispersion().drift == 0


def test_bursts_are_seen() -> None:
    dice = np.random.default_rng(4)
    bursts = dice.poisson(6.0, (HOUR, 2)).tolist()
    scrapes = [((5.0 * a, PER_SCRAPE), (5.0 * b, PER_SCRAPE)) for a, b in bursts]
    assert 4 < learned(scrapes).dispersion().short < 7


halves = st.tuples(st.integers(0, 30).map(float), st.integers(30, 900).map(float))


@given(scrapes=st.lists(st.tuples(halves, halves), max_size=90))
@settings(max_examples=20)
def test_it_does_not_matter_which_half_is_first(scrapes: list[tuple[Half, Half]]) -> None:
    here = learned(scrapes).dispersion()
    there = learned((second, first) for first, second in scrapes).dispersion()
    assert here.short == pytest.approx(there.short)
    assert here.drift == pytest.approx(there.drift, abs=1e-9)


@given(scrapes=st.lists(st.tuples(halves, halves), min_size=1, max_size=90))
@settings(max_examples=20)
def test_windows_are_sums_of_the_last_scrapes(scrapes: list[tuple[Half, Half]]) -> None:
    scores = []
    for (x_a, n_a), (x_b, n_b) in scrapes:
        scores.append(x_a - n_a / (n_a + n_b) * (x_a + x_b))
    scatter = learned(scrapes)
    for scale, length in enumerate(WINDOWS):
        full = [sum(scores[at - length : at]) for at in range(length, len(scores) + 1)]
        assert scatter.windows[scale] == len(full)
        assert scatter.scores[scale] == pytest.approx(sum(x * x for x in full), abs=1e-6)
    assert len(scatter.recent) <= max(WINDOWS)
    assert load(HalvesScatter, dump(scatter)) == scatter


@pytest.mark.parametrize(
    "scrapes",
    [
        [],
        [((1.0, 100.0), (2.0, 100.0))] * 7,
        [((0.0, 500.0), (0.0, 500.0))] * HOUR,
        [((500.0, 500.0), (500.0, 500.0))] * HOUR,
        [((9.0, 500.0), (0.0, 0.0))] * HOUR,
    ],
    ids=["nothing", "seven scrapes", "no failure", "nothing but failures", "one half idle"],
)
def test_too_little_tells_nothing(scrapes: list[tuple[Half, Half]]) -> None:
    assert learned(scrapes).dispersion() == Dispersion()
