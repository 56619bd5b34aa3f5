"""Counts the restarts of a version's servers, through the comings and goings of its pods.

A pod takes its count of restarts with it when it goes. The engine is told of a sum that never
falls: it would take what is left after a fall for new restarts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.runtime.kubernetes.pods import PodState


@dataclass(slots=True)
class Tally:
    """The restarts of one version.

    Attributes:
        restarts: What was told before this process knew of any pod.
        oom_kills: The same, of those for lack of memory.
    """

    restarts: int = 0
    oom_kills: int = 0
    _pods: dict[str, tuple[int, int]] = field(default_factory=dict)
    _begun: bool = False

    def count(self, pods: Mapping[str, PodState]) -> tuple[int, int]:
        """Give all restarts, and those for lack of memory.

        Args:
            pods: Those that are there now, by uid.
        """
        now = {uid: (pod.restarts, pod.oom_kills) for uid, pod in pods.items()}
        if not self._begun and now:
            # What was told includes these pods.
            self._begun = True
            self.restarts = max(0, self.restarts - sum(restarts for restarts, _ in now.values()))
            self.oom_kills = max(0, self.oom_kills - sum(kills for _, kills in now.values()))
        for uid in self._pods.keys() - now.keys():
            restarts, kills = self._pods[uid]
            self.restarts += restarts
            self.oom_kills += kills
        self._pods = now
        return (
            self.restarts + sum(restarts for restarts, _ in now.values()),
            self.oom_kills + sum(kills for _, kills in now.values()),
        )
