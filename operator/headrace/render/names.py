"""Names of child objects: DNS-1035, at most 63 characters, and never reused for other content.

A name ends in a digest of all that it stands for, so that two versions that read alike, or are cut
to the same length, still differ, and a version whose bundle changed gets pods of its own.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from headrace.api import ModelRollout, ModelSpec

LONGEST = 63
"""Characters of a Service's name, and of a label's value."""

_DIGITS = 10
_SELDON_NAME, _PREDICTOR = 32, 22
"""The Seldon operator names Deployments `<name>-<predictor>-0-<container>`, and hashes what is
longer than 63; these leave eight characters for the rest."""

_FOREIGN = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=4096)
def revision(model: ModelSpec) -> str:
    """Give the digest of a version's whole definition, ten hexadecimal digits.

    Fields at their defaults do not count: a release of Headrace that knows more fields restarts
    no pods.
    """
    return _digest(model.model_dump_json(exclude_defaults=True))


def version_name(rollout: ModelRollout, model: ModelSpec) -> str:
    """Name the objects of one version, as in `flight-delay-7-5b3fa81c09`."""
    return _version_name(rollout.metadata.name, model)


@lru_cache(maxsize=4096)
def _version_name(name: str, model: ModelSpec) -> str:
    readable = f"{name}-{_plain(model.version)}"
    digest = _digest(f"{name}/{revision(model)}")
    return f"{_cut(readable, LONGEST - _DIGITS - 1)}-{digest}"


def rings_name(rollout: ModelRollout, model: ModelSpec) -> str:
    """Name what finds every single server of a version."""
    return _paired(rollout, "rings", revision(model))


def comparator_name(rollout: ModelRollout, stable: ModelSpec, candidate: ModelSpec) -> str:
    """Name what compares the answers of two versions."""
    return _paired(rollout, "comparator", f"{revision(stable)}/{revision(candidate)}")


def _paired(rollout: ModelRollout, what: str, content: str) -> str:
    name = rollout.metadata.name
    readable = _cut(name, LONGEST - _DIGITS - len(what) - 2)
    return f"{readable}-{what}-{_digest(f'{name}/{content}')}"


def rollout_name(rollout: ModelRollout) -> str:
    """Name the objects that a rollout has one of."""
    return _short(rollout.metadata.name, LONGEST)


def seldon_name(rollout: ModelRollout) -> str:
    """Name the SeldonDeployment, short enough for what the operator adds."""
    return _short(rollout.metadata.name, _SELDON_NAME)


def predictor_name(model: ModelSpec) -> str:
    """Name a version's predictor, the same whatever its role is."""
    readable = _plain(model.version)
    return f"{_cut(f'v{readable}', _PREDICTOR - _DIGITS - 1)}-{revision(model)}"


def service_name(rollout: ModelRollout, model: ModelSpec) -> str:
    """Name the Service that a version's requests go to."""
    if rollout.spec.serving.backend == "Seldon":
        return f"{seldon_name(rollout)}-{predictor_name(model)}"
    return version_name(rollout, model)


def _short(name: str, longest: int) -> str:
    if len(name) <= longest and name[0].isalpha():
        return name
    return f"{_cut(name, longest - _DIGITS - 1)}-{_digest(name)}"


def _cut(text: str, longest: int) -> str:
    lettered = text if text[0].isalpha() else f"r{text}"
    return lettered[:longest].rstrip("-")


def _plain(text: str) -> str:
    return _FOREIGN.sub("-", text.lower()).strip("-")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
