"""The figures beside those of the peers."""

from __future__ import annotations

from collections.abc import Sequence

from bench.controller.run import Figures

COLUMNS = (
    ("CPU-ms", "cpu_ms", "{:.1f}"),
    ("MB", "mb", "{:.0f}"),
    ("API", "api", "{:.2f}"),
    ("queries", "queries", "{:.0f}"),
    ("steps", "steps", "{:.1f}"),
    ("tick p99", "tick", "{:.1f}"),
    ("step p99", "step", "{:.1f}"),
    ("median", "median", "{:.1f}"),
    ("last", "last", "{:.1f}"),
    ("raised", "raised", "{}"),
    ("alone", "alone", "{:.1f}"),
    ("standby", "standby", "{:.1f}"),
    ("growth", "growth", "{:.1f}"),
    ("load", "load", "{:.1f}"),
)

PEERS: tuple[tuple[str, Figures], ...] = (
    (
        "Argo Rollouts 1.8.3, N=50",
        {"cpu_ms": 323, "mb": 124, "api": 29.4, "queries": 400, "steps": 4.0}
        | {"median": 17.1, "last": 19.8, "raised": 100, "alone": 17.9, "load": 1.3},
    ),
    (
        "Argo Rollouts 1.8.3, N=200",
        {"cpu_ms": 251, "mb": 180, "api": 24.0, "queries": 1598, "steps": 1.68}
        | {"median": 36.4, "last": 42.4, "raised": 112, "load": 4.2},
    ),
    (
        "Flagger 1.44.0, N=50",
        {"cpu_ms": 48, "mb": 71, "api": 76.0, "queries": 400, "steps": 4.0}
        | {"median": 30.0, "last": 30.5, "raised": 0, "alone": 13.4, "load": 1.9},
    ),
    (
        "Flagger 1.44.0, N=200",
        {"cpu_ms": 46, "mb": 81, "api": 54.2, "queries": 1220, "steps": 3.05}
        | {"median": 40.2, "last": 40.4, "raised": 27, "load": 4.7},
    ),
    (
        "Flagger 1.44.0, N=500",
        {"cpu_ms": 19, "mb": 95, "api": 20.4, "queries": 1000, "steps": 1.0}
        | {"median": 100.2, "last": 101.4, "raised": 0, "load": 2.9},
    ),
)
"""Measured before (`alone`: from SIGKILL to the first query, restarted after 1 s; Argo waits for
its lease). Per rollout and minute, Flagger's CPU falls because its steps do."""


def show(found: Sequence[Figures]) -> None:
    """Print a table."""
    print(_line("", [name for name, _, _ in COLUMNS]))
    for one in found:
        print(_row(f"Headrace, N={one['rollouts']}", one))
    for name, peer in PEERS:
        print(_row(name, peer))


def _row(name: str, figures: Figures) -> str:
    cells = [form.format(figures[key]) if key in figures else "-" for _, key, form in COLUMNS]
    return _line(name, cells)


def _line(name: str, cells: Sequence[str]) -> str:
    return f"{name:28}" + "".join(f"{cell:>9}" for cell in cells)
