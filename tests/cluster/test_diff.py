"""`headrace diff` against a real API server: what an apply would change, and nothing else."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from headrace.api import ModelRollout, Phase, Status, Traffic, load_rollout
from headrace.api.status import Weights
from headrace.cli.main import cli
from headrace.errors import InvalidInput
from headrace.render.rendering import render
from headrace.render.stages import chosen_stage
from tests.cluster.api_server import ApiServer, Object
from tests.cluster.examples import FOLDER, into

EXAMPLE = FOLDER / "canary-gateway-template"
NUMBERS = itertools.count()
PAGE = (FOLDER.parents[1] / "docs" / "diff.md").read_text(encoding="utf-8")
ROLLOUTS = "/apis/headrace.dev/v1alpha1/namespaces"


class Place:
    """A namespace of its own with the example, as a user of `diff` has it."""

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.namespace = f"diff-{next(NUMBERS)}"
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        assert server.apply(space).code in (200, 201)
        self.file = self.write("rollout.yaml", (EXAMPLE / "rollout.yaml").read_text("utf-8"))
        self.before = self.write("before.yaml", (EXAMPLE / "before.yaml").read_text("utf-8"))

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        moved = text.replace("namespace: models}", f"namespace: {self.namespace}}}")
        path.write_text(moved, encoding="utf-8")
        return path

    @property
    def rollout(self) -> ModelRollout:
        return load_rollout(self.file)

    def manifests(self, stage: str) -> list[Object]:
        stable = load_rollout(self.before).spec.model
        return render(self.rollout, chosen_stage(self.rollout, stable, stage).plan)

    def apply(self, manifests: list[Object]) -> None:
        for each in manifests:
            answer = self.server.apply(each)
            assert answer.code in (200, 201), answer.message

    def begin(self, status: Status) -> None:
        """Put the ModelRollout into the cluster, with a status."""
        self.apply([into(self.namespace, yaml.safe_load(self.file.read_text("utf-8")))])
        path = f"{ROLLOUTS}/{self.namespace}/modelrollouts/flight-delay/status"
        written = {"status": status.model_dump(mode="json", exclude_none=True)}
        answer = self.server.ask("PATCH", path, written, "merge")
        assert answer.code == 200, answer.message

    def diff(self, *arguments: str, text: str = "") -> Result:
        config = (
            () if "--kubeconfig" in arguments else ("--kubeconfig", str(self.server.kubeconfig))
        )
        file = () if text or "-" in arguments else (str(self.file),)
        return CliRunner().invoke(cli, ["diff", *file, *arguments, *config], input=text or None)


@pytest.fixture
def place(server: ApiServer, tmp_path: Path) -> Place:
    return Place(server, tmp_path)


def test_a_rollout_that_is_not_there_is_all_new(place: Place) -> None:
    said = place.diff()
    assert said.exit_code == 1
    assert "the cluster has no such ModelRollout; compared is its end" in said.stderr
    names = [line for line in said.stdout.splitlines() if line.startswith("+++ ")]
    assert len(names) == len(place.manifests("promoted"))
    removed = [line for line in said.stdout.splitlines() if line.startswith("-")]
    assert set(removed) == {"--- /dev/null"}
    assert "\x1b" not in said.stdout


def test_what_was_applied_differs_in_nothing(place: Place) -> None:
    place.apply(place.manifests("promoted"))
    said = place.diff()
    assert (said.exit_code, said.stdout) == (0, "")


def test_only_what_would_change_is_shown_and_nothing_is_changed(place: Place) -> None:
    place.apply(place.manifests("promoted"))
    paths = [place.server.path(each) for each in place.manifests("promoted")]
    before = [place.server.ask("GET", path).body["metadata"]["resourceVersion"] for path in paths]
    text = place.file.read_text("utf-8").replace("replicas: 2", "replicas: 3")
    said = place.diff("-", text=text.replace("pool: models", "pool: others"))
    assert said.exit_code == 1
    changed = [line for line in said.stdout.splitlines() if line[:2] in ("- ", "+ ")]
    assert [line.strip("-+ ") for line in changed] == [
        *("replicas: 2", "replicas: 3"),
        *("pool: models", "pool: others"),
    ]
    after = [place.server.ask("GET", path).body["metadata"]["resourceVersion"] for path in paths]
    assert after == before


def test_it_compares_with_the_state_that_the_rollout_is_in(place: Place) -> None:
    stable = load_rollout(place.before).spec.model
    asked = Weights(asked=Traffic(stable=95, candidate=5))
    model = place.rollout.spec.model
    status = Status(phase=Phase.PROGRESSING, stable=stable, candidate=model, weights=asked)
    place.begin(status)
    place.apply(place.manifests("canary:5"))
    assert (place.diff().exit_code, place.diff().stdout) == (0, "")
    said = place.diff("--stage", "canary:25")
    assert said.exit_code == 1
    changed = [line for line in said.stdout.splitlines() if line[:2] in ("- ", "+ ")]
    assert [line.split()[1:] for line in changed] == [
        *(["weight:", "95"], ["weight:", "75"]),
        *(["weight:", "5"], ["weight:", "25"]),
    ]


def test_a_version_that_is_not_running_yet_is_named(place: Place) -> None:
    stable = load_rollout(place.before).spec.model
    place.begin(
        Status(phase=Phase.HEALTHY, stable=stable, weights=Weights(asked=Traffic(stable=100)))
    )
    place.apply(place.manifests("idle"))
    said = place.diff()
    assert (said.exit_code, said.stdout) == (0, "")
    assert "7 is not running; give --stage" in said.stderr


def test_a_field_that_would_be_taken_from_others_is_named(place: Place) -> None:
    place.apply(place.manifests("promoted"))
    (route,) = (each for each in place.manifests("promoted") if each["kind"] == "HTTPRoute")
    theirs = {**route, "spec": {**route["spec"], "hostnames": ["other.example.com"]}}
    options = "fieldManager=somebody&force=true"
    answer = place.server.ask("PATCH", f"{place.server.path(route)}?{options}", theirs, "apply")
    assert answer.code == 200, answer.message
    said = place.diff()
    assert said.exit_code == 1
    assert "takes over from others" in said.stdout
    assert '"somebody"' in said.stdout
    assert "-  - other.example.com" in said.stdout


def test_a_terminal_gets_colours(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[32m+" in place.diff().stdout


def test_what_cannot_be_compared_is_said_and_the_rest_is_compared(place: Place) -> None:
    text = place.file.read_text("utf-8").replace(f"namespace: {place.namespace}", "namespace: gone")
    said = place.diff("-", text=text)
    assert said.exit_code == 2
    kinds = {each["kind"] for each in place.manifests("promoted")}
    for kind in kinds:
        assert f"{kind} gone/flight-delay" in said.stderr
    assert 'namespaces "gone" not found' in said.stderr


def test_a_manifest_that_the_server_refuses_is_said_with_its_words(place: Place) -> None:
    text = place.file.read_text("utf-8").replace("{pool: models}", "{pool: 'no label value'}")
    place.apply(place.manifests("promoted"))
    said = place.diff("-", text=text)
    assert said.exit_code == 2
    assert "Deployment" in said.stderr
    assert "no label value" in said.stderr


def test_a_server_that_does_not_answer_is_named(place: Place) -> None:
    config = yaml.safe_load(place.server.kubeconfig.read_text("utf-8"))
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    other = place.folder / "kubeconfig"
    other.write_text(yaml.safe_dump(config), encoding="utf-8")
    said = place.diff("--kubeconfig", str(other))
    assert said.exit_code == 2
    assert "The API server at https://127.0.0.1:9 did not answer" in said.stderr
    assert "Connection refused" in said.stderr


def test_somebody_whom_the_server_does_not_know_is_refused(place: Place) -> None:
    config = yaml.safe_load(place.server.kubeconfig.read_text("utf-8"))
    config["users"][0]["user"]["token"] = "of-somebody"
    other = place.folder / "kubeconfig"
    other.write_text(yaml.safe_dump(config), encoding="utf-8")
    said = place.diff("--kubeconfig", str(other))
    assert said.exit_code == 2
    assert "Unauthorized" in said.stderr


def test_a_context_that_is_not_there_is_named(place: Place) -> None:
    said = place.diff("--context", "nowhere")
    assert said.exit_code == 2
    assert "nowhere" in said.stderr


def test_without_a_cluster_it_says_what_to_give(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(place.folder / "none"))
    said = CliRunner().invoke(cli, ["diff", str(place.file)])
    assert said.exit_code == 2
    assert "No cluster is configured" in said.stderr
    assert "KUBECONFIG" in said.stderr


def test_a_file_with_faults_is_refused_before_anything_is_asked(place: Place) -> None:
    said = place.diff("-", text="kind: ModelRollout\n")
    assert isinstance(said.exception, InvalidInput)


def test_the_commands_of_the_page_do_what_it_says(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(place.server.kubeconfig))
    monkeypatch.chdir(place.folder)
    place.apply(place.manifests("promoted"))
    commands = [
        line
        for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
        for line in block.splitlines()
    ]
    assert len(commands) == 3
    codes = [CliRunner().invoke(cli, shlex.split(line)[1:]).exit_code for line in commands]
    # The folder has the version before, too, of which nothing is there.
    assert codes == [0, 1, 1]
