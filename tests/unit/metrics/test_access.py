"""How Prometheus is reached, and that nobody sees the secrets."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from headrace.errors import InvalidInput
from headrace.metrics.access import Access, access_from
from headrace.metrics.prometheus import PrometheusMetrics
from tests.unit.metrics.servers import KEY, NOW, Prometheus, request

SECRET = "s3cr3t-t0k3n"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    return file


def ask(access: Access) -> tuple[list[str], list[str]]:
    """Give the reasons and messages of the problems."""
    problems = PrometheusMetrics(access).observe([request("requests")], NOW)[KEY].problems
    return [each.reason for each in problems], [each.message for each in problems]


def test_a_token_is_read_again_for_every_query(prometheus: Prometheus, secret: Path) -> None:
    metrics = PrometheusMetrics(Access(prometheus.url, token_file=secret))
    metrics.observe([request("requests")], NOW)
    secret.write_text("rotated")
    metrics.observe([request("requests")], NOW)
    sent = [headers["authorization"] for headers in prometheus.headers]
    assert sent == [f"Bearer {SECRET}", "Bearer rotated"]


def test_basic_authentication_has_its_password_from_a_file(
    prometheus: Prometheus, secret: Path
) -> None:
    assert ask(Access(prometheus.url, username="jürgen", password_file=secret)) == ([], [])
    scheme, _, credentials = prometheus.headers[0]["authorization"].partition(" ")
    assert (scheme, base64.b64decode(credentials).decode()) == ("Basic", f"jürgen:{SECRET}")


def test_a_tenant_is_named_in_a_header(prometheus: Prometheus) -> None:
    ask(Access(prometheus.url, tenant="team-a"))
    ask(Access(prometheus.url, tenant="team-a", tenant_header="THANOS-TENANT"))
    assert prometheus.headers[0]["X-Scope-OrgID"] == "team-a"
    assert prometheus.headers[1]["THANOS-TENANT"] == "team-a"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(None, "cannot be read: No such file", id="no file"),
        pytest.param(b"", "no secret of one line", id="an empty file"),
        pytest.param(b"one\r\ntwo: three", "no secret of one line", id="several lines"),
        pytest.param("s€cret".encode(), "no secret of one line", id="no letter of a header"),
        pytest.param(b"\xff\xfe", "cannot be read: it is no text", id="bytes"),
    ],
)
def test_a_file_without_a_usable_secret_is_a_problem(
    prometheus: Prometheus, tmp_path: Path, content: bytes | None, expected: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    reasons, (message,) = ask(Access(prometheus.url, token_file=file))
    assert reasons == ["PrometheusUnavailable"]
    assert expected in message
    assert not prometheus.queries


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_no_message_repeats_the_secret_even_if_the_server_does(
    prometheus: Prometheus, secret: Path, status: int
) -> None:
    prometheus.status, prometheus.body = status, f"you said Bearer {SECRET}, which is wrong"
    access = Access(prometheus.url, token_file=secret)
    _, (message,) = ask(access)
    assert "you said Bearer ***" in message
    assert SECRET not in message + repr(access) + repr(PrometheusMetrics(access))


def test_no_message_repeats_a_password_in_disguise(prometheus: Prometheus, secret: Path) -> None:
    disguised = base64.b64encode(f"admin:{SECRET}".encode()).decode()
    prometheus.status, prometheus.body = 401, f"you said Basic {disguised}"
    _, (message,) = ask(Access(prometheus.url, username="admin", password_file=secret))
    assert "you said Basic ***" in message


def test_credentials_follow_no_redirection(prometheus: Prometheus, secret: Path) -> None:
    prometheus.status, prometheus.location = 302, prometheus.url + "/login"
    reasons, _ = ask(Access(prometheus.url, token_file=secret))
    assert reasons == ["PrometheusUnavailable"]
    assert len(prometheus.headers) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://admin:hunter2@prometheus:9090",
        "https://hunter2@prometheus:9090",
        "http://a:hunter2@[::1",
    ],
)
def test_an_address_with_credentials_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidInput, match="PASSWORD_FILE") as caught:
        Access(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "prometheus:9090", "ftp://a", "http://", "http://a?b=c", "http://a:b", "http://[::"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="expected one such as http://prometheus:9090"):
        Access(url)


FILE = Path("f")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"token_file": FILE, "username": "a", "password_file": FILE}, "keep one"),
        ({"password_file": FILE}, "no user name"),
        ({"username": "a"}, "no password file"),
        ({"key_file": FILE}, "no certificate file"),
        ({"ca_file": FILE, "insecure": True}, "keep one"),
        ({"tenant": "a\nb"}, "cannot stand in a header"),
        ({"tenant": "€"}, "cannot stand in a header"),
        ({"tenant": "a", "tenant_header": "a: b"}, "no name of a header"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: dict[str, object], expected: str) -> None:
    with pytest.raises(InvalidInput, match=expected):
        Access("http://a", **parts)  # type: ignore[arg-type]


def test_the_environment_names_everything() -> None:
    names = {
        "URL": "https://mimir:8080/prometheus",
        "USERNAME": "a",
        "PASSWORD_FILE": "p",
        "CA_FILE": "ca",
        "CERT_FILE": "cert",
        "KEY_FILE": "key",
        "TENANT": "t",
        "TENANT_HEADER": "X-T",
        "INSECURE": "No",
        "TOKEN_FILE": "",
    }
    found = access_from({f"HEADRACE_PROMETHEUS_{name}": value for name, value in names.items()})
    assert found == Access(
        "https://mimir:8080/prometheus",
        username="a",
        password_file=Path("p"),
        ca_file=Path("ca"),
        cert_file=Path("cert"),
        key_file=Path("key"),
        tenant="t",
        tenant_header="X-T",
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HEADRACE_PROMETHEUS_TENANT": "a"}, "TENANT is set, but HEADRACE_PROMETHEUS_URL is not"),
        (
            {"HEADRACE_PROMETHEUS_URL": "http://a", "HEADRACE_PROMETHEUS_INSECURE": "maybe"},
            "write true or false",
        ),
    ],
)
def test_an_environment_that_makes_no_sense_is_refused(
    environ: dict[str, str], expected: str
) -> None:
    with pytest.raises(InvalidInput, match=expected):
        access_from(environ)


def test_without_an_address_there_is_no_access() -> None:
    assert access_from({"HEADRACE_PROMETHEUS_URL": "", "PATH": "/bin"}) is None
