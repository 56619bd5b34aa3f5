"""The charts in helm/ and the bases in manifests/, as Helm and kubectl read them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

import pytest
import yaml

from headrace.api import ModelRollout
from headrace.render.helm.bases import bases
from headrace.render.manifest import Manifest
from tests.cluster.api_server import ApiServer
from tests.cluster.charts import (
    CONTROLLER,
    ROLLOUT,
    ROLLOUT_VALUES,
    ROOT,
    complaints,
    refusal,
    templated,
)
from tests.cluster.programs.catalogue import program

PLACE = ("--namespace", "headrace-system")


def test_the_charts_are_without_warnings() -> None:
    assert complaints(CONTROLLER) == ""
    assert complaints(ROLLOUT, "--values", ROLLOUT_VALUES) == ""


def test_a_release_of_model_rollout_is_a_rollout_with_the_values_as_its_spec() -> None:
    values = ("--values", ROLLOUT_VALUES)
    (found,) = templated("flights", ROLLOUT, *values, "--namespace", "models")
    given = yaml.safe_load(ROLLOUT_VALUES.read_text("utf-8"))
    assert {name: found["spec"][name] for name in given} == given
    assert ModelRollout.model_validate(found).key == "models/flights"


def installed(*settings: str) -> dict[str, list[Manifest]]:
    """Give what the controller's chart installs, by kind."""
    found: dict[str, list[Manifest]] = {}
    arguments = [part for each in settings for part in ("--set", each)]
    for each in templated("headrace", CONTROLLER, *PLACE, *arguments):
        found.setdefault(each["kind"], []).append(each)
    return found


def test_the_definition_is_upgraded_with_the_chart_and_stays_when_it_goes() -> None:
    (found,) = installed()["CustomResourceDefinition"]
    assert found["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert found == yaml.safe_load((ROOT / "manifests/crd/modelrollouts.yaml").read_text("utf-8"))
    (found,) = installed("crds.keep=false")["CustomResourceDefinition"]
    assert "annotations" not in found["metadata"]
    assert "CustomResourceDefinition" not in installed("crds.install=false")


def test_in_some_namespaces_the_controller_has_roles_there_and_nothing_else() -> None:
    everywhere = installed("rbac.aggregate=false")
    (cluster,) = everywhere["ClusterRole"]
    found = installed("rbac.aggregate=false", "namespaces={a,b}")
    assert {"ClusterRole", "ClusterRoleBinding"}.isdisjoint(found)
    roles = {each["metadata"]["namespace"]: each["rules"] for each in found["Role"]}
    assert roles == {
        "a": cluster["rules"],
        "b": cluster["rules"],
        "headrace-system": everywhere["Role"][0]["rules"],
    }
    assert environment(found)["HEADRACE_NAMESPACES"] == "a,b"
    assert "HEADRACE_NAMESPACES" not in environment(everywhere)


def environment(found: Mapping[str, list[Manifest]]) -> dict[str, str | None]:
    (deployment,) = found["Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each.get("value") for each in container["env"]}


def test_credentials_of_prometheus_are_files_and_never_values() -> None:
    found = installed(
        "prometheus.bearerTokenSecret.name=access",
        "prometheus.tls.caConfigMap.name=authority",
        "prometheus.tls.clientSecret.name=client",
        "prometheus.tenant.id=models",
    )
    told = environment(found)
    pod = found["Deployment"][0]["spec"]["template"]["spec"]
    (_, volume) = pod["volumes"]
    sources = [next(iter(source.values())) for source in volume["projected"]["sources"]]
    assert [source["name"] for source in sources] == ["access", "authority", "client"]
    paths = [item["path"] for source in sources for item in source["items"]]
    (_, mount) = pod["containers"][0]["volumeMounts"]
    assert mount["readOnly"] is True
    files = {name: value for name, value in told.items() if name.endswith("_FILE")}
    assert sorted(map(str, files.values())) == sorted(f"{mount['mountPath']}/{p}" for p in paths)
    assert told["HEADRACE_PROMETHEUS_TENANT"] == "models"


def test_without_credentials_nothing_is_mounted() -> None:
    found = installed()
    pod = found["Deployment"][0]["spec"]["template"]["spec"]
    assert [volume["name"] for volume in pod["volumes"]] == ["tmp"]
    named = [name for name in environment(found) if name.startswith("HEADRACE_PROMETHEUS_")]
    assert named == ["HEADRACE_PROMETHEUS_URL"]


def test_a_user_name_comes_with_its_password() -> None:
    told = environment(
        installed(
            "prometheus.basicAuth.username=me", "prometheus.basicAuth.passwordSecret.name=access"
        )
    )
    assert told["HEADRACE_PROMETHEUS_USERNAME"] == "me"
    assert told["HEADRACE_PROMETHEUS_PASSWORD_FILE"] == "/etc/headrace/prometheus/password"


def test_addresses_of_receivers_are_a_mounted_secret() -> None:
    found = installed("notifications.addressesSecret.name=receivers")
    pod = found["Deployment"][0]["spec"]["template"]["spec"]
    assert pod["volumes"][1] == {"name": "addresses", "secret": {"secretName": "receivers"}}
    mount = pod["containers"][0]["volumeMounts"][1]
    assert environment(found)["HEADRACE_ADDRESSES"] == mount["mountPath"]


def test_a_registry_is_named_where_there_is_one() -> None:
    assert "HEADRACE_REGISTRY_URL" not in environment(installed())
    told = environment(installed("registry.url=http://mlflow.models:5000"))
    assert told["HEADRACE_REGISTRY_URL"] == "http://mlflow.models:5000"


def test_pods_of_the_chart_fit_the_restricted_standard() -> None:
    found = installed()
    pods = [each["spec"]["template"]["spec"] for each in found["Deployment"]]
    pods += [each["spec"] for each in found["Pod"]]
    assert len(pods) == 2
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]


def test_every_switch_is_rendered() -> None:
    found = installed(
        "metrics.serviceMonitor.enabled=true",
        "metrics.serviceMonitor.labels.release=prometheus",
        "networkPolicy.egress[0].to[0].ipBlock.cidr=10.0.0.0/8",
        "priorityClassName=system-cluster-critical",
        "imagePullSecrets[0].name=registry",
        "env[0].name=MLFLOW_TRACKING_URI",
        "env[0].value=http://mlflow",
        "affinity.nodeAffinity.x=y",
        "nodeSelector.disk=ssd",
        "tolerations[0].operator=Exists",
        "podLabels.team=ml",
        "podAnnotations.a=b",
        "serviceAccount.annotations.a=b",
    )
    (monitor,) = found["ServiceMonitor"]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert found["NetworkPolicy"][0]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    template = found["Deployment"][0]["spec"]["template"]
    assert template["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert "topologySpreadConstraints" not in template["spec"]
    assert {"a"} < set(template["metadata"]["annotations"])
    assert "prometheus.io/scrape" not in template["metadata"]["annotations"]
    assert environment(found)["MLFLOW_TRACKING_URI"] == "http://mlflow"
    off = installed("podDisruptionBudget.enabled=false", "networkPolicy.enabled=false")
    assert {"PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor"}.isdisjoint(off)


@pytest.mark.parametrize("scope", [(), ("namespaces={a,b}",)], ids=["everywhere", "in two"])
def test_a_real_api_server_accepts_everything_strictly(
    server: ApiServer, scope: tuple[str, ...]
) -> None:
    found = installed(
        *scope,
        "metrics.serviceMonitor.enabled=true",
        "prometheus.bearerTokenSecret.name=access",
        "prometheus.tls.caConfigMap.name=authority",
        "prometheus.tls.clientSecret.name=client",
        "networkPolicy.egress[0].ports[0].port=443",
    )
    for name in ("headrace-system", "a", "b"):
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        assert server.apply(space).code in (200, 201)
    answers = [server.apply(each, dry_run=True) for those in found.values() for each in those]
    assert [each.message for each in answers if each.code not in (200, 201)] == []
    assert len(answers) > 10


def test_the_bases_are_what_helm_makes_of_the_chart() -> None:
    files = bases(templated("headrace", CONTROLLER, *PLACE, "--set", "crds.install=false"))
    folder = ROOT / "manifests"
    there = {p for name in ("rbac", "controller") for p in (folder / name).iterdir()}
    assert {folder / path for path in files} == there, "run `make bases`"
    stale = [path for path, text in files.items() if (folder / path).read_text("utf-8") != text]
    assert stale == [], "run `make bases`"


@pytest.mark.parametrize("overlay", ["kind", "production"])
def test_an_overlay_is_built_and_is_the_chart_but_for_what_it_says(overlay: str) -> None:
    command = [str(program("kubectl")), "kustomize", str(ROOT / "manifests/overlays" / overlay)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert said.returncode == 0, said.stderr
    built = {(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(said.stdout)}
    own = {("Namespace", "headrace-system")}
    own |= {("ServiceMonitor", "headrace")} if overlay == "production" else set()
    chart_has = {
        (kind, each["metadata"]["name"]) for kind, those in installed().items() for each in those
    }
    assert built == (chart_has - {("Pod", "headrace-test")}) | own


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("prometheus.url=prometheus", "/prometheus/url"),
        ("promtheus.url=http://a", "'promtheus' not allowed"),
        ("log.level=loud", "/log/level"),
        ("namespaces={A}", "/namespaces/0"),
        ("replicas=0", "/replicas"),
        ("image.digest=latest", "/image/digest"),
        ("prometheus.basicAuth.username=me", "needs both"),
        (
            "prometheus.tls.insecure=true,prometheus.tls.caConfigMap.name=a",
            "prometheus.tls.caConfigMap.name are given; keep one",
        ),
        (
            "prometheus.bearerTokenSecret.name=a,prometheus.basicAuth.username=me",
            "prometheus.bearerTokenSecret.name are given; keep one",
        ),
    ],
)
def test_a_bad_value_of_the_controller_is_refused_with_its_path(setting: str, said: str) -> None:
    assert said in refusal(CONTROLLER, "--set", setting)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("model.digest=latest", "/model/digest"),
        ("serving.replica=2", "/serving"),
        ("strategy.canary.steps[0].weight=101", "/strategy/canary/steps/0/weight"),
        ("strategy.shadow.hold=1h", "/strategy"),
        ("analysis.checks[0].metric=error", "/analysis/checks/0/metric"),
    ],
)
def test_a_bad_value_of_a_rollout_is_refused_with_its_path(setting: str, said: str) -> None:
    assert said in refusal(ROLLOUT, "--values", ROLLOUT_VALUES, "--set", setting)
