"""Compile every component and pipeline of a repository: `python -m headrace.pipelines.compile`.

`components/<name>/component.py` becomes `component.yaml` beside it, then
`pipelines/<name>/pipeline.py` becomes `pipeline.yaml`, and `manifest.yaml` for `kubectl apply`. All
are checked in. The one function in
each file that is named like its folder is compiled. A file whose only change would be the version
of the SDK is left as it is. The tables in the components' READMEs are made, too.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kfp.compiler import Compiler
from kfp.dsl.base_component import BaseComponent

from headrace.errors import InvalidInput
from headrace.pipelines.readme import with_interface

SOURCES = {"component.py": "components", "pipeline.py": "pipelines"}
"""Which file is compiled below which folder; components first, because pipelines load them."""


def load_definition(path: Path) -> Any:
    """Import a file and give the component or pipeline that it defines.

    Raises:
        InvalidInput: The file is missing, or defines none that is named like its folder.
    """
    name = f"_headrace_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise InvalidInput(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, path.parent.name, None)
    if not isinstance(found, BaseComponent):
        raise InvalidInput(
            f"{path} defines no component or pipeline named {path.parent.name}; "
            "expected a function of that name with KFP's decorator."
        )
    return found


def compile_definition(source: Path) -> str:
    """Compile one file to KFP's pipeline specification.

    Raises:
        InvalidInput: It does not define a component or pipeline named like its folder.
    """
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "compiled.yaml"
        Compiler().compile(load_definition(source), str(target))
        return target.read_text(encoding="utf-8")


def without_sdk_version(text: str) -> str:
    """Drop the line that names the SDK's version."""
    return re.sub(r"^ *sdkVersion: .*\n", "", text, flags=re.MULTILINE)


def sources(root: Path) -> Iterator[Path]:
    """Find what is to be compiled, components before pipelines."""
    for file, folder in SOURCES.items():
        yield from sorted((root / folder).glob(f"*/{file}"))


def is_current(source: Path) -> bool:
    """Say whether the compiled file beside a source is what the source compiles to."""
    return says(source.with_suffix(".yaml"), compile_definition(source))


def says(file: Path, compiled: str) -> bool:
    """Say whether a file holds what was compiled, whatever the version of the SDK."""
    if not file.is_file():
        return False
    stored = without_sdk_version(file.read_text(encoding="utf-8"))
    return stored == without_sdk_version(compiled)


def current_readme(source: Path) -> str:
    """Give a component's README with the tables that its source makes.

    Raises:
        InvalidInput: The README lacks the markers for the tables.
    """
    readme = (source.parent / "README.md").read_text(encoding="utf-8")
    docstring = load_definition(source).python_func.__doc__ or ""
    return with_interface(readme, compile_definition(source), docstring)


def main() -> None:
    """Compile everything below the given or the current directory."""
    # It compiles by this module, in turn.
    from headrace.pipelines.manifest import MANIFEST, compile_manifest

    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    for source in sources(root):
        if not is_current(source):
            target = source.with_suffix(".yaml")
            target.write_text(compile_definition(source), encoding="utf-8")
            print(f"wrote {target}")
        if source.name == "pipeline.py":
            text = compile_manifest(source)
            manifest = source.with_name(MANIFEST)
            if not says(manifest, text):
                manifest.write_text(text, encoding="utf-8")
                print(f"wrote {manifest}")
        readme = source.parent / "README.md"
        if source.name == "component.py" and readme.is_file():
            text = current_readme(source)
            if text != readme.read_text(encoding="utf-8"):
                readme.write_text(text, encoding="utf-8")
                print(f"wrote {readme}")


if __name__ == "__main__":
    main()
