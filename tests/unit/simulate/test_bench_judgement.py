"""The bench of one judgement: that it runs, and that it can fail."""

import importlib.util
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[3] / "bench" / "judgement.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_judgement", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SCHEDULE", 5)
    return module


def test_it_prints_what_two_checks_and_five_cost_and_a_threshold(
    bench: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bench, "MUST", math.inf)
    file = tmp_path / "figures.json"
    assert bench.main(["--rollouts", "1", "--json", str(file)]) == 0
    table = json.loads(file.read_text())
    assert list(table) == ["two checks", "five checks"]
    assert all(figure > 0 for figures in table.values() for figure in figures.values())
    assert capsys.readouterr().out.splitlines()[-1].startswith("a threshold")


def test_a_judgement_that_takes_too_long_is_a_failure(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "MUST", 0.0)
    assert bench.main(["--rollouts", "1"]) == 1
    assert "MISSED" in capsys.readouterr().out
