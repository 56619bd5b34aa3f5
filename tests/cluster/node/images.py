"""Builds the images that the node runs, from Debian's packages and the programs of the catalogue.

There is no registry to pull from. Those that manifests and charts name have the names under which
their projects publish them. An archive is built anew when what goes into it has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from headrace import __version__
from headrace.render.pods import DEFAULT_IMAGE
from headrace.runtime.local.envoy.binary import find_envoy
from headrace.runtime.local.prometheus_binary import cache_folder
from tests.cluster.node.configuration import PAUSE
from tests.cluster.programs.catalogue import program
from tests.cluster.programs.commands import Say, run

ROOT = Path(__file__).parents[3]

COREDNS = "localhost/coredns:1"
ENVOY = "localhost/envoy:1"
ENVOY_GATEWAY = "localhost/envoy-gateway:1"
PROMETHEUS = "docker.io/prom/prometheus:v3.10.0"
MODEL_SERVER = f"docker.io/{DEFAULT_IMAGE}"
"""The name that a pod's image has for containerd."""

CONTROLLER = f"ghcr.io/headrace/headrace:{__version__}"

_BASE = "localhost/headrace-python:3.11"
_DEBIAN = ("bookworm", "python3,python3-venv,ca-certificates")
_CERTIFICATES = Path("/etc/ssl/certs")
_BUILDAH = ("unshare", "--mount", "buildah")
"""What it mounts ends with it, even if it is killed."""

_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an image is made.

    Attributes:
        tag: Its name.
        dockerfile: The text.
        program: What is copied into it.
        inputs: Files of the repository that it is made of; with any, that is the context.
    """

    tag: str
    dockerfile: str
    program: Path | None = None
    inputs: tuple[Path, ...] = ()

    @property
    def archive(self) -> Path:
        """Where it is kept; another file when its inputs change."""
        return _home() / f"{self._name}-{self._digest()}.tar"

    def forget_others(self) -> None:
        """Remove what was built of other inputs: an image is large."""
        for path in set(_home().glob(f"{self._name}-{'?' * _DIGITS}.tar")) - {self.archive}:
            path.unlink()

    @property
    def _name(self) -> str:
        return self.tag.rpartition("/")[2].partition(":")[0]

    def _digest(self) -> str:
        # A program's path has the digest of all its sources.
        parts = [self.dockerfile, *_DEBIAN, str(self.program)]
        for path in self.inputs:
            parts += [str(path.relative_to(ROOT)), path.read_text("utf-8")]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_DIGITS]


def build(say: Say) -> list[Path]:
    """Build the images that are not there yet.

    Args:
        say: Is told what is being done.

    Returns:
        The archives.

    Raises:
        SetupError: One cannot be built.
    """
    recipes = [*_programs(), _ours(MODEL_SERVER, "serving"), _ours(CONTROLLER, "controller")]
    missing = [recipe for recipe in recipes if not recipe.archive.is_file()]
    if missing:
        _home().mkdir(parents=True, exist_ok=True)
        if not _has_base():
            _make_base(say)
    for recipe in missing:
        say(f"Building the image {recipe.tag}")
        _make(recipe, say)
    return [recipe.archive for recipe in recipes]


def _programs() -> list[Recipe]:
    return [
        Recipe(PAUSE, f'FROM {_BASE}\nUSER 65532:65532\nENTRYPOINT ["sleep", "infinity"]\n'),
        _program_image(COREDNS, "scratch", program("coredns")),
        _program_image(ENVOY_GATEWAY, "scratch", program("envoy-gateway")),
        _program_image(ENVOY, _BASE, find_envoy()),
        _program_image(PROMETHEUS, "scratch", program("prometheus")),
    ]


def _program_image(tag: str, base: str, binary: Path) -> Recipe:
    target = f"/usr/local/bin/{binary.name}"
    lines = [f"FROM {base}", f"COPY {binary.name} {target}"]
    lines += ["ENV PATH=/usr/local/bin:/usr/bin:/bin"]
    lines += ["USER 65532:65532", f'ENTRYPOINT ["{target}"]']
    return Recipe(tag, "\n".join([*lines, ""]), binary)


def _ours(tag: str, name: str) -> Recipe:
    dockerfile = (ROOT / "images" / name / "Dockerfile").read_text("utf-8")
    found = sorted((ROOT / "operator" / "headrace").rglob("*"))
    package = [path for path in found if path.is_file() and path.suffix != ".pyc"]
    inputs = (ROOT / "requirements" / f"{name}.txt", ROOT / "setup.cfg", *package)
    return Recipe(tag, dockerfile, inputs=inputs)


def _has_base() -> bool:
    command = [*_BUILDAH, *_store(), "inspect", "--type", "image", _BASE]
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


def _make_base(say: Say) -> None:
    say("Making an image of Debian with Python 3.11")
    log = _home() / "base.log"
    suite, packages = _DEBIAN
    with tempfile.TemporaryDirectory(prefix=".base-", dir=_home()) as name:
        archive, dockerfile = Path(name, "root.tar"), Path(name, "Dockerfile")
        options = ["--quiet", "--variant=minbase", f"--include={packages}"]
        run(["mmdebstrap", *options, suite, str(archive)], log, say)
        text = "FROM scratch\nADD root.tar /\nENV PATH=/usr/local/bin:/usr/bin:/bin\n"
        dockerfile.write_text(text, encoding="utf-8")
        _buildah(["bud", "--tag", _BASE, name], log, say)


def _make(recipe: Recipe, say: Say) -> None:
    log = recipe.archive.with_suffix(".log")
    part = recipe.archive.with_suffix(".part")
    part.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix=".image-", dir=_home()) as name:
        dockerfile = Path(name, "Dockerfile")
        dockerfile.write_text(recipe.dockerfile, encoding="utf-8")
        if recipe.program is not None:
            shutil.copy(recipe.program, name)
        context = str(ROOT) if recipe.inputs else name
        options = ["--layers", "--tag", recipe.tag, "--file", str(dockerfile)]
        _buildah(["bud", *_build_options(), *options, context], log, say)
    target = f"oci-archive:{part}:{recipe.tag}"
    _buildah(["push", "--disable-compression", recipe.tag, target], log, say)
    part.rename(recipe.archive)
    recipe.forget_others()
    log.unlink()


def _build_options() -> list[str]:
    """Give the Debian to build on, and what pip needs behind a mirror."""
    settings = [name for name in ("PIP_INDEX_URL", "PIP_CERT") if os.environ.get(name)]
    arguments = [f"BASE={_BASE}", *(f"{name}={os.environ[name]}" for name in settings)]
    options = [option for each in arguments for option in ("--build-arg", each)]
    return [*options, "--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"]


def _buildah(arguments: list[str], log: Path, say: Say) -> None:
    # No namespaces of its own: not every machine lets root have more of them.
    environ = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
    run([*_BUILDAH, *_store(), *arguments], log, say, environ)


def _store() -> list[str]:
    return ["--root", str(_home() / "layers"), "--runroot", str(_home() / "layers-run")]


def _home() -> Path:
    return cache_folder(os.environ) / "images"
