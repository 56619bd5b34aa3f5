"""Who answers a part of the requests, and under which names a router counts what they answer."""

from __future__ import annotations

from dataclasses import dataclass

from tests.cluster.seldon_operator import Route

BOUNDS = (1, 5, 10, 25, 50, 100, 250, 500, 1000)
"""Milliseconds, of Envoy's histogram."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Of Seldon's orchestrator's histogram."""

CODES = {
    "envoy_cluster_upstream_rq_xx": "envoy_response_code_class",
    "seldon_api_executor_server_requests_seconds_count": "code",
}
"""Counters of answers, and the label with what they were."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How a router counts what one arm answers.

    Attributes:
        name: Where its counters' names begin.
        labels: That say which arm it is.
    """

    name: str
    labels: str

    @property
    def is_envoy(self) -> bool:
        """Whether Envoy counts, by classes and in milliseconds."""
        return self.name.startswith("envoy")

    @property
    def answers(self) -> str:
        """The counter of answers."""
        return f"{self.name}_xx" if self.is_envoy else f"{self.name}_count"

    @property
    def times(self) -> str:
        """The histogram of times."""
        return f"{self.name}_time_bucket" if self.is_envoy else f"{self.name}_bucket"

    @property
    def codes(self) -> tuple[str, str]:
        """What an answer that is well is counted as, and one that is not."""
        return ("2", "5") if self.is_envoy else ("200", "500")

    @property
    def bounds(self) -> tuple[float, ...]:
        """The histogram's."""
        return BOUNDS if self.is_envoy else SECONDS

    @property
    def unit(self) -> float:
        """Milliseconds of one of the histogram's units."""
        return 1.0 if self.is_envoy else 1000.0


@dataclass(frozen=True, slots=True)
class Arm:
    """Who answers some of the requests.

    Attributes:
        service: Where they are sent.
        version: Who is there.
        weight: In proportion to the others', or per cent of the copies.
        counted: Under which names.
    """

    service: str
    version: str
    weight: int
    counted: Counted


def envoy(cluster: str) -> Counted:
    """Give the counters of one of Envoy's clusters."""
    return Counted("envoy_cluster_upstream_rq", f'envoy_cluster_name="{cluster}"')


def seldon(routes: list[Route]) -> tuple[list[Arm], list[Arm]]:
    """Give who answers, and who gets copies, as the Seldon operator has written it."""
    arms = [
        (
            route.shadow,
            Arm(
                f"{route.deployment}-{route.predictor}",
                route.version,
                route.weight,
                Counted(
                    "seldon_api_executor_server_requests_seconds",
                    f'deployment_name="{route.deployment}",predictor_name="{route.predictor}",'
                    f'predictor_version="{route.version}",service="predictions",method="post"',
                ),
            ),
        )
        for route in routes
    ]
    return [arm for shadow, arm in arms if not shadow], [arm for shadow, arm in arms if shadow]
