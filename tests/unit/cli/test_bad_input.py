"""What bad input gets, of every command that reads rollouts: its place, soon, and no traceback."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.cli.main import cli
from headrace.errors import InvalidInput

COMMANDS = {
    "lint": ("lint",),
    "render": ("render", "--router", "None"),
    "plan": ("plan",),
    "diff": ("diff",),
    "simulate": ("simulate", "--runs", "1"),
}
DIGEST = f"sha256:{'9f' * 32}"
GOOD = f"""\
apiVersion: headrace.dev/v1alpha1
kind: ModelRollout
metadata: {{name: a}}
spec:
  model: {{name: a, version: "7", uri: s3://models/7, digest: {DIGEST}}}
  serving:
    replicas: 2
    template:
      patches: []
  strategy:
    canary: {{steps: [{{weight: 50, hold: 10m}}]}}
  analysis:
    checks:
    - {{name: errors, metric: error-rate, worseThanStable: {{ratio: 1.5}}}}
"""
START = "kind: ModelRollout\n"


def laughs(shape: str, nine: str) -> str:
    """Give a text that would become a billion values."""
    lines = [f"a: &a {shape}"]
    for before, name in zip("abcdefghi", "bcdefghij", strict=True):
        lines.append(f"{name}: &{name} {nine.replace('*', ', '.join([f'*{before}'] * 9))}")
    return START + "\n".join(lines)


def with_text(text: str) -> str:
    return GOOD.replace("patches: []", f"jinja: |\n        {text}")


BAD: dict[str, tuple[str | bytes, str, int]] = {
    "a bomb": (laughs("[x]", "[*]"), "aliases of aliases", 0),
    "a bomb of merges": (laughs("{x: 1}", "{<<: [*]}"), "aliases of aliases", 0),
    "an endless list": (f"{START}spec: &a [*a]", "alias of itself", 2),
    "50 MB": (b"a: " + b"b" * 50_000_000, "has 2,000,001 characters", 0),
    "50 MB of documents": (b"---\na: 1\n" * 5_000_000, "has 2,000,001 characters", 0),
    "a key that is written twice": (
        GOOD.replace("replicas: 2", "replicas: 2\n    replicas: 3"),
        "spec.serving.replicas: is written twice, first in line 7",
        8,
    ),
    "a tab": (GOOD.replace("    replicas", "\treplicas"), "spaces, as YAML takes no tabs", 7),
    "another encoding": (GOOD.replace("uri: s3", "uri: \u00e4").encode("latin-1"), "UTF-8", 5),
    "UTF-16": (GOOD.encode("utf-16"), "is not UTF-8", 1),
    "a zero": (GOOD.replace("s3:", "\0"), "#x0000", 0),
    "half a character": (f'{START}"\\ud800": 1', "invalid Unicode", 2),
    "a long number": (f"{START}spec: {'1' * 10_000}", "a number with too many digits", 0),
    "brackets": (f"{START}spec: {'[' * 100_000}", "is nested too deeply", 2),
    "a long list": (START + "spec:\n" + "- a\n" * 300_000, "has too many values", 0),
    "an object of Python": (f"{START}spec: !!python/object:os.system x", "constructor", 2),
    "a list as a key": (f"{START}? [a]\n: 1", "unhashable key", 2),
    "a number that is none": (GOOD.replace("replicas: 2", "replicas: .nan"), "is nan", 7),
    "a field with a slip of the pen": (
        GOOD.replace("replicas", "replicsa"),
        "spec.serving.replicsa: is no field of a ModelRollout",
        7,
    ),
    "a field that moves the cursor": (f'{START}"\\e[2J": 1', "'\\x1b[2J'", 0),
    "a template that loops": (
        with_text("{% for i in range(10**9) %}{% endfor %}"),
        "spec.serving.template.jinja:1:1: has a loop over something else",
        10,
    ),
    "a template that reads attributes": (
        with_text("kind: {{ model.__class__.__mro__ }}"),
        "spec.serving.template.jinja:1:26: says `.__mro__`, which is not known",
        10,
    ),
    "a template that computes": (with_text("{{ 10**10**10 }}"), "has arithmetic", 10),
    "a query that computes": (
        GOOD.replace(
            "{name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}",
            "{name: a, kind: Value, query: \"{{ 'a' * 10**10 }}\", above: 1}",
        ),
        "has arithmetic",
        14,
    ),
    "a template that is a bomb": (
        with_text("{% for x in range(9000) %}" + "a" * 15_000 + "{% endfor %}"),
        "becomes too long",
        9,
    ),
}
MANY = f"{START}metadata: {{name: a}}\nspec:\n" + "".join(f"  k{i}: 1\n" for i in range(20_000))


def run(command: str, *arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(cli, [*COMMANDS[command], *arguments], input=text or None)


def said(result: Result) -> str:
    """Give what a person sees; errors become sentences in `main`."""
    wrong = result.exception
    assert wrong is None or isinstance(wrong, InvalidInput | SystemExit), repr(wrong)
    return result.output + (str(wrong) if isinstance(wrong, InvalidInput) else "")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rollout.yaml"


def write(file: Path, content: str | bytes) -> None:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


ATTEMPTS = [
    *((what, command) for what in BAD for command in ("lint", "plan")),
    # These read in the same way.
    *(("a bomb", command) for command in ("render", "diff", "simulate")),
    *(("a template that loops", command) for command in ("render", "diff", "simulate")),
]


@pytest.mark.parametrize(("what", "command"), ATTEMPTS)
def test_bad_input_is_named_where_it_stands(what: str, command: str, file: Path) -> None:
    content, problem, line = BAD[what]
    write(file, content)
    began = time.process_time()
    result = run(command, str(file))
    assert time.process_time() - began < 3
    assert result.exit_code != 0
    text = said(result).replace("\n    expected", "; expected").replace("\n", " ")
    assert str(file) in text
    assert problem in text
    if line:
        places = (f"line {line}:", f"line {line},", f"{file}:{line}:")
        assert any(place in text for place in places), text


def test_a_large_file_takes_little_memory(file: Path) -> None:
    write(file, BAD["50 MB"][0])
    tracemalloc.start()
    run("render", str(file))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 50e6


@pytest.mark.parametrize("command", ["lint", "plan"])
def test_a_document_with_faults_without_end_gets_the_first_hundred(
    command: str, file: Path
) -> None:
    write(file, MANY)
    began = time.process_time()
    text = said(run(command, str(file)))
    assert time.process_time() - began < 5
    assert "has further faults, beside the 100 that are named" in text
    assert text.count("is no field of a ModelRollout") < 100


@pytest.mark.parametrize("command", COMMANDS)
def test_every_fault_of_every_document_and_file_is_named_at_once(
    command: str, tmp_path: Path
) -> None:
    wrong = GOOD.replace("replicas", "replicsa").replace("hold: 10m", "hold: 0s")
    two = GOOD.replace("name: a}", "name: b}").replace("ratio: 1.5", "ratio: 0")
    write(tmp_path / "a.yaml", f"{wrong}---\n{two}")
    write(tmp_path / "b.yaml", GOOD.replace('"7"', "7"))
    write(tmp_path / "c.yaml", f"{START}a: [")
    text = said(run(command, str(tmp_path)))
    for part in (
        *("spec.serving.replicsa", "steps[0].hold"),
        *("worseThanStable.ratio", "spec.model.version", "c.yaml", "not YAML"),
    ):
        assert part in text, part


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "diff"])
@pytest.mark.parametrize("way", ["standard input", "folder", "several files"])
def test_rollouts_are_read_from_everywhere(command: str, way: str, tmp_path: Path) -> None:
    other = GOOD.replace("metadata: {name: a}", "metadata: {name: b}")
    two = f"{GOOD}---\nkind: Service\n---\n{other}"
    write(tmp_path / "two.yaml", two)
    write(tmp_path / "chart.yaml", "{{ helm }}: [")
    (tmp_path / ".hidden").mkdir()
    write(tmp_path / ".hidden" / "wrong.yaml", f"{START}a: [")
    if way == "standard input":
        result = run(command, "-", text=two)
    elif way == "folder":
        result = run(command, str(tmp_path))
    else:
        write(tmp_path / "a.yaml", GOOD)
        write(tmp_path / "b.yaml", other)
        result = run(command, str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"))
    assert result.exit_code == 0, said(result)
    names = ("2 rollouts",) if command == "lint" else ("default/a", "default/b")
    assert all(name in result.output for name in names)


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_to_read_is_said(command: str, tmp_path: Path) -> None:
    assert "no such file" in said(run(command, str(tmp_path / "absent.yaml")))
    if command != "lint":
        assert "There is no ModelRollout in" in said(run(command, str(tmp_path)))
