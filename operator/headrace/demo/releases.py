"""The story: what each release is, what it was trained on, and how it is rolled out."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import yaml

from headrace.demo.flights import EVERYTHING, SCHEDULE


@dataclass(frozen=True, slots=True)
class Release:
    """One version of the model.

    Attributes:
        version: Its name.
        title: What it is, in a few words.
        train_from: First day of its data.
        train_until: Day after the last one.
        inputs: What it reads.
        handler: The class that serves it.
        replay_from: The day whose flights are the first live requests once it is being rolled out.
        shadow: Whether the rollout begins with a copy of the traffic.
    """

    version: str
    title: str
    train_from: str
    train_until: str
    inputs: tuple[str, ...]
    handler: str
    replay_from: str
    shadow: bool = True


RELEASES = (
    Release(
        version="1",
        title="the first model: carrier, airport, distance and time of day, January to March",
        train_from="2013-01-01",
        train_until="2013-04-01",
        inputs=SCHEDULE,
        handler="headrace.demo.handlers.FlightDelay",
        replay_from="2013-04-01",
    ),
    Release(
        version="2",
        title="knows the weather and the destination, January to June",
        train_from="2013-01-01",
        train_until="2013-07-01",
        inputs=EVERYTHING,
        handler="headrace.demo.handlers.FlightDelay",
        replay_from="2013-07-01",
    ),
    Release(
        version="3",
        title="with newer data, its serving code rewritten, in a hurry: without a shadow step",
        train_from="2013-01-01",
        train_until="2013-08-01",
        inputs=EVERYTHING,
        handler="headrace.demo.handlers.FlightDelayRewritten",
        replay_from="2013-08-01",
        shadow=False,
    ),
)


def template_for(release: Release) -> str:
    """Give the ModelRollout of a release, without the version that the pipeline fills in."""
    text = resources.files("headrace.demo").joinpath("rollout.yaml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    document["spec"]["model"]["handler"] = release.handler
    if not release.shadow:
        canary = document["spec"]["strategy"]["canary"]
        canary["steps"] = [step for step in canary["steps"] if "mirror" not in step]
    return yaml.safe_dump(document, sort_keys=False)
