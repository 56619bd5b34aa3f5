"""Write the CustomResourceDefinition: `python -m headrace.render.crd FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

from headrace.render.crd import definition_yaml

HEADER = "# Generated from operator/headrace/api by `make golden`; do not edit.\n"


def main() -> None:
    """Write the file that is named."""
    Path(sys.argv[1]).write_text(HEADER + definition_yaml(), encoding="utf-8")


if __name__ == "__main__":
    main()
