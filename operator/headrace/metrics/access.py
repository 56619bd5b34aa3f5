"""How Prometheus, or what speaks its language, is reached: address, credentials, certificates.

Secrets are in files, which are read again for every request, as their owners rotate them. Nothing
here holds one, so that no log, error or manifest can show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from headrace.errors import InvalidInput

PREFIX = "HEADRACE_PROMETHEUS_"

TENANT_HEADER = "X-Scope-OrgID"
"""What Mimir, Cortex and Loki call the tenant; Thanos takes it when told to."""

COMPANIONS = (
    *("TOKEN_FILE", "USERNAME", "PASSWORD_FILE", "CA_FILE", "CERT_FILE", "KEY_FILE"),
    *("INSECURE", "TENANT", "TENANT_HEADER"),
)
"""Names of further variables, after the prefix."""

_TRUE, _FALSE = ("1", "true", "yes"), ("0", "false", "no")


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a Prometheus.

    Attributes:
        url: Its address, such as `https://prometheus.monitoring:9090`, without credentials.
        token_file: A file with the bearer token.
        username: For basic authentication.
        password_file: A file with its password.
        ca_file: Certificates of authorities to trust instead of the system's, PEM.
        cert_file: The client's certificate, PEM; may hold the key too.
        key_file: The client's key, PEM.
        insecure: Whether the server's certificate is not verified.
        tenant: Whose data are asked for; empty where there are no tenants.
        tenant_header: Which header says so.

    Raises:
        InvalidInput: The parts do not fit together.
    """

    url: str
    token_file: Path | None = None
    username: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    insecure: bool = False
    tenant: str = ""
    tenant_header: str = TENANT_HEADER

    def __post_init__(self) -> None:
        """Refuse what cannot work, or would show a secret."""
        _check_url(self.url)
        faults = {
            "a token file and a user name are given; keep one": self.token_file and self.username,
            "a password file is given and no user name": self.password_file and not self.username,
            "a user name is given and no password file": self.username and not self.password_file,
            "a key file is given and no certificate file": self.key_file and not self.cert_file,
            f"{self.tenant_header!r} is no name of a header": not _is_header(self.tenant_header),
            "the tenant cannot stand in a header": not _is_plain(self.tenant),
            "a CA file is given and the certificate is not to be verified; keep one": (
                self.ca_file and self.insecure
            ),
        }
        wrong = [fault for fault, is_so in faults.items() if is_so]
        if wrong:
            raise InvalidInput(f"The access to Prometheus is wrong: {'; '.join(wrong)}.")

    @property
    def headers(self) -> Mapping[str, str]:
        """What every request says beside its credentials."""
        return {self.tenant_header: self.tenant} if self.tenant else {}


def access_from(environ: Mapping[str, str]) -> Access | None:
    """Read `HEADRACE_PROMETHEUS_URL` and its companions.

    Args:
        environ: The environment. Empty values count as none.

    Returns:
        None without an address.

    Raises:
        InvalidInput: There are values that cannot be, or companions without an address.
    """
    given = {name: environ.get(PREFIX + name, "") for name in ("URL", *COMPANIONS)}

    def file(name: str) -> Path | None:
        return Path(given[name]) if given[name] else None

    if not given["URL"]:
        lonely = ", ".join(PREFIX + name for name in COMPANIONS if given[name])
        if lonely:
            raise InvalidInput(f"{lonely} is set, but {PREFIX}URL is not. Set it, or unset them.")
        return None
    return Access(
        url=given["URL"],
        token_file=file("TOKEN_FILE"),
        username=given["USERNAME"],
        password_file=file("PASSWORD_FILE"),
        ca_file=file("CA_FILE"),
        cert_file=file("CERT_FILE"),
        key_file=file("KEY_FILE"),
        insecure=_is_true(given["INSECURE"] or "false"),
        tenant=given["TENANT"],
        tenant_header=given["TENANT_HEADER"] or TENANT_HEADER,
    )


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _is_header(name: str) -> bool:
    return name.isascii() and name.replace("-", "").isalnum()


def _is_true(text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise InvalidInput(f"{PREFIX}INSECURE is {text!r}; write true or false.")
    return text.lower() in _TRUE


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        secret = parts.username is not None or parts.password is not None
    except ValueError:
        whole, secret = False, "@" in url
    if secret:
        raise InvalidInput(
            "Prometheus' address has credentials in it, which would show up in messages. Write the "
            f"password into a file, and set {PREFIX}USERNAME and {PREFIX}PASSWORD_FILE."
        )
    if not whole or parts.query or parts.fragment:
        raise InvalidInput(
            f"Prometheus' address is {url!r}; expected one such as http://prometheus:9090."
        )
