"""What is served, with what, and behind which router."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from headrace.api.fields import (
    Digest,
    Duration,
    Name,
    Part,
    Percent,
    Quantity,
    RuleBroken,
)
from headrace.api.serving_template import ServingTemplate
from headrace.errors import Fault

ObjectName = Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$", max_length=253)]
"""Of an object that is there already; empty for none."""


class ModelSpec(Part):
    """One version: a packaged model. Any change here starts a rollout."""

    name: Name
    """The model's name, also in the registry and in the metrics."""
    version: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$", max_length=63)
    ]
    """The version's name: a label value, quoted in YAML when it is a number."""
    uri: Annotated[
        str,
        Field(min_length=1, max_length=2048, json_schema_extra={"examples": ["s3://models/a/7"]}),
    ]
    """Where its bundle is; anything that fsspec reads, such as `s3://`, `gs://`, `file://`."""
    digest: Digest
    """The bundle's digest as it was registered; a bundle with another one is never loaded."""
    handler: Annotated[
        str,
        Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$", max_length=253),
    ] = "headrace.serving.server.ModelServer"
    """The class that serves it; a subclass of the default may compute features of its own."""

    def __str__(self) -> str:
        """Give `name version`, as messages say it."""
        return f"{self.name} {self.version}"


class Resources(Part):
    """Kubernetes resource requests and limits of one replica."""

    requests: dict[str, Quantity] = {}
    """What is set aside, as in `{cpu: 250m, memory: 512Mi}`."""
    limits: dict[str, Quantity] = {}
    """What is never exceeded, as in `{memory: 1Gi}`."""


class Autoscaling(Part):
    """How many replicas of each version there are, by how busy they are."""

    max_replicas: Annotated[int, Field(ge=1, le=1000, strict=True)]
    """The most; `serving.replicas` is the least."""
    cpu: Percent = 70
    """Per cent of the requested CPU that the replicas use on average."""


class ServingSpec(Part):
    """How each version runs."""

    backend: Literal["Kubernetes", "Seldon"] = "Kubernetes"
    """Kubernetes (Deployment and Service) or Seldon (SeldonDeployment). A laptop has neither."""
    replicas: Annotated[int, Field(ge=1, le=100, strict=True)] = 1
    """Servers per version; a laptop starts as many processes."""
    resources: Resources = Resources()
    """Per replica; not applied on a laptop."""
    autoscaling: Autoscaling | None = None
    """None keeps `replicas`; not applied on a laptop."""
    image: Annotated[str, Field(max_length=500)] = ""
    """The model server's image; by default Headrace's own. Not used on a laptop."""
    service_account: ObjectName = ""
    """Of the pods, where a storage is opened by identity; by default one without any rights."""
    storage_secret: ObjectName = ""
    """A Secret whose keys become the environment of what fetches the bundle, and only of that."""
    startup_timeout: Duration = 600.0
    """How long fetching and loading may take before a pod counts as failed."""
    template: ServingTemplate | None = None
    """What is added to the manifests: sidecars, node selectors, annotations; not on a laptop."""

    @model_validator(mode="after")
    def _can_scale(self) -> Self:
        scaling, faults = self.autoscaling, []
        if scaling is not None and scaling.max_replicas < self.replicas:
            expected = f"at least {self.replicas}, as in serving.replicas"
            problem = f"is {scaling.max_replicas}"
            faults.append(Fault("autoscaling.maxReplicas", problem, expected))
        if scaling is not None and "cpu" not in self.resources.requests:
            problem = "is missing, and autoscaling is a share of it"
            faults.append(Fault("resources.requests.cpu", problem, "a quantity", "cpu: 250m"))
        if faults:
            raise RuleBroken(faults)
        return self


class Gateway(Part):
    """A Gateway of the Gateway API, or of Istio, by name."""

    name: Name
    """The gateway's name."""
    namespace: Annotated[str, Field(max_length=63)] = ""
    """Its namespace; by default the rollout's."""


class Stickiness(Part):
    """How an arm is remembered for a user."""

    cookie: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", max_length=64)] = "headrace-arm"
    """Its name; the value is the version that answered first."""
    ttl: Duration = 86400.0
    """How long a user's arm is remembered."""


class RoutingSpec(Part):
    """Who splits the traffic in a cluster; on a laptop it is always a local Envoy."""

    provider: Literal["GatewayAPI", "Istio", "Seldon", "None"] = "GatewayAPI"
    """Gateway API, Istio, the Seldon operator's own routing, or nobody."""
    gateway: Gateway | None = None
    """The gateway that the route is attached to."""
    hostnames: Annotated[list[Annotated[str, Field(max_length=253)]], Field(max_length=16)] = []
    """Host names of the requests that are meant; all of the gateway's by default."""
    timeout: Duration = 10.0
    """Within which a version must have answered."""
    stickiness: Stickiness | None = None
    """Keeps a user with the arm that answered first; an A/B test does so by itself."""


class MonitoringSpec(Part):
    """How Prometheus finds the model servers in a cluster, and who else is told."""

    provider: Literal["Annotations", "PrometheusOperator", "None"] = "Annotations"
    """`prometheus.io/scrape` on the pods, or a PodMonitor and a PrometheusRule with alerts."""
    dashboard: bool = False
    """A ConfigMap that Grafana's sidecar takes for a dashboard."""
