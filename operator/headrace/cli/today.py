"""The options by which one says what traffic there is today, for `lint` and `plan`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from headrace.cli.numbers import Number

Command = TypeVar("Command", bound=Callable[..., Any])


def rate_of_today(purpose: str) -> Callable[[Command], Command]:
    """Give the option `--rate`, with what it is good for."""
    return click.option(
        "--rate",
        type=Number(min=0, min_open=True),
        help=f"Requests per second: {purpose}",
    )


error_rate_of_today = click.option(
    "--error-rate",
    type=Number(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="Share of requests that fail today, for --rate.",
)
