"""Prometheus behind TLS: an authority of one's own, client certificates, and nobody to trust."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from headrace.engine.observations import Metric
from headrace.metrics.access import Access
from headrace.metrics.clusters import local_counters
from headrace.metrics.prometheus import PrometheusMetrics
from headrace.metrics.source import Request

pytestmark = pytest.mark.local

LOOPBACK = IPv4Address("127.0.0.1")


class Authority:
    """Signs certificates and writes them into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, x509.Name([_common_name(name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / f"{name}.pem"
        certificate = self._sign(self._name, self._key, is_authority=True)
        self.file.write_bytes(_pem(certificate))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Give the files of a certificate and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, private = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        certificate.write_bytes(_pem(self._sign(x509.Name([_common_name(name)]), key)))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, private

    def _sign(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool = False
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(LOOPBACK)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _common_name(name: str) -> x509.NameAttribute[str]:
    return x509.NameAttribute(NameOID.COMMON_NAME, name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@dataclass
class Secured:
    """A server that answers nobody without a certificate of the authority."""

    url: str
    authority: Authority
    folder: Path

    def reasons(self, access: Access) -> list[str]:
        """Ask and give what was wrong."""
        counters = local_counters("models/m", "1", ("2",))
        since = {Metric.REQUESTS.value: time.time() - 5.0}
        request = Request("models/m", "m", "1", ("2",), since, 1.0, counters)
        metrics = PrometheusMetrics(access)
        measured = metrics.observe([request], time.time())["models/m"]
        metrics.close()
        return [problem.message for problem in measured.problems]


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            body = json.dumps({"status": "success", "data": {"result": []}}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            pass  # refused certificates are what is tested

    authority = Authority(tmp_path, "authority")
    certificate, key = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield Secured(f"https://127.0.0.1:{server.server_port}", authority, tmp_path)
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_authority_of_ones_own_and_a_client_certificate_are_used(secured: Secured) -> None:
    certificate, key = secured.authority.issue("client")
    access = Access(
        secured.url, ca_file=secured.authority.file, cert_file=certificate, key_file=key
    )
    assert secured.reasons(access) == []


def test_a_certificate_and_its_key_may_be_one_file(secured: Secured) -> None:
    certificate, key = secured.authority.issue("client")
    both = secured.folder / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    access = Access(secured.url, ca_file=secured.authority.file, cert_file=both)
    assert secured.reasons(access) == []


def test_a_server_of_an_unknown_authority_is_not_trusted_unless_that_is_wished(
    secured: Secured,
) -> None:
    certificate, key = secured.authority.issue("client")
    (problem,) = secured.reasons(Access(secured.url, cert_file=certificate, key_file=key))
    assert "is not trusted" in problem
    access = Access(secured.url, cert_file=certificate, key_file=key, insecure=True)
    assert secured.reasons(access) == []


def test_a_client_without_the_right_certificate_is_told(secured: Secured) -> None:
    stranger, key = Authority(secured.folder, "stranger").issue("stranger")
    access = Access(secured.url, ca_file=secured.authority.file, cert_file=stranger, key_file=key)
    (problem,) = secured.reasons(access)
    assert "is not trusted, or ours is not accepted" in problem or "cannot be reached" in problem


def test_files_that_are_not_there_are_named(secured: Secured) -> None:
    missing = secured.folder / "missing.pem"
    (problem,) = secured.reasons(Access(secured.url, ca_file=missing))
    assert "missing.pem" in problem
    (problem,) = secured.reasons(
        Access(secured.url, ca_file=secured.authority.file, cert_file=missing)
    )
    assert "missing.pem" in problem
