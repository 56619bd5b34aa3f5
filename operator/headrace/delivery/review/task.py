"""A review as a step of a pipeline: from files to a record that is kept beside the version."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from headrace.delivery.await_rollout import patience_of
from headrace.delivery.review.approvals import words_at
from headrace.delivery.review.checks import Subject
from headrace.delivery.review.policy import read_policy
from headrace.delivery.review.review import Review, review
from headrace.errors import Conflict, InvalidData
from headrace.registry import Registry
from headrace.serving.bundle import read_bundle
from headrace.training.data.table import read_table

RECORD = "review.json"
"""The record's name in the run of a version."""


def run_review(
    *,
    policy: str,
    bundle_dir: Path,
    evaluation: Path,
    holdout: Path,
    registry_uri: str,
    place: str,
    timeout: str,
    interval: str,
    say: Callable[[str], None],
) -> Review:
    """Review a version that is registered, and keep the record in the registry.

    Args:
        policy: YAML, see `Policy`.
        bundle_dir: The bundle.
        evaluation: What `evaluate` wrote.
        holdout: Parquet; read only where the policy bounds fairness.
        registry_uri: Where the version is registered.
        place: Where people leave their words, see `words_at`.
        timeout: How long they have, such as `72h`.
        interval: Between two looks.
        say: Is told what is waited for.

    Raises:
        NotFound: The version is not registered, or there is no bundle.
        Conflict: The version is registered with another digest.
        InvalidInput: The policy, the place or the patience is none.
        InvalidBundle: The bundle cannot be reviewed.
        InvalidData: The evaluation or the held-out rows cannot be read.
        PlatformUnavailable: The registry does not answer.
    """
    asked = read_policy(policy)
    patience = patience_of(timeout, interval)
    bundle = read_bundle(bundle_dir)
    name, version = bundle.signature.name, bundle.signature.version
    registry = Registry(registry_uri)
    known = registry.version_named(name, version)
    if known.digest != bundle.digest:
        raise Conflict(
            f"{name} {version} is registered with digest {known.digest}, but the bundle to review "
            f"has {bundle.digest}: review what was registered."
        )
    rows = read_table(holdout) if asked.fairness else None
    subject = Subject(bundle, bundle_dir, read_evaluation(evaluation), rows)
    found = review(asked, subject, words_at(place), patience, say)
    registry.keep_text(name, version, RECORD, found.document())
    registry.set_tag(name, version, "headrace.reviewed", f"{found.outcome}: {found.message}"[:500])
    return found


def read_evaluation(path: Path) -> Mapping[str, Any]:
    """Read what `evaluate` wrote.

    Raises:
        InvalidData: It is no evaluation.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidData(f"{path} is no evaluation: {error}.") from error
    if not isinstance(document, dict):
        raise InvalidData(f"{path} is no evaluation; expected a JSON object.")
    return document
