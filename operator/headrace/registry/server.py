"""The aliases of an MLflow server, moved by its REST interface.

For the controller, which must stay small: MLflow's own client brings 150 MB of memory with it. Who
may is said as to that client: by MLFLOW_TRACKING_USERNAME and _PASSWORD, or by _TOKEN.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import requests

from headrace.errors import InvalidInput, NotFound, PlatformUnavailable
from headrace.registry.names import CHALLENGER, CHAMPION, VERSION_TAG, plain

_SECONDS = 10.0
_ALIAS = "registered-models/alias"


class RegistryServer:
    """An MLflow server."""

    def __init__(self, url: str, environ: Mapping[str, str] = os.environ) -> None:
        """Remember where; nothing is asked yet.

        Args:
            url: Its address.
            environ: For the credentials.

        Raises:
            InvalidInput: The address is none of a server.
        """
        if not re.match(r"https?://[^/]", url):
            raise InvalidInput(
                f"The registry {_place(url)!r} is no address of an MLflow server; expected one "
                "such as http://mlflow.mlflow:5000."
            )
        self._url = url.rstrip("/")
        self._session = requests.Session()
        # Nothing but what was given: no proxies, no .netrc of whoever runs this.
        self._session.trust_env = False
        token, user = environ.get("MLFLOW_TRACKING_TOKEN"), environ.get("MLFLOW_TRACKING_USERNAME")
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        elif user:
            self._session.auth = (user, environ.get("MLFLOW_TRACKING_PASSWORD", ""))

    def promote(self, name: str, version: str) -> None:
        """Make a version the champion. It stops being the challenger; a second call does nothing.

        Args:
            name: The model's.
            version: As it was packaged.

        Raises:
            NotFound: The version is not registered.
            InvalidInput: A name is none that the registry can have.
            PlatformUnavailable: The server does not answer, or not as expected.
        """
        number = self._number_of(name, version)
        model = self._ask("GET", "registered-models/get", {"name": name})["registered_model"]
        aliases = {each["alias"]: each["version"] for each in model.get("aliases", ())}
        if aliases.get(CHAMPION) != number:
            self._ask("POST", _ALIAS, {"name": name, "alias": CHAMPION, "version": number})
        if aliases.get(CHALLENGER) == number:
            self._ask("DELETE", _ALIAS, {"name": name, "alias": CHALLENGER})

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _number_of(self, name: str, version: str) -> str:
        """Give MLflow's own number of a version."""
        query = f"name='{plain(name)}' and tags.`{VERSION_TAG}`='{plain(version)}'"
        found = self._ask("GET", "model-versions/search", {"filter": query})
        for each in found.get("model_versions", ()):
            return str(each["version"])
        raise NotFound(f"{name} {version} is not registered at {_place(self._url)}: register it.")

    def _ask(self, method: str, path: str, values: Mapping[str, str]) -> dict[str, Any]:
        url = f"{self._url}/api/2.0/mlflow/{path}"
        sent: dict[str, Any] = {"params": values} if method == "GET" else {"json": values}
        try:
            answer = self._session.request(
                method, url, timeout=_SECONDS, allow_redirects=False, **sent
            )
            said = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise PlatformUnavailable(
                f"The registry {_place(self._url)} does not answer as an MLflow server does: "
                f"{type(error).__name__}."
            ) from error
        if answer.status_code != 200 or not isinstance(said, dict):
            reason = said.get("message") if isinstance(said, dict) else None
            raise PlatformUnavailable(
                f"The registry {_place(self._url)} does not do as asked ({answer.status_code}): "
                f"{str(reason)[:200]}"
            )
        return said


def _place(url: str) -> str:
    """Give an address without the user and password that it may hold."""
    return re.sub(r"//[^/@]*@", "//", url)
