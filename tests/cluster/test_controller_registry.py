"""A real MLflow server and the whole controller: the alias follows the traffic, in the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headrace.api import Phase
from headrace.registry import CHAMPION
from tests.cluster.api_server import ApiServer
from tests.cluster.stage import staged
from tests.local.registry.mlflow_server import mlflow_process
from tests.local.registry.test_registry import bundle, registered


def condition(status: dict[str, Any]) -> dict[str, Any]:
    found = [each for each in status.get("conditions", ()) if each["type"] == "Registered"]
    return found[0] if found else {}


def test_an_mlflow_that_is_away_at_a_promotion_gets_its_alias_when_it_is_back(
    server: ApiServer, tmp_path: Path
) -> None:
    database = tmp_path / "registry.db"
    for version in "12":
        registry = registered(f"sqlite:///{database}", bundle(tmp_path, version, name="flights"))
    with mlflow_process(database) as mlflow, staged(server, tmp_path) as stage:
        first = stage.spawn("one", "--alone", "--registry", mlflow.url)
        stage.go_live()
        stage.apply("2")
        stage.until(Phase.HEALTHY, "2")
        status = stage.when(lambda status: condition(status).get("status") == "False")
        assert condition(status)["reason"] == "AliasNotMoved"
        assert "nowhere yet: the registry http://127.0.0.1" in condition(status)["message"]
        # The users are served, and a controller that is killed meanwhile leaves it to the next.
        first.kill()
        second = stage.spawn("one", "--alone", "--registry", mlflow.url)
        mlflow.start()
        status = stage.when(lambda status: condition(status).get("status") == "True")
        assert condition(status)["message"] == "the alias champion is on 2"
        found = registry.version_of("flights", CHAMPION)
        assert found is not None
        assert found.version == "2"
        # One more finds it done.
        second.kill()
        stage.spawn("one", "--alone", "--registry", mlflow.url)
        stage.apply("2", suspended=True)
        stage.when(lambda status: status["decision"]["reason"] == "Suspended")
        assert mlflow.moves() == 1
        assert stage.history() == [("1", "Live"), ("2", "Promoted")]
