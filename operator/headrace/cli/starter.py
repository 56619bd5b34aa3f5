"""The text of a first ModelRollout for each strategy, with comments that say what to change."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

STRATEGIES = ("canary", "shadow", "blue-green", "ab-test", "bandit")

NO_DIGEST = f"sha256:{'0' * 64}"
"""Valid, and of no bundle: a server refuses to load it."""


@dataclass(frozen=True, slots=True)
class Starter:
    """What a first rollout needs to know.

    Attributes:
        name: Of the rollout and of the model.
        namespace: Where it lives.
        version: Of the model.
        uri: Where its bundle is.
        digest: The bundle's.
        strategy: One of `STRATEGIES`.
    """

    name: str
    namespace: str
    version: str
    uri: str
    digest: str
    strategy: str

    def written(self) -> str:
        """Give the YAML text. Whether it is valid is for `headrace lint` to say."""
        return _HEAD.format(
            name=_scalar(self.name),
            namespace=_scalar(self.namespace),
            version=_scalar(self.version),
            uri=_scalar(self.uri),
            digest=_scalar(self.digest),
        ) + "".join((_STRATEGY[self.strategy], _ANALYSIS, _CHECKS[self.strategy]))


def _scalar(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', width=10_000).strip()


_HEAD = """\
# What should be live, and how it gets there. `headrace lint` checks this file, `headrace plan`
# says what it will do, `headrace up` runs it on this machine.
apiVersion: headrace.dev/v1alpha1
kind: ModelRollout
metadata:
  name: {name}
  namespace: {namespace}
spec:
  # Any change here starts a rollout. `headrace bundle --rollout` and the pipeline fill it in.
  model:
    name: {name}
    version: {version}
    uri: {uri}
    digest: {digest}
  serving:
    backend: Kubernetes # or Seldon
    replicas: 2
    resources:
      requests: {{cpu: 250m, memory: 512Mi}}
      limits: {{memory: 1Gi}}
  routing:
    provider: GatewayAPI # or Istio, Seldon, None
    # gateway: {{name: models, namespace: gateways}}
    # hostnames: [models.example.com]
"""

_STRATEGY = {
    "canary": """\
  strategy:
    canary:
      # Copies first: nobody sees their answers. Then growing shares of the users.
      steps:
      - {mirror: 100, hold: 10m}
      - {weight: 5, hold: 10m}
      - {weight: 25, hold: 10m}
      # - approval: {} # waits for `headrace promote`
      - {weight: 50, hold: 10m}
      # The checks go on after the switch, and can still roll back.
      postPromotion: {hold: 30m}
""",
    "shadow": """\
  strategy:
    shadow:
      # Copies of the traffic only; no user is served by the candidate before the end.
      mirror: 100
      hold: 1h
      then: Pause # for a person; or Promote on proof, or Discard
""",
    "blue-green": """\
  strategy:
    blueGreen:
      # The candidate gets copies; on proof all users switch at once.
      prePromotion: {hold: 30m, mirror: 100}
      postPromotion: {hold: 30m}
      # How long the way back is instant.
      keepPrevious: 1h
""",
    "ab-test": """\
  strategy:
    abTest:
      # Per cent of the users for the candidate; each user stays with one version.
      split: 50
      # The mean reward, from 0 to 1, that your clients send back as feedback.
      goal: reward
      # The smallest gain that is worth a change.
      minimumEffect: 0.01
      # Whole weeks, where weekdays differ.
      hold: 7d
      maxDuration: 14d
      ifInconclusive: KeepStable
""",
    "bandit": """\
  strategy:
    bandit:
      # Traffic follows the mean reward, from 0 to 1, that your clients send back as feedback.
      reward: reward
      # Per cent that every version keeps: what learning costs.
      floor: 5
      update: 5m
      stop: {expectedLoss: 0.001}
      maxDuration: 7d
      ifInconclusive: KeepStable
""",
}

_ANALYSIS = """\
  analysis:
    interval: 15s # not shorter than Prometheus scrapes
    # How often a check may be wrong, over the whole rollout and however often one looks.
    risk: {falseRollback: 0.01, missedRegression: 0.05}
    # Missing data is not bad data: it holds the rollout.
    onNoData: Hold
    noDataTimeout: 5m
    maxDuration: 6h
    mode: Enforce # Observe only says, Advise pauses
    checks:
    # Rolls back on proof of more failures than stable has at the same time; promotes on proof of
    # less than 1.5 times as many, or half a percentage point more.
    - name: errors
      metric: error-rate
      worseThanStable: {ratio: 1.5, margin: 0.005}
    - name: latency
      metric: latency
      worseThanStable: {ratio: 1.2, quantile: 0.95, margin: 5ms}
"""

_AGREEMENT = """\
    # Of copied requests: how many answers must be the same.
    - name: agreement
      metric: shadow-agreement
      below: 0.9
      required: false # a better model may well answer otherwise
"""
_SPLIT = """\
    # Says when the versions do not get the shares that were asked for.
    - name: split
      metric: request-split
"""
_DRIFT = """\
    # How far the predictions are from those on the training data; 0.1 is slight, 0.25 large.
    - name: drift
      metric: prediction-drift
      above: {psi: 0.25}
      required: false
"""

_CHECKS = {
    "canary": _AGREEMENT + _DRIFT,
    "shadow": _AGREEMENT + _DRIFT,
    "blue-green": _AGREEMENT + _DRIFT,
    "ab-test": _SPLIT + _DRIFT,
    "bandit": _DRIFT,
}
