"""The simulation's table in a terminal: it fits into 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.table import Table

from headrace.simulate.summary import Share, Summary

_COLUMNS = ("rolled back %", "min", "bad", "promoted %", "min", "open %")


def table_of(found: Sequence[Summary], title: str) -> Table:
    """Lay out all policies under all scenarios.

    Args:
        found: Summaries, those of a scenario together.
        title: Above the table.
    """
    table = Table(
        padding=(0, 1, 0, 0),
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("", no_wrap=True)
    for heading in _COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for scenario, group in groupby(found, lambda summary: summary.scenario):
        summaries = list(group)
        kind = "falsely" if summaries[0].healthy else "rightly"
        table.add_row(f"[bold]{scenario}[/bold]", f"[bold]{kind}[/bold]")
        for one in summaries:
            table.add_row(*_row(one))
        table.add_section()
    return table


def _row(one: Summary) -> tuple[str, ...]:
    return (
        f" {one.policy}",
        _share(one.rolled_back),
        _minutes(one.rollback_seconds),
        "" if one.served is None else f"{one.served:,.0f}",
        _share(one.promoted),
        _minutes(one.promotion_seconds),
        _percent(one.undecided.value),
    )


def _share(share: Share) -> str:
    """Write a share in per cent with its uncertainty, such as `0.5 (0.1-2.8)`."""
    return f"{_percent(share.value)} ({_percent(share.low)}-{_percent(share.high)})"


def _percent(share: float) -> str:
    """Write a number of per cent; whole ones from ten on."""
    return f"{100 * share:.{1 if share < 0.0995 else 0}f}"


def _minutes(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds / 60:.1f}"
