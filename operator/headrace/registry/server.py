"""The champion of an MLflow server, by three requests of its REST interface.

For programs that move an alias now and then and do nothing else there: importing MLflow would take
150 MB of their memory.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from headrace.errors import NotFound, PlatformUnavailable
from headrace.registry.mlflow_registry import Registry
from headrace.registry.names import CHALLENGER, CHAMPION, VERSION_TAG, plain

_TIMEOUT = (5.0, 20.0)
"""Seconds for a connection, and between two packets of an answer."""

_ALIAS = "registered-models/alias"


class Promotes(Protocol):
    """Knows which version is champion."""

    def promote(self, name: str, version: str) -> None:
        """Make a version the champion; a second call does nothing.

        Args:
            name: The model's.
            version: The name that the version was packaged with.

        Raises:
            NotFound: The version is not registered.
            PlatformUnavailable: The registry does not answer, or not as expected.
        """
        ...


class MlflowServer:
    """`Promotes` of a tracking server.

    Who asks is said by MLflow's own variables: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME
    and MLFLOW_TRACKING_PASSWORD.
    """

    def __init__(self, url: str, environ: Mapping[str, str] = os.environ) -> None:
        """Remember where; nobody is asked yet.

        Args:
            url: Of the server, `http://` or `https://`.
            environ: Where the variables are.
        """
        self._root = f"{url.rstrip('/')}/api/2.0/mlflow"
        self._session = requests.Session()
        parts = urlsplit(url)
        # An address may hold a password, which is nobody's business.
        self._place = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
        if token := environ.get("MLFLOW_TRACKING_TOKEN"):
            self._session.headers["Authorization"] = f"Bearer {token}"
        elif user := environ.get("MLFLOW_TRACKING_USERNAME"):
            self._session.auth = (user, environ.get("MLFLOW_TRACKING_PASSWORD", ""))

    def promote(self, name: str, version: str) -> None:
        """Make a version the champion, and no longer the challenger; see `Promotes`."""
        wanted = f"name='{plain(name)}' and tags.`{VERSION_TAG}`='{plain(version)}'"
        match self._ask("GET", "model-versions/search", {"filter": wanted}):
            case {"model_versions": [{"version": str(number)}, *_]}:
                pass
            case {"model_versions": [_, *_]}:
                raise PlatformUnavailable(f"the registry {self._place} names no version")
            case _:
                raise NotFound(f"{name} {version} is not registered at {self._place}: register it.")
        # What a search gives lacks the aliases.
        match self._ask("GET", "model-versions/get", {"name": name, "version": number}):
            case {"model_version": {"aliases": [*aliases]}}:
                pass
            case _:
                aliases = []
        if CHAMPION not in aliases:
            self._ask("POST", _ALIAS, {"name": name, "alias": CHAMPION, "version": number})
        if CHALLENGER in aliases:
            self._ask("DELETE", _ALIAS, {"name": name, "alias": CHALLENGER})

    def _ask(self, method: str, what: str, fields: Mapping[str, str]) -> dict[str, Any]:
        said: Any = None
        asks = method == "GET"
        try:
            answer = self._session.request(
                method,
                f"{self._root}/{what}",
                params=fields if asks else None,
                json=None if asks else fields,
                timeout=_TIMEOUT,
            )
            said = answer.json()
        except requests.JSONDecodeError:
            pass  # a page of a proxy, say: the code tells more
        except requests.RequestException as error:
            # Its own text differs from one time to the next, and may hold the address.
            raise PlatformUnavailable(
                f"the registry {self._place} does not answer ({type(error).__name__})"
            ) from error
        code, read = answer.status_code, said if isinstance(said, dict) else None
        if code == 404 and read is not None and read.get("error_code") == "RESOURCE_DOES_NOT_EXIST":
            raise NotFound(f"the registry {self._place} says: {read.get('message')}")
        if code != 200 or read is None:
            why = (read or {}).get("message") or "no JSON"
            raise PlatformUnavailable(f"the registry {self._place} answered {code}: {why}")
        return read


def registry_at(uri: str) -> Promotes:
    """Give what promotes in a registry.

    Args:
        uri: As `Registry` takes it.

    Raises:
        InvalidInput: It is none.
    """
    registry = Registry(uri)
    return MlflowServer(uri) if uri.startswith(("http://", "https://")) else registry
