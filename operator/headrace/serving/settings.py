"""What a model server is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.errors import InvalidInput

DEFAULT_METRICS_PORT = 6100


@dataclass(frozen=True)
class Settings:
    """The settings of one model server.

    Attributes:
        bundle: HEADRACE_BUNDLE, the directory.
        digest: HEADRACE_DIGEST, what the bundle must have; None checks nothing.
        rollout: HEADRACE_ROLLOUT, the name of the rollout that it serves for.
        host: HEADRACE_HOST, where the metrics port is bound.
        metrics_port: HEADRACE_METRICS_PORT; 0 takes a free one.
        share: HEADRACE_SAMPLE_SHARE of the request ids whose answers are kept, 0 to 1.
        segments: HEADRACE_SEGMENTS, the tag of feedback's requests by which rewards are also
            counted; None counts them together only.
    """

    bundle: str
    digest: str | None = None
    rollout: str = ""
    host: str = "0.0.0.0"  # noqa: S104, within a pod; locally HEADRACE_HOST says 127.0.0.1
    metrics_port: int = DEFAULT_METRICS_PORT
    share: float = 1.0
    segments: str | None = None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings; a variable that is empty counts as not set.

        Raises:
            InvalidInput: A variable is missing or has no meaning.
        """
        if not environ.get("HEADRACE_BUNDLE"):
            raise InvalidInput("HEADRACE_BUNDLE is not set; expected the bundle's directory.")
        return cls(
            bundle=environ["HEADRACE_BUNDLE"],
            digest=environ.get("HEADRACE_DIGEST") or None,
            rollout=environ.get("HEADRACE_ROLLOUT", ""),
            host=environ.get("HEADRACE_HOST") or cls.host,
            metrics_port=_port(environ.get("HEADRACE_METRICS_PORT") or str(cls.metrics_port)),
            share=_share(environ.get("HEADRACE_SAMPLE_SHARE") or str(cls.share)),
            segments=environ.get("HEADRACE_SEGMENTS") or None,
        )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= 65535):
        raise InvalidInput(f"HEADRACE_METRICS_PORT is {text[:40]!r}; expected 0 to 65535.")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise InvalidInput(f"HEADRACE_SAMPLE_SHARE is {text[:40]!r}; expected 0.0 to 1.0.")
    return share
