"""The example of a regression is true: its commands are run, one after the other."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from headrace.registry import CHAMPION, Registry
from headrace.serving.bundle import read_bundle
from tests.local.test_docs import ROOT, commands_of, run

PAGE = "examples/seattle_weather/README.md"


@pytest.mark.local
@pytest.mark.timeout(2400)
def test_a_regression_from_data_to_users_and_on_to_its_next_version(tmp_path: Path) -> None:
    for name in ("examples", "pipelines"):
        (tmp_path / name).symlink_to(ROOT / name)
    registry = Registry(f"sqlite:///{tmp_path / '.headrace' / 'mlflow.db'}")

    said = run(commands_of("The first version", PAGE), tmp_path)
    assert "Output = True" in said
    first = registry.version_of("seattle-high", CHAMPION)
    assert first is not None
    assert first.version == "1"
    output = read_bundle(Path(first.uri.removeprefix("file://"))).signature.output
    assert (output.kind, output.tolerance) == ("number", 3.0)

    said = run(commands_of("A year later", PAGE), tmp_path)
    assert "Output = DataUnchanged" in said
    assert "Output = NewData" in said
    second = registry.version_of("seattle-high", CHAMPION)
    assert second is not None
    assert second.version.startswith("auto-")
    report = json.loads((tmp_path / ".headrace/weather/seattle-high/report.json").read_text())
    assert [release["outcome"] for release in report["releases"]] == ["Live", "Promoted"]
    assert report["releases"][1]["failed_requests"] == 0
    made_of = [release["made_of"] for release in report["releases"]]
    assert [each["digest"] for each in made_of] == [first.digest, second.digest]
    assert made_of[0]["data"] != made_of[1]["data"]

    said = run(commands_of("What turned out to be true", PAGE), tmp_path)
    assert "yes: mae of version 1 is 5.65, > 3, on 2 labels" in said

    said = run(commands_of("A whole table ahead", PAGE), tmp_path)
    (folder,) = (tmp_path / "predictions").iterdir()
    predictions = pd.read_parquet(next(folder.glob("*.parquet")))
    assert set(predictions["model_version"]) == {second.version}
    assert predictions["prediction"].between(-10, 45).all()
    assert len(predictions) == 1459
