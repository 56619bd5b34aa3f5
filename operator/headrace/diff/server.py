"""An API server, as far as a dry run needs it: what is there, and what would be.

The `kubernetes` package finds the server and proves who we are. It takes a second to import, so
this module is imported by the command that needs it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urllib3.exceptions import HTTPError

from headrace.errors import HeadraceError, NotFound, PermanentError, PlatformUnavailable, SetupError

try:
    from kubernetes.client import ApiClient, ApiException, Configuration
    from kubernetes.config import ConfigException, load_incluster_config, load_kube_config
except ImportError as error:
    message = "Asking a cluster needs the package kubernetes. Run `pip install kubernetes`."
    raise SetupError(message) from error

FIELD_MANAGER = "headrace"

Object = dict[str, Any]

_TIMEOUT = (5.0, 30.0)
"""Seconds to connect, and to answer."""
_OVERLOADED = (429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply would make of an object.

    Attributes:
        object: As it would be.
        taken: Fields that others have set and the apply would take over, as the server says it;
            empty if there are none.
    """

    object: Object
    taken: str


class Server:
    """One API server."""

    def __init__(self, kubeconfig: Path | None, context: str | None) -> None:
        """Find it; nothing is asked yet.

        Args:
            kubeconfig: A file; by default what `KUBECONFIG` names, else `~/.kube/config`, else the
                account of the pod that this runs in.
            context: Of the file; by default its current one.

        Raises:
            SetupError: Nothing names a cluster.
        """
        configuration = Configuration()
        try:
            load_kube_config(
                # The package reads the variable once, when it is imported.
                config_file=str(kubeconfig or os.environ.get("KUBECONFIG") or "") or None,
                context=context,
                client_configuration=configuration,
            )
        except (ConfigException, OSError, TypeError, ValueError) as error:
            if kubeconfig is not None or context is not None:
                raise SetupError(f"No cluster is named: {_sentence(error)}") from error
            _in_pod(configuration, error)
        configuration.retries = False
        self._client = ApiClient(configuration)
        self._plurals: dict[tuple[str, str], str] = {}
        self.url: str = configuration.host

    def read(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        """Give an object; None if it is not there.

        Raises:
            NotFound: The cluster does not know the kind.
            PlatformUnavailable: The server cannot be reached, or has too much to do.
            PermanentError: It refuses.
        """
        path = self._path(api_version, kind, namespace, name)
        try:
            return self._ask("GET", path)
        except NotFound:
            return None

    def dry_apply(self, manifest: Mapping[str, Any]) -> Applied:
        """Ask what a server-side apply by Headrace would make of an object.

        Args:
            manifest: As it would be applied.

        Raises:
            NotFound: The cluster does not know the kind, or has not the namespace.
            PlatformUnavailable: The server cannot be reached, or has too much to do.
            PermanentError: It refuses; with its words.
        """
        metadata = manifest["metadata"]
        path = self._path(
            manifest["apiVersion"], manifest["kind"], metadata["namespace"], metadata["name"]
        )
        taken = ""
        query = {"dryRun": "All", "fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        try:
            found = self._ask("PATCH", path, query, manifest)
        except _Taken as conflict:
            taken = str(conflict)
            found = self._ask("PATCH", path, {**query, "force": "true"}, manifest)
        return Applied(found, taken)

    def _path(self, api_version: str, kind: str, namespace: str, name: str) -> str:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        if (api_version, kind) not in self._plurals:
            try:
                listed = self._ask("GET", root).get("resources", [])
            except NotFound:
                listed = []
            for each in listed:
                if "/" not in each["name"]:
                    self._plurals[api_version, each["kind"]] = each["name"]
        plural = self._plurals.get((api_version, kind))
        if plural is None:
            raise NotFound(f"The cluster knows no {kind} of {api_version}: its CRD is not there.")
        return f"{root}/namespaces/{namespace}/{plural}/{name}"

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Object:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/apply-patch+yaml"
        try:
            answer: Object = self._client.call_api(
                path,
                method,
                query_params=list((query or {}).items()),
                header_params=headers,
                body=body,
                response_type="object",
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                _request_timeout=_TIMEOUT,
            )
        except ApiException as error:
            raise _refusal(error, self.url) from error
        except (HTTPError, OSError) as error:
            reason = _sentence(getattr(error, "reason", None) or error)
            raise PlatformUnavailable(f"{self.url} cannot be reached: {reason}") from error
        except ValueError as error:
            raise PlatformUnavailable(f"{self.url} does not answer as an API server.") from error
        return answer


class _Taken(PermanentError):
    """Another manager has set fields that an apply would set."""


def _in_pod(configuration: Configuration, error: Exception) -> None:
    try:
        load_incluster_config(client_configuration=configuration)
    except ConfigException:
        advice = "Name one with --kubeconfig FILE, or in KUBECONFIG."
        raise SetupError(f"No cluster is named: {_sentence(error)} {advice}") from error


def _refusal(error: ApiException, url: str) -> HeadraceError:
    try:
        said = str(json.loads(error.body)["message"])
    except (KeyError, TypeError, ValueError):
        said = str(error.reason or error.body or error.status)
    if not error.status:  # TLS
        return PlatformUnavailable(f"{url} cannot be reached: {_sentence(said)}")
    if error.status == 404:
        return NotFound(_sentence(said))
    if error.status == 409:
        return _Taken(said)
    if error.status in _OVERLOADED:
        return PlatformUnavailable(f"{url} cannot answer now: {_sentence(said)}")
    return PermanentError(_sentence(said))


def _sentence(said: object) -> str:
    # Objects of the client begin some texts: `<urllib3.connection... object at 0x7f>: why`.
    text = re.sub(r"^<[^>]*>: ", "", " ".join(str(said).split()))
    return text if text.endswith(".") else f"{text}."
