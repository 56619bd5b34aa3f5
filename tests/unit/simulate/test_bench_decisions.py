"""The bench of the decisions: that it runs, and that it can fail."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[3] / "bench" / "decisions.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_decisions", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_it_prints_a_row_per_policy_and_writes_json(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    arguments = ["--runs", "12", "--only", "late 1 -> 3 %", "--json", str(file)]
    assert bench.main(arguments) == 0
    ours, argo, flagger = json.loads(file.read_text())
    assert ours["minutes"] <= 2.0
    assert (ours["found"], argo["found"]) == (100, 0)
    assert flagger["policy"].startswith("Flagger")
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[5] for line in printed[2:]] == ["headrace", "Argo,", "Flagger,"]


def test_a_limit_that_is_missed_is_named(bench: ModuleType) -> None:
    cell = bench.Cell(bench.Scenario("it"), limits={"false": (1.0, 0.5), "minutes": (9.0, None)})
    slow = bench.Figures("it", "headrace", 2000, false=1.1, minutes=9.5)
    fair = bench.Figures("it", "headrace", 2000, false=0.8, minutes=9.0)
    few = bench.Figures("it", "headrace", 100, false=1.0, minutes=None)
    assert bench.missed(cell, slow) == (["false", "minutes"], [])
    assert bench.missed(cell, fair) == ([], ["false"])
    assert bench.missed(cell, few) == (["minutes"], [])


def test_it_says_in_what_a_peer_is_better(bench: ModuleType) -> None:
    ours = bench.Figures("it", "headrace", 2000, found=99.9, minutes=8.25, bad=1700.0)
    quick = bench.Figures("it", "Flagger, docs", 2000, found=100.0, minutes=8.0, bad=1286.0)
    blind = bench.Figures("it", "Argo, docs", 2000, found=0.0, bad=10800.0)
    assert bench.peers_are_better(ours, quick) == ["sooner", "fewer bad requests"]
    assert bench.peers_are_better(ours, blind) == []
    safe = bench.Figures("it", "headrace", 2000, false=0.3, promoted=90.0, promotion_minutes=21.0)
    rash = bench.Figures(
        "it", "Argo, docs", 2000, false=0.0, promoted=100.0, promotion_minutes=20.0
    )
    assert bench.peers_are_better(safe, rash) == ["more healthy ones promoted", "promoted sooner"]
