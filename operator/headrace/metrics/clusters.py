"""The names under which Envoy counts the arms: one cluster per version and kind of traffic.

The name says the version, not a position in a list, so a promotion changes no name and an
increment can never be counted for another version.
"""

from __future__ import annotations

LIVE = "live"
MIRROR = "mirror"


def cluster_name(rollout: str, version: str, kind: str) -> str:
    """Name the Envoy cluster of a version.

    Args:
        rollout: `namespace/name`.
        version: The version's name.
        kind: `live` or `mirror`.

    Returns:
        A name without dots, as Envoy cuts its `envoy_cluster_name` label at the first one.
    """
    return "/".join((rollout, version, kind)).replace(".", "~")
