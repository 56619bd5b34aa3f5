"""`headrace`: the group of commands, and what an error looks like to a person.

Commands are imported when they are called, so that `headrace --help` is quick.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from headrace import __version__
from headrace.cli.only_cluster import ONLY_CLUSTER
from headrace.errors import HeadraceError, InvalidInput

_COMMANDS = {
    "demo": (
        "headrace.cli.demo",
        "Release a real model three times on this machine, and judge it.",
    ),
    "up": ("headrace.cli.up", "Run a ModelRollout on this machine, until it ends."),
    "status": ("headrace.cli.status", "Say where a rollout is, and why."),
    "watch": ("headrace.cli.watch", "Show a running rollout, live."),
    "why": ("headrace.cli.why", "Say why a version was promoted or rolled back, with numbers."),
    "history": ("headrace.cli.history", "Show what was live when, and who asked for what."),
    "promote": ("headrace.cli.asking", "Pass the approval or pause at hand, or promote now."),
    "abort": ("headrace.cli.asking", "Give all traffic back to the stable version."),
    "pause": ("headrace.cli.asking", "Change nothing until it is resumed; harm still rolls back."),
    "resume": ("headrace.cli.asking", "Go on after a pause."),
    "undo": ("headrace.cli.asking", "Go back to the version before the last promotion."),
    "retry": ("headrace.cli.asking", "Try a version again that was rolled back."),
    "init": ("headrace.cli.init", "Write a commented ModelRollout to begin with."),
    "lint": ("headrace.cli.lint", "Find what is wrong, or unwise, in ModelRollouts."),
    "plan": ("headrace.cli.plan", "Say what a rollout will do, before it does it."),
    "schema": ("headrace.cli.schema", "Print the schema, for editors or for Kubernetes."),
    "simulate": (
        "headrace.cli.simulate",
        "Try a ModelRollout on generated traffic, or on recorded.",
    ),
    "record": ("headrace.cli.record", "Save what Prometheus has counted, to replay a rollout."),
    "judge": ("headrace.cli.judge", "Judge rollouts for another program, over lines of JSON."),
    "render": ("headrace.cli.render", "Show the manifests of a rollout at any of its stages."),
    "diff": ("headrace.cli.diff", "Show what a rollout would change in a cluster."),
    "bundle": ("headrace.cli.bundle", "Package a model file so that a rollout can name it."),
    "pipeline": (
        "headrace.cli.pipeline",
        "Compile a pipeline, run it here, or hand it to a KFP backend.",
    ),
    "labels": (
        "headrace.cli.labels",
        "Join labels that come late to predictions: feedback, quality, when to train again.",
    ),
    "lineage": ("headrace.cli.lineage", "Show what a version was made of, and when it was live."),
    "approve": ("headrace.cli.approve", "Say that a registered version may get users, or not."),
    "controller": (
        "headrace.cli.controller",
        "Look after all ModelRollouts of a cluster.",
    ),
    "doctor": ("headrace.cli.doctor", "Check what this machine has, and say what to do."),
}


ABOUT_ROLLOUTS = (
    *("status", "watch", "why", "history"),
    *("promote", "abort", "pause", "resume", "undo", "retry"),
)
"""The commands that are about a rollout that is there."""


class LazyGroup(click.Group):
    """A group whose commands are imported on demand."""

    names: Sequence[str] = tuple(_COMMANDS)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order in which one meets them."""
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self.names:
            return None
        command = getattr(importlib.import_module(_COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in self.names])


class PluginGroup(LazyGroup):
    """The commands of the plugin of kubectl."""

    names = ABOUT_ROLLOUTS


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="headrace")
def cli() -> None:
    """Put a new version of a model in front of live traffic, and let the numbers decide.

    A ModelRollout says which version should be live and how it gets there: first a copy of the
    traffic, then a small share, then more. Headrace compares the new version with the old one
    while both serve, promotes it on proof that it is good enough, and takes it back on proof that
    it is worse. `headrace demo` shows all of that with real data in about three minutes.

    Exit codes: 0 done, 1 it failed or was rolled back, 2 the input was wrong, 130 interrupted.
    """


@click.group(cls=PluginGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kubectl headrace")
def plugin() -> None:
    """Look at ModelRollouts of a cluster, and say what should happen to them."""


def main() -> None:
    """Run the command; turn errors into sentences and exit codes."""
    _run(cli)


def kubectl() -> None:
    """Run as `kubectl headrace`."""
    _run(plugin, prog_name="kubectl headrace", obj=ONLY_CLUSTER)


def _run(group: click.Group, **settings: Any) -> None:
    signal.signal(signal.SIGTERM, _end_as_by_ctrl_c)
    try:
        group.main(standalone_mode=False, **settings)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except (click.Abort, KeyboardInterrupt):
        complain("Interrupted; everything that was started has been stopped.")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except InvalidInput as error:
        complain(str(error))
        sys.exit(2)
    except HeadraceError as error:
        complain(str(error))
        sys.exit(1)
    except OSError as error:
        # What no command expects: a disk that is full, a folder that may not be read, a long name.
        named = f"{error.filename}: " if error.filename else ""
        complain(f"{named}{error.strerror or error}.")
        sys.exit(1)


def _end_as_by_ctrl_c(*_: object) -> None:
    raise KeyboardInterrupt


def complain(message: str) -> None:
    """Say what is wrong, on standard error."""
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("headrace: ", "bold red"), message))


if __name__ == "__main__":
    main()
