"""The registry on MLflow.

A version keeps the name that it was packaged with: MLflow's own counter is an implementation
detail and appears in no rollout. The bundle stays where it is; MLflow holds its uri and digest,
its parameters, metrics and card. MLflow keeps no history of what was live: the rollout's status
does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from headrace.errors import Conflict, InvalidInput, NotFound, PlatformUnavailable
from headrace.registry.client import open_client
from headrace.registry.names import CHALLENGER, CHAMPION, VERSION_TAG, plain, quotable
from headrace.registry.runs import DIGEST_TAG, EXPERIMENT, RUN_TAG, experiment_of, run_of
from headrace.serving.bundle import Bundle, read_bundle

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


@dataclass(frozen=True)
class RegisteredVersion:
    """A version as the registry knows it.

    Attributes:
        name: The model's name.
        version: The name that the version was packaged with.
        uri: Where its bundle is.
        digest: The bundle's digest, `sha256:` and 64 hexadecimal digits.
        aliases: The aliases that point at it, sorted.
        run_id: The MLflow run with its parameters, metrics and card.
        created: When it was registered, Unix seconds; 0 where that is not known.
    """

    name: str
    version: str
    uri: str
    digest: str
    aliases: tuple[str, ...]
    run_id: str
    created: float = 0.0


class Registry:
    """Packaged models and their aliases in one MLflow database or server.

    Every method may raise PlatformUnavailable when MLflow does not answer, and SetupError when it
    is not installed.
    """

    def __init__(self, tracking_uri: str) -> None:
        """Remember where; nothing is opened before the first call of a method.

        Args:
            tracking_uri: `sqlite:///path/to/file.db`, or the address of a tracking server. The
                directory of a database is made if it is missing.

        Raises:
            InvalidInput: It is neither.
        """
        if not _may_be_one(tracking_uri):
            raise InvalidInput(
                f"The registry {tracking_uri!r} is not supported; expected "
                "sqlite:///path/to/file.db or the address of an MLflow server."
            )
        self.tracking_uri = tracking_uri

    def register(
        self,
        bundle_dir: Path,
        digest: str,
        metrics: Mapping[str, float],
        params: Mapping[str, str | float | int],
        metadata: Mapping[str, str],
        uri: str = "",
    ) -> RegisteredVersion:
        """Add a bundle, under the name and version of its signature.

        Registering the same bundle again changes nothing and gives the version that is there; so
        does a retry after a crash at any point, and a task beside this one.

        Args:
            bundle_dir: The bundle.
            digest: The digest it must have.
            metrics: Finite numbers by name.
            params: What it was trained with.
            metadata: Tags of the version.
            uri: Where servers find the bundle; empty for `bundle_dir` itself.

        Raises:
            DigestMismatch: The bundle has another digest.
            InvalidBundle: The bundle cannot be served.
            NotFound: There is no bundle.
            Conflict: The version is registered already, with another digest.
        """
        bundle = read_bundle(bundle_dir, digest)
        name, version = bundle.signature.name, bundle.signature.version
        with self._answering():
            known = self._find(name, version)
            if known is not None:
                return _same(_registered(known), bundle)
            run_id = run_of(self._client, self._database, bundle, metrics, params)
            tags = {RUN_TAG: run_id, **metadata, VERSION_TAG: version, DIGEST_TAG: bundle.digest}
            self._create(bundle, run_id, tags, uri or bundle_dir.resolve().as_uri())
            return _same(_registered(self._settled(name, version)), bundle)

    def log_run(
        self,
        name: str,
        params: Mapping[str, str | float | int],
        metrics: Mapping[str, float],
        tags: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> str:
        """Track something that was done as a run of its own, which has ended.

        Args:
            name: What the run is called.
            params: What it was done with.
            metrics: Finite numbers by name.
            tags: Texts by name.
            files: Texts that are kept with the run, by file name.

        Returns:
            The run's id.
        """
        with self._answering():
            run = self._client.create_run(
                experiment_of(self._client, self._database), run_name=name, tags=dict(tags or {})
            )
            run_id: str = run.info.run_id
            for key, value in params.items():
                self._client.log_param(run_id, key, value)
            for key, number in metrics.items():
                self._client.log_metric(run_id, key, number)
            for file, text in (files or {}).items():
                self._client.log_text(run_id, text, file)
            self._client.set_terminated(run_id)
            return run_id

    def runs_with(self, tag: str, text: str) -> tuple[Mapping[str, str], ...]:
        """Give the tags of the runs that have a tag with this value, the newest run first.

        Raises:
            InvalidInput: The value cannot be one.
        """
        query = f"tags.`{tag}` = '{quotable(text)}'"
        if not self._is_there:
            return ()
        with self._answering():
            experiment = self._client.get_experiment_by_name(EXPERIMENT)
            if experiment is None:
                return ()
            found = self._client.search_runs([experiment.experiment_id], query)
            return tuple(dict(run.data.tags) for run in found)

    def version_of(self, name: str, alias: str) -> RegisteredVersion | None:
        """Give the version that an alias points at, None if it points at none."""
        if not self._is_there:
            return None
        with self._answering():
            for model in self._client.search_registered_models(f"name='{plain(name)}'"):
                if alias in model.aliases:
                    return _registered(self._client.get_model_version(name, model.aliases[alias]))
        return None

    def version_named(self, name: str, version: str) -> RegisteredVersion:
        """Give a version by its name.

        Raises:
            NotFound: It is not registered.
        """
        with self._answering():
            return _registered(self._require(name, version))

    def newest(self, name: str) -> RegisteredVersion | None:
        """Give the version of a model that was registered last, None if there is none."""
        if not self._is_there:
            return None
        with self._answering():
            found = self._client.search_model_versions(f"name='{plain(name)}'")
            ours = [one for one in found if VERSION_TAG in one.tags]
            if not ours:
                return None
            last = max(ours, key=lambda one: int(one.version))
            # What a search gives lacks the aliases.
            return _registered(self._client.get_model_version(name, last.version))

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Point an alias at a version; it leaves the version that it pointed at before.

        Raises:
            NotFound: The version is not registered.
        """
        with self._answering():
            known = self._require(name, version)
            if alias not in known.aliases:
                self._client.set_registered_model_alias(name, alias, known.version)

    def tags_of(self, name: str, version: str) -> Mapping[str, str]:
        """Give the tags of a version.

        Raises:
            NotFound: The version is not registered.
        """
        with self._answering():
            return dict(self._require(name, version).tags)

    def versions_with(self, tag: str, text: str) -> tuple[RegisteredVersion, ...]:
        """Give the versions of all models that have a tag with this value, in order of their names.

        Raises:
            InvalidInput: The value cannot be one.
        """
        query = f"tags.`{tag}`='{quotable(text)}'"
        if not self._is_there:
            return ()
        with self._answering():
            found = self._client.search_model_versions(query)
            # What a search gives lacks the aliases.
            whole = [self._client.get_model_version(one.name, one.version) for one in found]
        ours = [_registered(one) for one in whole if VERSION_TAG in one.tags]
        return tuple(sorted(ours, key=lambda one: (one.name, one.version)))

    def metrics_of(self, version: RegisteredVersion) -> Mapping[str, float]:
        """Give the metrics that were logged in a version's run."""
        with self._answering():
            return dict(self._client.get_run(version.run_id).data.metrics)

    def set_tag(self, name: str, version: str, tag: str, text: str) -> None:
        """Set a tag of a version, in place of what it said before.

        Raises:
            NotFound: The version is not registered.
        """
        with self._answering():
            known = self._require(name, version)
            self._client.set_model_version_tag(name, known.version, tag, text)

    def keep_text(self, name: str, version: str, file: str, text: str) -> None:
        """Keep a text beside the card, in the run of a version.

        Raises:
            NotFound: The version is not registered.
        """
        with self._answering():
            self._client.log_text(self._require(name, version).run_id, text, file)

    def promote(self, name: str, version: str) -> None:
        """Make a version the champion. It stops being the challenger; a second call does nothing.

        Call it after the traffic has moved, never before.

        Raises:
            NotFound: The version is not registered.
        """
        with self._answering():
            known = self._require(name, version)
            if CHAMPION not in known.aliases:
                self._client.set_registered_model_alias(name, CHAMPION, known.version)
            if CHALLENGER in known.aliases:
                self._client.delete_registered_model_alias(name, CHALLENGER)

    @property
    def _database(self) -> Path | None:
        """The file of an SQLite database, None for a server."""
        prefix = "sqlite:///"
        if not self.tracking_uri.startswith(prefix):
            return None
        return Path(self.tracking_uri.removeprefix(prefix))

    @property
    def _is_there(self) -> bool:
        """Whether there can be an answer: asking makes no database, and needs no MLflow for it."""
        return self._database is None or self._database.exists()

    @property
    def _place(self) -> str:
        """The address without the user and password that it may hold."""
        return re.sub(r"//[^/@]*@", "//", self.tracking_uri)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn the errors of MLflow and of the database into ours."""
        try:
            yield
        except Exception as error:
            if _is_foreign(error):
                raise PlatformUnavailable(
                    f"The registry {self._place} does not do as asked: {error}"
                ) from error
            raise

    @cached_property
    def _client(self) -> MlflowClient:
        if self._database is not None:
            self._database.parent.mkdir(parents=True, exist_ok=True)
        return open_client(self.tracking_uri)

    def _create(self, bundle: Bundle, run_id: str, tags: Mapping[str, str], source: str) -> None:
        name = bundle.signature.name
        if not self._client.search_registered_models(f"name='{plain(name)}'"):
            try:
                self._client.create_registered_model(name)
            except Exception as error:
                # Another task was quicker: what is wanted is there.
                if getattr(error, "error_code", "") != "RESOURCE_ALREADY_EXISTS":
                    raise
        self._client.create_model_version(name, source=source, run_id=run_id, tags=dict(tags))

    def _settled(self, name: str, version: str) -> ModelVersion:
        """Keep the first of several versions under one name, as two tasks at once may make them."""
        first, *others = self._all(name, version)
        for other in others:
            self._client.delete_model_version(name, other.version)
        return self._client.get_model_version(name, first.version)

    def _all(self, name: str, version: str) -> list[ModelVersion]:
        """Give the versions under one name, the first one first; there is one at most, or a race.

        What a search gives lacks the aliases.
        """
        query = f"name='{plain(name)}' and tags.`{VERSION_TAG}`='{plain(version)}'"
        found = self._client.search_model_versions(query)
        return sorted(found, key=lambda each: int(each.version))

    def _find(self, name: str, version: str) -> ModelVersion | None:
        for found in self._all(name, version):
            return self._client.get_model_version(name, found.version)
        return None

    def _require(self, name: str, version: str) -> ModelVersion:
        known = self._find(name, version)
        if known is None:
            raise NotFound(
                f"{name} {version} is not registered at {self._place}: register it first."
            )
        return known


def _may_be_one(uri: str) -> bool:
    if not uri.startswith(("http://", "https://")):
        return uri.startswith(("sqlite:///", "postgresql", "mysql"))
    try:
        parts = urlsplit(uri)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _registered(found: ModelVersion) -> RegisteredVersion:
    return RegisteredVersion(
        name=found.name,
        version=found.tags[VERSION_TAG],
        uri=found.source,
        digest=found.tags.get(DIGEST_TAG, ""),
        aliases=tuple(sorted(found.aliases)),
        run_id=found.run_id,
        created=(found.creation_timestamp or 0) / 1000,
    )


def _same(known: RegisteredVersion, bundle: Bundle) -> RegisteredVersion:
    if known.digest != bundle.digest:
        raise Conflict(
            f"{known.name} {known.version} is registered with digest {known.digest}, but this "
            f"bundle has {bundle.digest}. A version is never replaced: package it under a new one."
        )
    return known


def _is_foreign(error: Exception) -> bool:
    package = type(error).__module__.split(".")[0]
    return isinstance(error, OSError) or package in {"mlflow", "sqlalchemy", "requests"}
