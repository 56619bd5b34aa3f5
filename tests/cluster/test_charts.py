"""Helm and kubectl make of the charts and the bases what they should, and refuse bad values.

The programs are looked for as in `api_server`. `--kube-version` is given because a Helm that was
built from source does not know one.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from headrace.api import ModelRollout, ModelSpec, load_rollout
from headrace.errors import InvalidRollout
from headrace.render.helm import Chart, chart
from headrace.render.helm.bases import bases
from headrace.render.manifest import Manifest
from headrace.render.rendering import render
from headrace.render.stages import Stage, stages
from tests.cluster.api_server import _program
from tests.unit.render.rollouts import rollouts

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "manifests/examples").glob("*/rollout.yaml"))


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [_program("helm"), *arguments, "--kube-version", "1.36.0"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def templated(*arguments: str) -> list[Manifest]:
    said = helm("template", *arguments)
    assert said.returncode == 0, said.stderr
    return ordered(yaml.load_all(said.stdout, yaml.CSafeLoader))


def ordered(manifests: Iterable[Any]) -> list[Manifest]:
    """Leave out empty documents, and order them: Helm has an order of its own."""
    return sorted(filter(None, manifests), key=lambda m: (m["kind"], m["metadata"]["name"]))


def written(files: Chart, folder: Path) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def fitting(rollout: ModelRollout, stable: ModelSpec) -> list[tuple[Stage, Chart]]:
    """Give the charts of all stages that have one."""
    found = []
    for stage in stages(rollout, stable):
        try:
            found.append((stage, chart(rollout, stage.plan)))
        except InvalidRollout:
            assert stage.plan.challengers or stage.plan.previous
    return found


def plain(rollout: ModelRollout, stage: Stage) -> list[Manifest]:
    found = render(rollout, stage.plan)
    return ordered(each for each in found if each["kind"] != "PrometheusRule")


def shown(rollout: ModelRollout, *arguments: str) -> list[Manifest]:
    where = rollout.metadata
    return templated(where.name, *arguments, "--namespace", where.namespace)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_a_chart_of_a_rollout_is_what_headrace_renders(example: Path, tmp_path: Path) -> None:
    rollout = load_rollout(example / "rollout.yaml")
    charts = fitting(rollout, load_rollout(example / "before.yaml").spec.model)
    assert len(charts) >= 4
    # One chart, and the values of every stage: the templates are the same for all.
    folder = written(charts[0][1], tmp_path / "chart")
    for stage, files in charts:
        values = tmp_path / f"{stage.name.replace(':', '-')}.yaml"
        values.write_text(files["values.yaml"], encoding="utf-8")
        assert shown(rollout, str(folder), "--values", str(values)) == plain(rollout, stage)
    assert helm("lint", "--strict", str(folder)).returncode == 0


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(rollouts())
def test_a_chart_of_any_rollout_at_its_own_values_is_what_headrace_renders(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[ModelRollout, ModelSpec]
) -> None:
    rollout, stable = drawn
    for stage, files in fitting(rollout, stable)[1:6:2]:
        folder = written(files, tmp_path_factory.mktemp("chart"))
        assert shown(rollout, str(folder)) == plain(rollout, stage)


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    example = ROOT / "manifests/examples/canary-gateway"
    rollout = load_rollout(example / "rollout.yaml")
    (_, files), *_ = fitting(rollout, load_rollout(example / "before.yaml").spec.model)
    return written(files, tmp_path_factory.mktemp("canary"))


REFUSED = {
    "model": [
        ("model.versoin=8", "'versoin' not allowed"),
        ("model.digest=latest", "/model/digest"),
        ("model.version=8", "/model/version"),
        ("candidate.enabled=true", "/candidate/version"),
        ("candidate.weight=101", "/candidate/weight"),
        ("replicas=0", "/replicas"),
        ("model.resources=null", "/model"),
        ("model.resources.requests.cpu=null", "/model/resources/requests"),
        ("model.image=", "/model/image"),
    ],
    "headrace": [
        ("prometheus.url=prometheus", "/prometheus/url"),
        ("promtheus.url=http://a", "'promtheus' not allowed"),
        ("mode=enforce", "/mode"),
        ("namespaces={A}", "/namespaces/0"),
        ("replicas=0", "/replicas"),
        ("image.digest=latest", "/image/digest"),
    ],
    "model-rollout": [
        ("model.digest=latest", "/model/digest"),
        ("serving.replica=2", "/serving"),
        ("strategy.canary.steps[0].weight=101", "/strategy/canary/steps/0/weight"),
        ("strategy.shadow.hold=1h", "/strategy"),
        ("analysis.checks[0].metric=error", "/analysis/checks/0/metric"),
    ],
}


@pytest.mark.parametrize(
    ("which", "setting", "said"),
    [(which, *case) for which, cases in REFUSED.items() for case in cases],
)
def test_helm_refuses_a_bad_value_with_its_path(
    canary: Path, which: str, setting: str, said: str
) -> None:
    charts = {"model": (canary,), "headrace": (CONTROLLER,), "model-rollout": ROLLOUT}
    answer = helm("template", "x", *map(str, charts[which]), "--set", setting)
    assert answer.returncode != 0
    assert said in answer.stderr


CONTROLLER = ROOT / "helm/headrace"
ROLLOUT = (
    ROOT / "helm/model-rollout",
    "--values",
    ROOT / "helm/model-rollout/ci/canary-values.yaml",
)


@pytest.mark.parametrize("arguments", [(CONTROLLER,), ROLLOUT], ids=["headrace", "model-rollout"])
def test_the_charts_are_without_warnings(arguments: tuple[object, ...]) -> None:
    said = helm("lint", "--strict", *map(str, arguments))
    assert said.returncode == 0, said.stdout
    assert "[WARNING]" not in said.stdout


def test_a_release_of_model_rollout_is_a_rollout_with_the_values_as_its_spec() -> None:
    (found,) = templated("flights", *map(str, ROLLOUT), "--namespace", "models")
    given = yaml.safe_load(Path(str(ROLLOUT[2])).read_text("utf-8"))
    assert {name: found["spec"][name] for name in given} == given
    assert ModelRollout.model_validate(found).key == "models/flights"


def installed(*settings: str) -> dict[str, list[Manifest]]:
    """Give what the controller's chart installs, by kind."""
    found: dict[str, list[Manifest]] = {}
    arguments = [part for each in settings for part in ("--set", each)]
    for each in templated("headrace", str(CONTROLLER), "-n", "headrace-system", *arguments):
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
        "prometheus.bearerTokenSecret.name=token",
        "prometheus.caConfigMap.name=authority",
        "prometheus.tenant.id=models",
    )
    told = environment(found)
    assert told["HEADRACE_PROMETHEUS_TOKEN_FILE"] == "/etc/headrace/token/token"
    assert told["HEADRACE_PROMETHEUS_CA_FILE"] == "/etc/headrace/authority/ca.crt"
    assert told["HEADRACE_PROMETHEUS_TENANT"] == "models"
    pod = found["Deployment"][0]["spec"]["template"]["spec"]
    assert {volume["name"] for volume in pod["volumes"]} == {"tmp", "token", "authority"}
    mounts = pod["containers"][0]["volumeMounts"]
    assert [each["name"] for each in mounts if not each.get("readOnly")] == ["tmp"]
    assert not [name for name in environment(installed()) if "PROMETHEUS_T" in name]


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
        "mode=Observe",
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
    assert environment(found)["HEADRACE_MODE"] == "Observe"
    off = installed("podDisruptionBudget.enabled=false", "networkPolicy.enabled=false")
    assert {"PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor"}.isdisjoint(off)


def test_the_bases_are_what_helm_makes_of_the_chart() -> None:
    said = helm(
        *("template", "headrace", str(CONTROLLER), "--namespace", "headrace-system"),
        *("--set", "crds.install=false"),
    )
    files = bases(yaml.safe_load_all(said.stdout))
    folder = ROOT / "manifests"
    there = {p for name in ("rbac", "controller") for p in (folder / name).iterdir()}
    assert {folder / path for path in files} == there, "run `make bases`"
    stale = [path for path, text in files.items() if (folder / path).read_text("utf-8") != text]
    assert stale == [], "run `make bases`"


@pytest.mark.parametrize("overlay", ["kind", "production"])
def test_an_overlay_is_built_and_is_the_chart_but_for_what_it_says(overlay: str) -> None:
    command = [_program("kubectl"), "kustomize", str(ROOT / "manifests/overlays" / overlay)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    built = {(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(said.stdout)}
    own = {("Namespace", "headrace-system")}
    own |= {("ServiceMonitor", "headrace")} if overlay == "production" else set()
    chart_has = {
        (kind, each["metadata"]["name"]) for kind, those in installed().items() for each in those
    }
    assert built == (chart_has - {("Pod", "headrace-test")}) | own
