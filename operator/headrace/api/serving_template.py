"""What users add to the manifests: patches, written as YAML or made by a Jinja2 text.

A patch is a part of a manifest. It is merged over every object of its kind as `kubectl` does it
(`headrace.render.strategic_merge`). `Pod` stands for the pods of the model servers, whichever
backend makes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, ValidationError, model_validator

from headrace.api.fields import Part, RuleBroken
from headrace.api.yaml_text import NotYaml, YamlDocument, read_documents
from headrace.errors import Fault

if TYPE_CHECKING:
    from headrace.api.jinja_text import JinjaText

PatchedKind = Literal[
    "Pod",
    "Deployment",
    "Service",
    "ServiceAccount",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "SeldonDeployment",
    "HTTPRoute",
    "VirtualService",
    "DestinationRule",
    "PodMonitor",
    "PrometheusRule",
    "ConfigMap",
]

NAMES: Mapping[str, tuple[str, ...]] = {
    "model": ("name", "version", "uri", "digest"),
    "rollout": ("name", "namespace"),
}
"""What a text can say. Nothing of roles, as pods must not change with them."""

_LONGEST = 20_000
_MOST_PATCHES = 50
_EXAMPLE = "patches: [{kind: Pod, spec: {nodeSelector: {pool: models}}}]"

Values = Mapping[str, Mapping[str, str]]


class PatchMetadata(Part):
    """What may be added to an object's metadata."""

    labels: dict[str, Annotated[str, Field(max_length=63)]] = {}
    """Further labels."""
    annotations: dict[str, Annotated[str, Field(max_length=10_000)]] = {}
    """Further annotations."""


class Patch(Part):
    """A part of a manifest, merged over every object of its kind."""

    model_config = ConfigDict(extra="allow")

    kind: PatchedKind
    """Of the objects that are meant; `Pod` is a model server's pod on every backend."""
    api_version: Annotated[str, Field(max_length=253)] | None = None
    """The kind's own, if it is written at all."""
    metadata: PatchMetadata | None = None
    """Further labels and annotations; names are Headrace's."""
    __pydantic_extra__: dict[str, JsonValue]

    @property
    def content(self) -> dict[str, Any]:
        """What is merged: all that was written but the kind."""
        return self.model_dump(exclude_unset=True, exclude={"kind"})


@dataclass(frozen=True, slots=True)
class PlacedPatch:
    """A patch, and where it was written.

    Attributes:
        path: From the template on, as `patches[0]`.
        patch: What was written there.
    """

    path: str
    patch: Patch


class ServingTemplate(Part):
    """The users' own part of the manifests: exactly one of `patches` and `jinja`.

    It holds for all versions alike. A change of it restarts their pods, a few at a time.
    """

    patches: Annotated[list[Patch], Field(max_length=_MOST_PATCHES)] | None = None
    """Strategic merge patches, as `kubectl patch` and kustomize know them, one after the other."""
    jinja: Annotated[str, Field(max_length=_LONGEST)] | None = None
    """A text that becomes the same as YAML documents, such as `image: "log:{{ model.version }}"`;
    it is filled in for each version."""

    @model_validator(mode="after")
    def _one_that_can_be_read(self) -> Self:
        if (self.patches is None) == (self.jinja is None):
            found = "both patches and jinja" if self.jinja is not None else "neither"
            raise RuleBroken([Fault("", f"has {found}", "exactly one of them", _EXAMPLE)])
        anything = {thing: dict.fromkeys(names, "x") for thing, names in NAMES.items()}
        self.filled(anything)
        return self

    def filled(self, values: Values) -> tuple[PlacedPatch, ...]:
        """Give the patches for one version.

        Args:
            values: As `NAMES` has them.

        Raises:
            RuleBroken: The text cannot be filled in, or does not become patches.
        """
        if self.jinja is None:
            patches = self.patches or []
            return tuple(PlacedPatch(f"patches[{i}]", patch) for i, patch in enumerate(patches))
        return tuple(PlacedPatch("jinja", patch) for patch in _patches(self.jinja, values))


@lru_cache(maxsize=256)
def _parsed(text: str) -> JinjaText:
    from headrace.api.jinja_text import parse_template

    return parse_template(text, NAMES, longest=_LONGEST, statements=True)


def _patches(text: str, values: Values) -> list[Patch]:
    # Jinja2 takes long to import, and few rollouts have such a text.
    from headrace.api.jinja_text import NotTemplate, escaped

    try:
        written = _parsed(text).filled(escaped(values))
    except NotTemplate as error:
        place = f":{error.line}:{error.column}" if error.line else ""
        raise RuleBroken([Fault(f"jinja{place}", str(error), error.expected)]) from error
    try:
        documents = read_documents(written)
    except NotYaml as error:
        line = "".join(written.splitlines()[error.line - 1 : error.line]) if error.line else ""
        problem = f"becomes what is {error}" + (f", at `{line.strip()[:80]}`" if line else "")
        raise RuleBroken([Fault("jinja", problem, error.expected or "YAML documents")]) from error
    if len(documents) > _MOST_PATCHES:
        problem = f"becomes {len(documents)} documents"
        raise RuleBroken([Fault("jinja", problem, f"at most {_MOST_PATCHES}")])
    faults = [fault for document in documents for fault in document.faults]
    if faults:
        raise RuleBroken([Fault("jinja", f"{f.path} {f.problem}", f.expected) for f in faults])
    return [_patch(document, index) for index, document in enumerate(documents, start=1)]


def _patch(document: YamlDocument, number: int) -> Patch:
    try:
        return Patch.model_validate(document.data)
    except ValidationError as error:
        faults = [
            Fault(
                "jinja",
                f"becomes a document {number} whose {'.'.join(map(str, one['loc'])) or 'value'} "
                f"is {str(one['input'])[:40]!r}",
                one["msg"].removeprefix("Input should be ").removeprefix("a valid "),
            )
            for one in error.errors()
        ]
        raise RuleBroken(faults) from error
