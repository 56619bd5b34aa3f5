"""What is learned of the scatter of stable's counts."""

import json
import random

import pytest

from headrace.engine.checks.state import dump, load
from headrace.engine.kernels.dispersion import Dispersion, Scatter


def learned(scrapes: int, n: int, share: list[float], burst: int = 1, seed: int = 3) -> Scatter:
    """Scrapes with a share each (cyclic); every failure comes `burst` times."""
    chance = random.Random(seed)
    scatter = Scatter.empty(1)
    for index in range(scrapes):
        p = share[index % len(share)] / burst
        bad = burst * sum(chance.random() < p for _ in range(n))
        scatter = scatter.learned(float(n), (float(min(bad, n)),))
    return scatter


@pytest.mark.parametrize("seed", range(4))
def test_independent_failures_have_no_dispersion(seed: int) -> None:
    dispersion = learned(240, 200, [0.05], seed=seed).dispersion()
    assert dispersion.short <= 1.3
    assert dispersion.tempering(20, 180) <= 1.5


@pytest.mark.parametrize("burst", [3, 6], ids="{} at a time".format)
def test_bursts_are_seen_from_scrape_to_scrape(burst: int) -> None:
    assert learned(240, 200, [0.05], burst).dispersion().short == pytest.approx(burst, rel=0.3)


def test_a_wander_weighs_more_in_large_blocks() -> None:
    wander = learned(240, 200, [0.02] * 40 + [0.10] * 40).dispersion()
    assert wander.drift > 0
    assert wander.tempering(500, 500) > wander.tempering(50, 950) > wander.tempering(5, 95) > 1


def test_a_wander_slower_than_the_short_windows_is_seen() -> None:
    slow = learned(240, 200, [0.03] * 120 + [0.06] * 120).dispersion()
    quick = learned(240, 200, [0.03] * 10 + [0.06] * 10).dispersion()
    assert slow.drift > 2 * quick.drift


def test_a_slow_wander_hardly_counts_as_bursts() -> None:
    assert learned(240, 200, [0.02] * 40 + [0.10] * 40).dispersion().short < 2


@pytest.mark.parametrize("scrapes", [0, 1, 7], ids="{} scrapes".format)
def test_a_short_history_says_nothing(scrapes: int) -> None:
    assert learned(scrapes, 200, [0.0, 0.9]).dispersion() == Dispersion(1.0, 0.0)


def test_hardly_any_failures_say_nothing() -> None:
    scatter = Scatter.empty(1)
    for index in range(240):
        scatter = scatter.learned(100.0, (7.0 if index == 100 else 0.0,))
    assert scatter.dispersion() == Dispersion()


def test_scrapes_without_requests_are_no_scrapes() -> None:
    scatter = learned(30, 50, [0.2])
    assert scatter.learned(0.0, (0.0,)) == scatter


def test_of_several_series_the_most_scattered_counts() -> None:
    scatter = Scatter.empty(2)
    for index in range(100):
        scatter = scatter.learned(100.0, (20.0, 40.0 if index % 2 else 0.0))
    assert scatter.dispersion().short > 10


def test_the_state_is_bounded_and_survives_json_to_the_bit() -> None:
    scatter = learned(300, 60, [0.1, 0.2])
    text = json.dumps(dump(scatter))
    assert load(Scatter, json.loads(text)) == scatter
    assert len(text) < 2000


def test_the_long_scatter_of_independent_counts_is_about_one() -> None:
    """Over many histories; a wrong normalisation would be off by the window or by two."""
    scatters = [learned(240, 60, [0.2], seed=seed) for seed in range(30)]
    for scale in (0, 1):
        values = [scatter._far(0, scale) for scatter in scatters]
        assert sum(values) / len(values) == pytest.approx(1, abs=0.2)
