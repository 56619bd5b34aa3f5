"""Looks at the registry, the labels, the rows and the rollout, and decides whether to train again.

Nothing is written and nothing remembered here. A retry after a crash sees the same, finds the same
version's name, and goes on with what is registered under it already.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.delivery.retrain.decision import Seen, Wanted, decide
from headrace.delivery.retrain.drift import drifts_of
from headrace.delivery.retrain.standing import standing_of
from headrace.errors import NotFound
from headrace.labels.quality import overall
from headrace.labels.store import LabelStore
from headrace.labels.trigger import Trigger, Verdict, read_conditions
from headrace.labels.trigger import decide as judge_quality
from headrace.registry import CHAMPION, RegisteredVersion, Registry
from headrace.registry.fetch import fetch_bundle
from headrace.registry.lineage import DATA
from headrace.registry.rejections import rejection_of
from headrace.training.data.schema_text import parse_schema
from headrace.training.data.table import describe_table
from headrace.training.model.train import COMMIT_VARIABLE, software

_DIGITS = 12


@dataclass(frozen=True)
class Quality:
    """When the labels say that the champion has become worse.

    Attributes:
        condition: Such as `accuracy < 0.7 or brier > 0.2`.
        labels: The labels' database, as SQLAlchemy takes it.
        least: Labelled predictions without which nothing is said, > 0.
        since: How many seconds back predictions count.
    """

    condition: str
    labels: str
    least: int = 200
    since: float = 7 * 86_400.0


@dataclass(frozen=True)
class Subject:
    """What would be trained, and where it would go.

    Attributes:
        rows: Parquet, the rows that a model would be fitted on.
        schema: Theirs in YAML.
        name: The model's name.
        registry_uri: As `Registry` takes it.
        template: A ModelRollout as YAML.
        target: Where it is delivered.
        recipe: Whatever else makes and judges the model, as JSON holds it.
        prefix: Of the version's name.
    """

    rows: Path
    schema: str
    name: str
    registry_uri: str
    template: str
    target: str
    recipe: Any = ""
    prefix: str = "auto"


@dataclass(frozen=True)
class Due:
    """Whether to train again, and what the new version is called."""

    verdict: Verdict
    version: str


def due(subject: Subject, wanted: Wanted, quality: Quality | None, now: float) -> Due:
    """Decide whether to train again.

    Args:
        subject: What would be trained.
        wanted: What is a reason.
        quality: When the champion has become worse; None does not look.
        now: Unix seconds.

    Raises:
        InvalidInput: The schema, the template, the target, a condition or a name is none.
        InvalidData: The rows are none, or lack a column.
        PlatformUnavailable: The registry, the labels or the cluster does not answer.
    """
    known = parse_schema(subject.schema)
    registry = Registry(subject.registry_uri)
    data = describe_table(subject.rows).digest
    champion = registry.version_of(subject.name, CHAMPION)
    version = version_of(subject, data, champion.digest if champion else "")
    newest = registry.newest(subject.name)
    standing = standing_of(subject.template, subject.target, subject.name, version)
    seen = Seen(
        version=version,
        data=data,
        is_registered=newest is not None and _is_registered(registry, subject.name, version),
        rejection=rejection_of(registry, subject.name, version),
        is_offered=standing.is_offered,
        under_way=standing.under_way,
        champion=champion.version if champion else "",
        champion_data=_data_of(registry, champion),
        newest=newest.created if newest else None,
        drifts=drifts_of(
            subject.rows, known, fetch_bundle(champion.uri, champion.digest), wanted.drift_limit
        )
        if champion and wanted.drift_limit
        else (),
        quality=_quality(subject.name, champion, quality, now),
    )
    return Due(decide(wanted, seen, now), version)


def version_of(subject: Subject, data: str, champion: str) -> str:
    """Name the version: the same rows, recipe, code and champion always give the same name.

    Args:
        subject: What would be trained.
        data: The digest of its rows.
        champion: The digest of the bundle that it is compared with; empty for none.
    """
    made_of = {
        "data": data,
        "schema": subject.schema,
        "recipe": subject.recipe,
        "champion": champion,
        "software": software(),
        "commit": os.environ.get(COMMIT_VARIABLE, ""),
    }
    text = json.dumps(made_of, sort_keys=True, ensure_ascii=False)
    return f"{subject.prefix}-{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"


def _is_registered(registry: Registry, name: str, version: str) -> bool:
    try:
        registry.version_named(name, version)
    except NotFound:
        return False
    return True


def _data_of(registry: Registry, champion: RegisteredVersion | None) -> str:
    if champion is None:
        return ""
    return registry.tags_of(champion.name, champion.version).get(DATA, "")


def _quality(
    name: str, champion: RegisteredVersion | None, quality: Quality | None, now: float
) -> Verdict | None:
    """Ask the labels. A yes is not claimed: what claims it is the version that is registered."""
    if quality is None:
        return None
    trigger = Trigger(read_conditions(quality.condition), quality.least, cool_down=0.0)
    if champion is None:
        return None
    with closing(LabelStore(quality.labels, name)) as store:
        store.settle(now)
        seen = overall(store.hours(now - quality.since))
    return judge_quality(trigger, seen, champion.version, None, now)
