"""Where the model servers' Python environment is. It cannot be ours: their packages clash."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import headrace
from headrace.errors import SetupError

VARIABLE = "HEADRACE_SERVING_ENV"
NAME = ".venv-serving"


def find_serving_environment(environ: Mapping[str, str] = os.environ) -> Path:
    """Give the root of the environment that has seldon-core.

    It is what `HEADRACE_SERVING_ENV` names, else `.venv-serving` beside this environment or in
    the checkout.

    Raises:
        SetupError: There is none.
    """
    named = environ.get(VARIABLE)
    if named:
        root = Path(named).absolute()
        if not _is_environment(root):
            raise SetupError(
                f"{VARIABLE} names {root}, which has no bin/seldon-core-microservice: "
                "run `make setup`, or unset it."
            )
        return root
    places = [Path(sys.prefix).parent / NAME]
    if headrace.__file__:
        places.append(Path(headrace.__file__).absolute().parents[2] / NAME)
    for root in places:
        if _is_environment(root):
            return root
    raise SetupError(
        f"There is no environment for model servers in {' or '.join(map(str, places))}: "
        f"run `make setup`, or set {VARIABLE}."
    )


def _is_environment(root: Path) -> bool:
    programs = (root / "bin" / "python", root / "bin" / "seldon-core-microservice")
    return all(os.access(program, os.X_OK) for program in programs)
