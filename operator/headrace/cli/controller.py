"""`headrace controller`."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import nullcontext
from pathlib import Path

import click

PREFIX = "HEADRACE"

SETTLE = 1.0
"""Seconds that a scrape may take in a cluster; see `PromQLMetrics`."""


@click.command(context_settings={"auto_envvar_prefix": PREFIX, "show_default": True})
@click.option(
    "--prometheus",
    "prometheus_url",
    required=True,
    envvar=f"{PREFIX}_PROMETHEUS_URL",
    metavar="URL",
    help="Where Prometheus, Thanos, Mimir or Cortex answers queries.",
)
@click.option(
    "--namespaces",
    default="",
    envvar=f"{PREFIX}_NAMESPACES",
    metavar="A,B",
    help="Look after the rollouts of these namespaces only; all by default.",
)
@click.option(
    "--elect/--alone",
    default=True,
    help="Whether several controllers may run, of which one leads; --alone is for trying it out.",
)
@click.option(
    "--lease-namespace",
    default="headrace-system",
    envvar=f"{PREFIX}_LEASE_NAMESPACE",
    help="Where the lease of the controllers is.",
)
@click.option(
    "--lease-name",
    default="headrace-controller",
    envvar=f"{PREFIX}_LEASE_NAME",
    help="What it is called.",
)
@click.option(
    "--identity",
    envvar=[f"{PREFIX}_IDENTITY", "POD_NAME"],
    metavar="NAME",
    help="This controller's name in the lease and in Events.  [default: the host's name]",
)
@click.option(
    "--addresses",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar=f"{PREFIX}_ADDRESSES",
    help="A folder, such as a mounted Secret, with the addresses that notifications name by key.",
)
@click.option(
    "--registry",
    envvar=[f"{PREFIX}_REGISTRY_URL", "MLFLOW_TRACKING_URI"],
    metavar="URL",
    help="The MLflow server whose alias `champion` follows the traffic.  [default: none]",
)
@click.option("--host", default="0.0.0.0", help="Where /metrics, /healthz and /readyz answer.")  # noqa: S104
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    # Kubernetes sets HEADRACE_PORT itself, in pods beside a Service that is called headrace.
    envvar=f"{PREFIX}_HTTP_PORT",
    allow_from_autoenv=False,
    help="The same.",
)
@click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="Outside a pod.")
@click.option("--context", help="Of the kubeconfig.")
@click.option(
    "--service-account",
    type=click.Path(path_type=Path),
    default="/var/run/secrets/kubernetes.io/serviceaccount",
    envvar=f"{PREFIX}_SERVICE_ACCOUNT",
    metavar="FOLDER",
    show_default=False,
    help="Within a pod: where its token and the API server's certificate are, if they are not "
    "where Kubernetes puts them.",
)
@click.option(
    "--traces",
    envvar=f"{PREFIX}_TRACES",
    metavar="URL",
    help="Where spans of every tick are sent, by OTLP over HTTP; nowhere by default.",
)
@click.option(
    "--log-format",
    type=click.Choice(["json", "text"]),
    default="json",
    envvar=f"{PREFIX}_LOG_FORMAT",
    help="A line of JSON each, or text for people.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning"]),
    default="info",
    envvar=f"{PREFIX}_LOG_LEVEL",
    help="The least that is told.",
)
def controller(
    prometheus_url: str,
    namespaces: str,
    elect: bool,
    lease_namespace: str,
    lease_name: str,
    identity: str | None,
    addresses: Path | None,
    registry: str | None,
    host: str,
    port: int,
    kubeconfig: str | None,
    context: str | None,
    service_account: Path,
    traces: str | None,
    log_format: str,
    log_level: str,
) -> None:
    """Look after all ModelRollouts of a cluster, until it is stopped.

    It runs in a pod (`helm install headrace` puts it there), or anywhere with a kubeconfig:

    \b
        headrace controller --alone --prometheus http://localhost:9090

    Every option can be given as an environment variable, such as HEADRACE_PROMETHEUS_URL. How to
    reach Prometheus is said by variables only: HEADRACE_PROMETHEUS_TOKEN_FILE, _USERNAME,
    _PASSWORD_FILE, _CA_FILE, _CERT_FILE, _KEY_FILE, _INSECURE and _TENANT.
    """
    from headrace.controller import malloc
    from headrace.controller.logs import set_up
    from headrace.controller.process import Controller, Settings
    from headrace.controller.tracing import no_spans, spans_to
    from headrace.metrics.access import access_from
    from headrace.metrics.prometheus import PrometheusMetrics
    from headrace.runtime.kubernetes.cluster import Cluster

    malloc.tune()
    set_up("json" if log_format == "json" else "text", log_level)
    promotes = None
    if registry:
        from headrace.registry.server import registry_at

        promotes = registry_at(registry)
    settings = Settings(
        identity=identity or socket.gethostname(),
        namespaces=tuple(filter(None, (name.strip() for name in namespaces.split(",")))),
        lease=(lease_namespace, lease_name) if elect else None,
        addresses=addresses,
        registry=promotes,
        host=host,
        port=port,
    )
    access = access_from({**os.environ, f"{PREFIX}_PROMETHEUS_URL": prometheus_url})
    assert access is not None, "it has an address"
    metrics = PrometheusMetrics(access, settle=SETTLE)
    cluster = Cluster.connect(kubeconfig, context, service_account=service_account)
    traced = spans_to(traces, settings.identity) if traces else nullcontext(no_spans)
    with traced as spans:
        running = Controller(cluster, metrics, settings, spans=spans)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: running.stop())
        running.run()
