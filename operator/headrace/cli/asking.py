"""What people ask of a rollout: `promote`, `abort`, `retry`, `pause`, `resume`, `undo`."""

from __future__ import annotations

import click

from headrace.api import ModelRollout, Phase
from headrace.cli.places import Choice, find_place, placed
from headrace.engine.observations import Wish
from headrace.errors import PermanentError


def leave(choice: Choice, wish: Wish) -> None:
    """Leave a request where the rollout's controller finds it at its next tick."""
    place = find_place(choice)
    # A retry is the way out of a status that cannot be read.
    if wish is not Wish.RETRY:
        _require_use(place.read(), wish)
    place.ask(wish)
    asked = f"{place.key}: asked to {wish.replace('-', ' in ')}"
    if place.is_running:
        click.echo(f"{asked}; see `headrace status`.")
    else:
        click.echo(f"{asked}; it is not running, so it takes effect at the next `headrace up`.")


def _require_use(rollout: ModelRollout, wish: Wish) -> None:
    if wish is Wish.PROMOTE and rollout.status.phase is Phase.PROGRESSING:
        raise PermanentError(
            f"{rollout.key} does not wait for a person: see `headrace status`. To promote now, "
            "without further proof: `headrace promote --full`."
        )


@click.command()
@click.option("--full", is_flag=True, help="Now, without further proof, freezes and gates.")
@placed
def promote(choice: Choice, full: bool) -> None:
    """Pass the approval or the pause at hand.

    At an approval step this approves it. Where the rollout has paused by itself, the candidate is
    promoted, if no freeze and no gate is in the way. With --full it is promoted at once whatever
    is in the way; the history says who asked.
    """
    leave(choice, Wish.PROMOTE_FULL if full else Wish.PROMOTE)


@click.command()
@placed
def abort(choice: Choice) -> None:
    """Give all traffic back to the stable version.

    The rollout ends as rolled back. The version stays out until the spec names another one, or
    until `headrace retry`.
    """
    leave(choice, Wish.ABORT)


@click.command()
@placed
def retry(choice: Choice) -> None:
    """Try a version again that was rolled back.

    Also ends a pause: the rollout goes on at the step where it stopped. Where the status cannot be
    read, it begins anew with the version that has the users.
    """
    leave(choice, Wish.RETRY)


@click.command()
@placed
def pause(choice: Choice) -> None:
    """Change nothing until `headrace resume`.

    The traffic stays as it is and the checks go on: harm still rolls back.
    """
    leave(choice, Wish.PAUSE)


@click.command()
@placed
def resume(choice: Choice) -> None:
    """Go on after a pause.

    The rollout goes on at the step where it stopped, and has all of maxDuration again.
    """
    leave(choice, Wish.RESUME)


@click.command()
@placed
def undo(choice: Choice) -> None:
    """Go back to the version before the last promotion.

    At once where its servers still run (keepPrevious), else as soon as they run again. The version
    that is undone stays out until the spec names another one. During a rollout this is `abort`.
    """
    leave(choice, Wish.UNDO)
