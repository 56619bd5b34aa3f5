"""Where a version comes from, and which others come from the same: data, code and run.

Read from the tags that a version was registered with, or from the bundle itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headrace.errors import InvalidInput, NotFound
from headrace.registry.mlflow_registry import RegisteredVersion, Registry
from headrace.registry.names import CHALLENGER, CHAMPION, VERSION_TAG
from headrace.registry.runs import DIGEST_TAG, RUN_TAG
from headrace.serving.bundle import read_bundle
from headrace.serving.digest import is_digest

DATA, CODE, EVALUATION = "data-digest", "code-commit", "evaluation"
"""What a bundle's metadata call the ends of the thread."""

_SHARED = {"data": DATA, "code": CODE, "run": RUN_TAG, "digest": DIGEST_TAG}
"""What versions may have in common, and the tag that tells it."""


@dataclass(frozen=True)
class Lineage:
    """One version and what it was made of. Empty texts are not recorded.

    Attributes:
        name: The model's name.
        version: The version's name.
        digest: Of its bundle.
        uri: Where its bundle is.
        aliases: Those that point at it.
        run: The run that trained it, else the one that it was registered with.
        data: Digest of the rows that it was fitted on.
        code: Commit of the code that trained it.
        evaluation: Digest of its evaluation.
        scores: Of its evaluation, by name.
        metadata: What else it was packaged with.
        related: Of `data`, `code`, `run` and `digest`: the other versions that have the same, as
            `name@version`.
    """

    name: str
    version: str
    digest: str
    uri: str
    aliases: tuple[str, ...] = ()
    run: str = ""
    data: str = ""
    code: str = ""
    evaluation: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    related: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def trace(subject: str, registry: Registry | None) -> tuple[Lineage, ...]:
    """Find versions, and tell where each comes from.

    Args:
        subject: `name@version`, `name@champion`, `name@challenger`; the folder of a bundle; or a
            digest, commit or run, for all the versions that come from it.
        registry: None where there is none: then only a bundle can be told of.

    Raises:
        InvalidInput: It is none of these, or there is no registry to ask.
        NotFound: Nothing is known of it.
        InvalidBundle: The folder holds no bundle.
        PlatformUnavailable: The registry does not answer.
    """
    if os.path.isdir(subject):  # noqa: PTH112 - a name may be too long to be looked for
        return (_of_bundle(Path(subject), registry),)
    if registry is None:
        raise InvalidInput(
            f"{subject!r} is no folder, and there is no registry to ask for it: "
            "name one by --registry or MLFLOW_TRACKING_URI."
        )
    name, at, version = subject.rpartition("@")
    if at:
        return (_of_version(registry, _named(registry, name, version)),)
    # A digest is that of a bundle, of data or of an evaluation; else it is a commit or a run.
    tags = (DIGEST_TAG, DATA, EVALUATION) if is_digest(subject) else (CODE, RUN_TAG)
    found = {
        (one.name, one.version): one for tag in tags for one in registry.versions_with(tag, subject)
    }
    if not found:
        raise NotFound(
            f"No registered version comes from {subject}. A version is named as "
            "flight-delay@7; expected that, or a whole digest, commit or run, or a bundle's folder."
        )
    return tuple(_of_version(registry, one) for one in found.values())


def _named(registry: Registry, name: str, version: str) -> RegisteredVersion:
    if version not in (CHAMPION, CHALLENGER):
        return registry.version_named(name, version)
    known = registry.version_of(name, version)
    if known is None:
        raise NotFound(f"{name} has no {version} at the registry.")
    return known


def _of_version(registry: Registry, known: RegisteredVersion) -> Lineage:
    tags = dict(registry.tags_of(known.name, known.version))
    tags.setdefault(RUN_TAG, known.run_id)
    ours = f"{known.name}@{known.version}"
    related = {
        what: tuple(
            other
            for one in registry.versions_with(tag, tags[tag])
            if (other := f"{one.name}@{one.version}") != ours
        )
        for what, tag in _SHARED.items()
        if tags.get(tag)
    }
    return _lineage(known, tags, registry.metrics_of(known), related)


def _of_bundle(directory: Path, registry: Registry | None) -> Lineage:
    """Tell of a bundle: by the registry where it is known there, else by itself."""
    bundle = read_bundle(directory)
    signature = bundle.signature
    for known in () if registry is None else registry.versions_with(DIGEST_TAG, bundle.digest):
        if (known.name, known.version) == (signature.name, signature.version):
            assert registry is not None
            return _of_version(registry, known)
    uri = directory.resolve().as_uri()
    unknown = RegisteredVersion(signature.name, signature.version, uri, bundle.digest, (), "")
    return _lineage(unknown, signature.metadata, {}, {})


def _lineage(
    known: RegisteredVersion,
    tags: Mapping[str, str],
    scores: Mapping[str, float],
    related: Mapping[str, tuple[str, ...]],
) -> Lineage:
    told = {RUN_TAG, DATA, CODE, EVALUATION, DIGEST_TAG, VERSION_TAG}
    return Lineage(
        name=known.name,
        version=known.version,
        digest=known.digest,
        uri=known.uri,
        aliases=known.aliases,
        run=tags.get(RUN_TAG, ""),
        data=tags.get(DATA, ""),
        code=tags.get(CODE, ""),
        evaluation=tags.get(EVALUATION, ""),
        scores=dict(sorted(scores.items())),
        metadata={name: text for name, text in sorted(tags.items()) if name not in told},
        related=related,
    )
