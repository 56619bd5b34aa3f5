"""The rollouts of a fleet, kept in step with what people do to their resources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from headrace.api import Status
from headrace.controller.member import Member
from headrace.controller.refusing import Refusals
from headrace.controller.resources import Resources, Unreadable
from headrace.controller.writing import with_conditions_of, written_over


class Members:
    """All rollouts that can be read.

    Attributes:
        by_key: By `namespace/name`.
    """

    def __init__(self, resources: Resources, refusals: Refusals) -> None:
        """Know none yet.

        Args:
            resources: Keeps the rollouts.
            refusals: Takes those that cannot be read.
        """
        self._resources, self._refusals = resources, refusals
        self.by_key: dict[str, Member] = {}

    def free(self, now: float) -> Mapping[str, Member]:
        """Give those that can be judged, the one that has waited longest first.

        Args:
            now: Unix seconds.
        """
        known = self._take_over(now).items()
        free = [(key, member) for key, member in known if now >= member.again]
        return dict(sorted(free, key=lambda each: each[1].carried_out))

    def _take_over(self, now: float) -> Mapping[str, Member]:
        """Look at what people have changed; evidence that is ahead of the resource is kept.

        Returns:
            Those that are free to be judged. Who is busy was so before anything was read: what
            was read of it may be from before its write.
        """
        busy = {key for key, member in self.by_key.items() if member.is_busy}
        found = self._resources.all()
        self._refusals.begin({k for k, one in found.items() if isinstance(one, Unreadable)})
        for key in self.by_key.keys() - found.keys() - busy:
            del self.by_key[key]
        for key, resource in found.items():
            if key in busy:
                continue
            member = self.by_key.get(key)
            if member is not None and resource.uid != member.resource.uid:
                # One that was made anew under its name has nothing of the one before it.
                del self.by_key[key]
                member = None
            if isinstance(resource, Unreadable) and resource.status is None and member is not None:
                # The status is ours to write, and what it was is known.
                member.resource = replace(
                    member.resource, fence=resource.fence, deleting=resource.deleting
                )
                member.undone, member.looked = ("all",), 0.0
                continue
            if isinstance(resource, Unreadable):
                # What it had made stays as it is: nobody knows what should be.
                self.by_key.pop(key, None)
                self._refusals.refuse(resource, now)
                continue
            if member is None:
                self.by_key[key] = Member(resource, resource.rollout.status)
            elif resource.fence != member.resource.fence:
                self._compare(member, resource.rollout.status)
                member.resource, member.looked = resource, 0.0
        return {key: member for key, member in self.by_key.items() if key not in busy}

    def _compare(self, member: Member, found: Status) -> None:
        """Look at a status that is kept: another controller's counts, and anybody else's does not.

        What is remembered is all that a rollout has: an older state, or none, would promote
        again, or give all users to a version that nobody has tried.
        """
        before = member.resource.rollout.status
        if found == before:
            return
        if found.writes > before.writes:
            member.status = found
            return
        member.undone = (*member.undone, *written_over(before, found))
        member.status = with_conditions_of(member.status, found)
