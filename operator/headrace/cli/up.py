"""`headrace up`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from headrace.api import ModelRollout, Phase, load_rollout
from headrace.cli.numbers import Number
from headrace.cli.places import home
from headrace.cli.registries import registry_of
from headrace.controller.session import LocalSession, is_registered
from headrace.controller.store import RolloutStore
from headrace.delivery.ending import ending_of
from headrace.errors import HeadraceError, InvalidInput, NotFound
from headrace.load.process import Traffic
from headrace.load.requests import read_lines
from headrace.report.build import build_report
from headrace.report.client import client_counts
from headrace.report.journal import read_journal
from headrace.report.terminal import release_table
from headrace.report.write import write_report
from headrace.runtime.local.bundles import BundleCache

if TYPE_CHECKING:
    from headrace.registry.server import Promotes

_A_DAY = 86_400.0
_REGISTERING = 120.0
"""Seconds that the registry has to take over which version is live."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option(
    "--rate",
    type=Number(min=0),
    default=20.0,
    show_default=True,
    help="Requests a second that Headrace sends by itself; 0 leaves it to you.",
)
@click.option(
    "--requests",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help='JSON lines to send, each {column: value}, or {"request": {column: value}, "label": 0}; '
    "by default the bundle's examples.",
)
@click.option(
    "--feedback",
    type=Number(0, 1),
    default=1.0,
    show_default=True,
    help="Share of the answers that get feedback, where a line of --requests has a label.",
)
@click.option(
    "--timeout",
    type=Number(min=1),
    default=_A_DAY,
    help="Seconds after which to give up.  [default: a day]",
)
@click.option(
    "--registry",
    default=None,
    metavar="URI",
    help="MLflow: sqlite:///path/to/file.db, or a server's address. The alias champion follows the "
    "version that is live, and the report tells what versions were made of.",
)
@click.option("--keep", is_flag=True, help="Go on serving after the end, until Ctrl-C.")
def up(
    file: Path,
    rate: float,
    requests: Path | None,
    feedback: float,
    timeout: float,
    registry: str | None,
    keep: bool,
) -> None:
    """Run a ModelRollout on this machine, until it ends.

    Starts real model servers, a real Envoy and a real Prometheus as processes, and the same
    controller that runs in a cluster. The first version of a rollout goes live at once. Run it
    again with another version in FILE, and that version is rolled out beside the live one as the
    strategy says: the state is kept in .headrace (or HEADRACE_HOME).

    \b
      headrace up rollout.yaml              version 1 goes live
      # change spec.model to version 2
      headrace up rollout.yaml              version 2 is tested, then promoted or rolled back

    Exit code 0 when the version is live, 1 when it was rolled back.
    """
    console = Console(stderr=True)
    rollout = _load(file)
    if requests is not None:
        read_lines(requests)  # so that a bad line is told before anything is started
    promotes = _registry(registry)
    store = RolloutStore(home() / rollout.metadata.namespace / rollout.metadata.name)
    store.apply(rollout)
    begun = time.time()

    def say(message: str) -> None:
        console.print(f"[dim]{time.time() - begun:6.1f} s[/dim]  ", end="")
        console.print(message, markup=False, highlight=False, soft_wrap=True)

    def ended(now: ModelRollout) -> bool:
        # Of whatever the document names by then: a pipeline may deliver the next version meanwhile.
        return ending_of(now, now.spec.model.version) is not None

    with ExitStack() as exit_stack:
        session = exit_stack.enter_context(LocalSession(store, say, registry=promotes))
        say(f"requests go to {session.platform.url}")
        traffic = None
        if rate > 0:
            session.wait(lambda now: now.status.stable is not None or ended(now), timeout=timeout)
            source = requests or _examples_of(rollout, session)
            traffic = Traffic(session.platform.url, rate, store.directory / "ledger.json", feedback)
            exit_stack.enter_context(traffic)
            if source is not None:
                traffic.send(source)

        def keep_sending() -> None:
            died = traffic.revive() if traffic is not None else ""
            if died:
                session.note("requests", died)

        result = session.wait(ended, timeout=timeout, meanwhile=keep_sending)
        if promotes is not None:
            result = session.wait(is_registered, timeout=_REGISTERING, meanwhile=keep_sending)
        if keep:
            say(f"serving at {session.platform.url} until Ctrl-C")
            with suppress(KeyboardInterrupt):
                session.wait(lambda _: False, timeout=_A_DAY, meanwhile=keep_sending)
        if traffic is not None:
            traffic.stop()
        counts = client_counts(traffic.counts) if traffic is not None else None
    report = build_report(
        result,
        read_journal(store.journal_file),
        session.events,
        counts,
        title=result.key,
        created=time.time(),
        made_of={} if registry is None else _made_of(result, registry, say),
    )
    Console().print(release_table(report))
    html, _ = write_report(store.directory, report)
    click.echo(f"Report: {html}")
    if result.status.phase is Phase.ROLLED_BACK:
        sys.exit(1)


def _registry(uri: str | None) -> Promotes | None:
    if uri is None:
        return None
    # MLflow takes seconds to import, and only who names one needs it.
    from headrace.registry.server import registry_at

    return registry_at(uri)


def _made_of(
    rollout: ModelRollout, registry: str, say: Callable[[str], None]
) -> dict[str, dict[str, str]]:
    from headrace.report.lineage import made_of_releases

    try:
        return made_of_releases(rollout, registry_of(registry))
    except HeadraceError as error:
        # The rollout has ended, whether or not its report can tell of this.
        say(f"the report does not tell what versions were made of: {error}")
        return {}


def _load(file: Path) -> ModelRollout:
    if str(file) == "-":
        from headrace.api import parse_rollout

        try:
            text = sys.stdin.read()
        except UnicodeDecodeError as error:
            raise InvalidInput(f"The standard input is not UTF-8: {error}.") from error
        return parse_rollout(text, "(standard input)")
    try:
        return load_rollout(file)
    except NotFound as error:
        # As of every other command that is given a file.
        raise InvalidInput(str(error)) from error


def _examples_of(rollout: ModelRollout, session: LocalSession) -> Path | None:
    """Find requests to send: of the new version, or of the stable one where that is refused."""
    cache = BundleCache(session.store.directory / "run" / "bundles")
    for model in (rollout.spec.model, session.store.read().status.stable):
        try:
            if model is not None:
                return cache.fetch(model.uri, model.digest) / "examples.jsonl"
        except HeadraceError:
            # The controller meets the same error, judges it and says why.
            continue
    return None
