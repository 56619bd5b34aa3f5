"""One API server: requests and their answers as JSON, and errors as Headrace's own.

Who we are to it is said in `account`. The models of the `kubernetes` package are not used: they
cost memory, and know no server-side apply.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from headrace import __version__
from headrace.errors import NotFound, PlatformUnavailable
from headrace.runtime.kubernetes.account import SERVICE_ACCOUNT, Account, find_account
from headrace.runtime.kubernetes.answers import Changes, NoAnswer, Object, decoded, refusal
from headrace.runtime.kubernetes.json_values import encoded
from headrace.runtime.kubernetes.kinds import Kind, kind_of

Objects = list[Object]

FIELD_MANAGER = "headrace"

PAGE = 30
"""Objects in one answer to a list: what is held in memory at once, beside what is kept. With 100
of them a fleet of 300 rollouts took 17 MB more for ever."""

_CONNECT = 5.0
_SILENCE = 150.0
"""Seconds without a byte after which a watch is taken for dead; bookmarks come every minute."""

_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
"""What is accepted where only an object's metadata is wanted."""

_AGAIN = urllib3.Retry(
    total=1,
    connect=0,
    status=0,
    redirect=0,
    allowed_methods=frozenset({"GET", "PATCH", "DELETE"}),
    respect_retry_after_header=False,
)
"""A connection that was kept open may be closed by the server just when it is used again."""


class Cluster:
    """An API server and who we are to it. Safe to use from several threads.

    Attributes:
        requests: How many were made, by verb, plural and code (0 where none came).
    """

    def __init__(self, account: Account, *, timeout: float = 10.0) -> None:
        """Ask nothing yet.

        Args:
            account: Where it is, and as whom it is asked.
            timeout: Seconds for an answer.
        """
        self._account = account
        self._timeout = timeout
        self._lock = threading.Lock()
        self.requests: Counter[tuple[str, str, int]] = Counter()

    @classmethod
    def connect(
        cls,
        kubeconfig: str | None = None,
        context: str | None = None,
        *,
        connections: int = 32,
        timeout: float = 10.0,
        service_account: Path = SERVICE_ACCOUNT,
    ) -> Self:
        """Find the API server: as a pod does within one, else by kubeconfig.

        Args:
            kubeconfig: The file; by default `KUBECONFIG` or `~/.kube/config`.
            context: Its context; by default the current one.
            connections: How many are kept open.
            timeout: Seconds for an answer.
            service_account: The folder of the pod's account.

        Raises:
            SetupError: No API server is configured.
        """
        account = find_account(
            kubeconfig, context, connections=connections, service_account=service_account
        )
        return cls(account, timeout=timeout)

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._account.pool.clear()

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Read one object; None if there is none.

        Raises:
            PlatformUnavailable: Not answered this time.
            PermanentError: Not permitted.
        """
        try:
            return self._ask("get", "GET", kind, kind.path(namespace, name))
        except NotFound:
            return None

    def list(self, kind: Kind, namespace: str = "", labels: str = "") -> tuple[Objects, str]:
        """Read all objects of a kind and the version to watch from.

        Args:
            kind: Which.
            namespace: Empty for all.
            labels: A selector.

        Raises:
            NotFound: The cluster has no such kind.
            Expired: It took so long that the rest is forgotten.
            PlatformUnavailable: Not answered this time.
            PermanentError: Not permitted.
        """
        pages = [*self.pages(kind, namespace, labels)]
        return [each for page, _ in pages for each in page], pages[-1][1]

    def pages(
        self, kind: Kind, namespace: str = "", labels: str = ""
    ) -> Iterator[tuple[Sequence[Object], str]]:
        """Read all objects of a kind, `PAGE` at a time; otherwise like `list`."""
        query = {"limit": str(PAGE), **({"labelSelector": labels} if labels else {})}
        while True:
            answer = self._ask("list", "GET", kind, kind.path(namespace), query)
            metadata = answer.get("metadata") or {}
            yield answer.get("items") or (), str(metadata.get("resourceVersion", ""))
            if not metadata.get("continue"):
                return
            query["continue"] = metadata["continue"]

    def watch(self, kind: Kind, namespace: str, labels: str, since: str, seconds: float) -> Changes:
        """Watch changes after a version.

        Args:
            kind: Which.
            namespace: Empty for all.
            labels: A selector; empty for all.
            since: The version that `list` gave, or that of the last change.
            seconds: After which the server ends it.

        Raises:
            NotFound: The cluster has no such kind.
            Expired: The version is forgotten.
            PlatformUnavailable: Not answered this time.
            PermanentError: Not permitted.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(int(seconds)),
            **({"labelSelector": labels} if labels else {}),
        }
        path = kind.path(namespace)
        return Changes(self._send("watch", "GET", kind, path, query, read=_SILENCE, stream=True))

    def apply(
        self,
        manifest: Mapping[str, Any],
        *,
        force: bool = True,
        dry_run: bool = False,
        manager: str = FIELD_MANAGER,
    ) -> Object:
        """Have an object as a manifest says (server-side apply) and give it as it is then.

        Args:
            manifest: The fields that are ours; those that it had before and has no more go.
            force: Take fields from others; otherwise that is a conflict.
            dry_run: Change nothing, only tell; fields that the server does not know are refused.
            manager: In whose name.

        Raises:
            Conflict: Somebody else has one of the fields.
            NotFound: The cluster lacks the kind or the namespace.
            PlatformUnavailable: Not answered this time.
            PermanentError: Not permitted, or refused with the server's words.
        """
        kind = kind_of(manifest)
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        if dry_run:
            query |= {"dryRun": "All", "fieldValidation": "Strict"}
        kind_of_patch = "application/apply-patch+yaml"
        return self._ask(
            "patch", "PATCH", kind, _path(kind, manifest), query, manifest, kind_of_patch
        )

    def patch(self, kind: Kind, namespace: str, name: str, merge: Mapping[str, Any]) -> Object:
        """Merge into an object (RFC 7386); raises like `apply`."""
        path, kind_of_patch = kind.path(namespace, name), "application/merge-patch+json"
        return self._ask("patch", "PATCH", kind, path, self._by(), merge, kind_of_patch)

    def create(self, manifest: Mapping[str, Any]) -> Object:
        """Make an object.

        Raises:
            Conflict: There is one already.
            NotFound, PlatformUnavailable, PermanentError: As of `apply`.
        """
        kind = kind_of(manifest)
        path = kind.path(manifest["metadata"].get("namespace", ""))
        return self._ask("create", "POST", kind, path, self._by(), manifest)

    def replace(self, manifest: Mapping[str, Any]) -> Object:
        """Write a whole object over the one that was read.

        Args:
            manifest: With `metadata.resourceVersion`, which fences it.

        Raises:
            Conflict: It has changed since.
            NotFound: It is gone.
            PlatformUnavailable, PermanentError: As of `apply`.
        """
        kind = kind_of(manifest)
        return self._ask("update", "PUT", kind, _path(kind, manifest), self._by(), manifest)

    def replace_status(self, manifest: Mapping[str, Any]) -> Object:
        """Write an object's status and nothing else of it; otherwise like `replace`.

        Returns:
            The metadata of the object as it is then: what else it is has just been said.
        """
        kind = kind_of(manifest)
        path = _path(kind, manifest, "status")
        return self._ask("update", "PUT", kind, path, self._by(), manifest, accept=_METADATA)

    def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete an object, if it still is that one; what it owns follows in the background.

        Raises:
            Conflict: Another object has the name by now.
            NotFound: It is gone already.
            PlatformUnavailable, PermanentError: As of `apply`.
        """
        options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        self._ask("delete", "DELETE", kind, kind.path(namespace, name), {}, options)

    def _by(self) -> dict[str, str]:
        return {"fieldManager": FIELD_MANAGER}

    def _ask(
        self,
        verb: str,
        method: str,
        kind: Kind,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Object:
        response = self._send(
            verb, method, kind, path, query or {}, body, content_type, accept=accept
        )
        answer = decoded(response.data)
        if not isinstance(answer, dict):
            raise PlatformUnavailable(f"{self._account.host} answered with what is no object.")
        return answer

    def _send(
        self,
        verb: str,
        method: str,
        kind: Kind,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        *,
        accept: str = "application/json",
        read: float | None = None,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        account = self._account
        headers = {"Accept": accept, "User-Agent": f"headrace/{__version__}"}
        headers |= account.sign()
        content = None
        if body is not None:
            headers["Content-Type"] = content_type
            content = encoded(body)
        code = 0
        try:
            response = account.connections.urlopen(
                method,
                f"{account.prefix}{path}{_query(query)}",
                body=content,
                headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT, read=read or self._timeout),
                retries=_AGAIN,
                preload_content=not stream,
                assert_same_host=False,
            )
            code = response.status
            if not 200 <= code < 300:
                text = response.data
                raise refusal(verb, kind, path, code, response.headers, decoded(text))
        except (HTTPError, OSError) as error:
            problem = f"The API server at {account.host} did not answer: {_cause(error)}."
            raise NoAnswer(problem) from error
        finally:
            with self._lock:
                self.requests[verb, kind.plural, code] += 1
        return response


def _path(kind: Kind, manifest: Mapping[str, Any], subresource: str = "") -> str:
    metadata = manifest["metadata"]
    return kind.path(metadata.get("namespace", ""), metadata["name"], subresource)


def _query(fields: Mapping[str, str]) -> str:
    return f"?{urlencode(fields)}" if fields else ""


def _cause(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return str(reason if isinstance(reason, BaseException) else error)
