"""Where an API server is, and as whom it is asked: by a pod's account, or by a kubeconfig.

A pod has an address, a certificate and a token in well-known places, and needs nothing else. A
kubeconfig can name plugins, certificates and contexts; the `kubernetes` package reads it. That is
loaded only then: it takes 37 MB of memory and half a second, more than the rest of a controller.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
import yaml

from headrace.errors import PlatformUnavailable, SetupError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its account."""

RENEWAL = 60.0
"""Seconds after which a pod's token is read again, as the kubelet changes it before it ends."""

Headers = Mapping[str, str]


@dataclass(frozen=True)
class Account:
    """An API server and who we are to it.

    Attributes:
        host: The server's address, with scheme and port.
        pool: Holds connections that trust the server, and show a certificate if we have one.
        sign: Gives the headers of the next request that say who asks.
    """

    host: str
    pool: urllib3.PoolManager
    sign: Callable[[], Headers]

    @cached_property
    def connections(self) -> urllib3.HTTPConnectionPool:
        """Those to the server. Found once, as finding them takes as long as a small request."""
        return self.pool.connection_from_url(self.host)

    @cached_property
    def prefix(self) -> str:
        """What stands before every path: a proxy that is no tunnel is told the whole address."""
        address = urlsplit(self.host)
        tunnel = address.scheme == "https" or not isinstance(self.pool, urllib3.ProxyManager)
        return address.path if tunnel else self.host


def find_account(
    kubeconfig: str | None = None,
    context: str | None = None,
    *,
    connections: int = 32,
    service_account: Path = SERVICE_ACCOUNT,
    environ: Mapping[str, str] = os.environ,
) -> Account:
    """Find out where and as whom to ask: as a pod does within one, else by kubeconfig.

    Args:
        kubeconfig: The file; by default `KUBECONFIG` or `~/.kube/config`.
        context: Its context; by default the current one.
        connections: How many are kept open.
        service_account: The folder of the pod's account.
        environ: Tells whether this is a pod, and the server's address.

    Raises:
        SetupError: No API server is configured.
    """
    inside = "KUBERNETES_SERVICE_HOST" in environ
    if inside and kubeconfig is None and context is None:
        return _of_pod(service_account, environ, connections)
    return _of_kubeconfig(kubeconfig, context, connections)


@dataclass(slots=True)
class Token:
    """A pod's token, read again once a minute.

    Attributes:
        file: Has it.
        clock: Seconds that only grow.
    """

    file: Path
    clock: Callable[[], float] = time.monotonic
    _read: tuple[str, float] = field(default=("", 0.0))

    def headers(self) -> Headers:
        """Give the header that shows it.

        Raises:
            PlatformUnavailable: The file cannot be read, or has none.
        """
        text, until = self._read
        now = self.clock()
        if not text or now >= until:
            try:
                text = self.file.read_text("ascii").strip()
            except (OSError, ValueError) as error:
                problem = f"The token in {self.file} cannot be read: {error}."
                raise PlatformUnavailable(problem) from error
            if not text.isprintable() or not text:
                raise PlatformUnavailable(f"There is no token in {self.file}.")
            self._read = (text, now + RENEWAL)
        return {"Authorization": f"Bearer {text}"}


def _of_pod(folder: Path, environ: Mapping[str, str], connections: int) -> Account:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    certificate, token = folder / "ca.crt", Token(folder / "token")
    try:
        token.headers()
        certificate.read_bytes()
    except (OSError, PlatformUnavailable) as error:
        raise _nothing_configured(error) from error
    return Account(
        f"https://{f'[{host}]' if ':' in host else host}:{port}",
        urllib3.PoolManager(maxsize=connections, ca_certs=str(certificate)),
        token.headers,
    )


def _of_kubeconfig(file: str | None, context: str | None, connections: int) -> Account:
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config import ConfigException, load_kube_config

    configuration = Configuration()
    try:
        load_kube_config(config_file=file, context=context, client_configuration=configuration)
    except (
        *(ConfigException, OSError, yaml.YAMLError),
        *(TypeError, ValueError, LookupError, RecursionError),
    ) as error:
        # What it raises for a kubeconfig that is missing, or is none.
        raise _nothing_configured(error) from error
    configuration.connection_pool_maxsize = connections
    client = ApiClient(configuration)

    def sign() -> Headers:
        headers: dict[str, str] = {}
        # Asks a plugin for another token when one has run out.
        client.update_params_for_auth(headers, [], ["BearerToken"])
        return headers

    return Account(configuration.host.rstrip("/"), client.rest_client.pool_manager, sign)


def _nothing_configured(error: Exception) -> SetupError:
    problem = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return SetupError(
        f"No cluster is configured: {problem}. Name a kubeconfig in KUBECONFIG, or make a "
        "cluster: run `make kind`."
    )
