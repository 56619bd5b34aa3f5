"""From texts to findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from headrace.api import ModelRollout
from headrace.api.documents import rollout_of
from headrace.api.rollout import API_VERSION, GROUP
from headrace.api.yaml_text import NotYaml, YamlDocument, read_documents
from headrace.errors import Fault, InvalidRollout
from headrace.lint import catalogue
from headrace.lint.advice import Advice, advise
from headrace.lint.finding import Finding, Level, Rule
from headrace.lint.sources import Source, Unread

_KIND = "ModelRollout"


@dataclass(frozen=True, slots=True)
class Options:
    """What is looked at beside the text.

    Attributes:
        rate: Requests per second; None looks at no proofs.
        error_rate: Stable's share of failed requests, in (0, 1).
        online: Whether to try the models' uris.
    """

    rate: float | None = None
    error_rate: float = 0.01
    online: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes:
        findings: In the order of files and lines.
        unread: What could not be read.
        rollouts: How many ModelRollouts were linted.
    """

    findings: tuple[Finding, ...]
    unread: tuple[Unread, ...]
    rollouts: int

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.rule.level is Level.ERROR for finding in self.findings)

    @property
    def warnings(self) -> int:
        """How many findings are warnings."""
        return len(self.findings) - self.errors


@dataclass(slots=True)
class _Seen:
    """What was met so far, over all files."""

    rollouts: int = 0
    places: dict[str, str] = field(default_factory=dict)


def lint(sources: Sequence[Source | Unread], options: Options) -> Report:
    """Lint texts together; nothing is raised for what is wrong in them."""
    seen = _Seen()
    findings: list[Finding] = []
    for source in sources:
        if isinstance(source, Source):
            found = _in_source(source, options, seen)
            findings += sorted(found, key=lambda f: (f.line, f.column, f.rule.code))
    unread = tuple(source for source in sources if isinstance(source, Unread))
    return Report(tuple(findings), unread, seen.rollouts)


def _in_source(source: Source, options: Options, seen: _Seen) -> Iterator[Finding]:
    if not may_have_rollouts(source):
        return
    try:
        documents = read_documents(source.text)
    except NotYaml as error:
        line, column = error.line or 1, error.column or 1
        fix = f"expected {error.expected}" if error.expected else ""
        yield Finding(catalogue.NOT_YAML, source.name, line, column, "", str(error), fix)
        return
    rollouts = [document for document in documents if is_meant(document)]
    if source.named and not rollouts:
        count = "1 document" if len(documents) == 1 else f"{len(documents)} documents"
        problem = f"{count}, and none is a ModelRollout"
        fix = "expected kind: ModelRollout"
        yield Finding(catalogue.NO_ROLLOUT, source.name, 1, 1, "", problem, fix)
    for document in rollouts:
        seen.rollouts += 1
        yield from _in_document(document, source.name, options, seen)


def may_have_rollouts(source: Source) -> bool:
    """Tell whether a text is to be read: in folders, other texts are passed over, wrong or not."""
    return source.named or _KIND in source.text


def is_meant(document: YamlDocument) -> bool:
    """Tell whether a document is a ModelRollout, or was meant to be one."""
    data = document.data
    if not isinstance(data, Mapping):
        return False
    kind, version = data.get("kind"), str(data.get("apiVersion", ""))
    nameless = kind is None and not version and "spec" in data
    return kind == _KIND or version.startswith(f"{GROUP}/") or nameless


def _in_document(
    document: YamlDocument, file: str, options: Options, seen: _Seen
) -> Iterator[Finding]:
    def finding(rule: Rule, fault: Fault) -> Finding:
        line, column = document.position(fault.path)
        fix = f"expected {fault.expected}" if fault.expected else ""
        if fault.example:
            fix = f"{fix}, for example `{fault.example}`" if fix else f"write `{fault.example}`"
        return Finding(rule, file, line, column, fault.path, fault.problem, fix)

    for fault in _missing(document):
        yield finding(catalogue.SCHEMA, fault)
    try:
        rollout = rollout_of(document, file)
    except InvalidRollout as error:
        for fault in error.faults:
            yield finding(catalogue.SCHEMA, fault)
        return
    here = f"{file}:{document.position('metadata.name')[0]}"
    if rollout.key in seen.places:
        problem = f"{rollout.key} is also in {seen.places[rollout.key]}"
        fault = Fault("metadata.name", problem, "a name of its own")
        yield finding(catalogue.NAMED_TWICE, fault)
    seen.places.setdefault(rollout.key, here)
    for rule, fault in _advice(rollout, options):
        yield finding(rule, fault)


def _missing(document: YamlDocument) -> Iterator[Fault]:
    """Name what the api takes for granted and Kubernetes does not."""
    data = document.data
    for name, value in (("apiVersion", API_VERSION), ("kind", _KIND)):
        if isinstance(data, Mapping) and name not in data:
            yield Fault(name, "is missing", value, f"{name}: {value}")


def _advice(rollout: ModelRollout, options: Options) -> Iterator[Advice]:
    yield from advise(rollout.spec)
    # These need what takes long to import.
    if rollout.spec.serving.template is not None:
        from headrace.lint.templates import template_faults

        yield from template_faults(rollout)
    if any(check.kind is not None for check in rollout.spec.analysis.checks):
        from headrace.lint.promql import query_faults

        yield from query_faults(rollout.spec)
    if options.rate is not None:
        from headrace.lint.proofs import Today, slow_proofs

        yield from slow_proofs(rollout.spec, Today(options.rate, options.error_rate))
    if options.online:
        from headrace.lint.reaching import unreachable

        yield from unreachable(rollout.spec)
