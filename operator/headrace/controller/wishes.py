"""What a person asks of a rollout, as text: an annotation in a cluster, a file on one machine."""

from __future__ import annotations

import json
import uuid

from headrace.engine.observations import Ask, Wish

_LONGEST = 200
"""Characters of what goes on into the status, which has room for twenty of them."""


def text_of(wish: Wish, by: str) -> str:
    """Write a request; each is another one, even if it asks for the same.

    Args:
        wish: What is asked for.
        by: Who asks.
    """
    return json.dumps({"wish": wish.value, "identity": uuid.uuid4().hex, "by": by})


def ask_in(text: str) -> Ask | None:
    """Read a request; one that cannot be read is none, whoever wrote it."""
    try:
        ask = json.loads(text)
        wish, identity, by = Wish(ask["wish"]), str(ask["identity"]), str(ask["by"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    if len(identity) > _LONGEST or not identity.isprintable():
        # The API server would keep another text than that, and it would be carried out for ever.
        return None
    shown = "".join(each if each.isprintable() else "?" for each in by[:_LONGEST])
    return Ask(wish, identity, shown)
