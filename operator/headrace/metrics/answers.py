"""The Prometheus client: what it answered, or why that is no answer.

A server that is down, one that is slow, a query that it refuses and an answer that says nothing
are different things to people, and each has its reason. None of them is bad data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import requests as http
from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.util.retry import Retry

from headrace.engine.observations import TIMED_OUT, UNAVAILABLE
from headrace.errors import MetricsUnavailable
from headrace.metrics.access import Access
from headrace.metrics.clock import ServerClock
from headrace.metrics.session import (
    LARGEST,
    Credentials,
    CredentialsError,
    QuerySession,
    TooLargeError,
)

FAILED = "QueryFailed"
NOT_A_NUMBER = "NotANumber"
MISSING_LABEL = "MissingLabel"
SEVERAL_SERIES = "SeveralSeries"

_LONGEST = 300
_REFUSED = re.compile(r"HTTP Status Code 4(?!29|08)\d\d")
_ITS_TIMEOUT = re.compile(r"HTTP Status Code 503 .*\btimeout\b|HTTP Status Code (?:504|408)")


class Unreadable(MetricsUnavailable):
    """Why there is no answer, in a word too: it becomes a `Problem`.

    Attributes:
        reason: CamelCase.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message[:_LONGEST])


class Server(Protocol):
    """Something that answers PromQL: a Prometheus, or what was recorded of one.

    Attributes:
        name: For messages, as in `Prometheus at http://prometheus:9090`.
    """

    name: str

    def time(self, now: float) -> float:
        """Give what its clock says, as far as that is known; else what ours says.

        Args:
            now: By our clock, Unix seconds.
        """
        ...

    def ask(self, query: str, now: float) -> Sequence[Any]:
        """Answer an instant query. Any thread may ask.

        Args:
            query: PromQL.
            now: At which time, Unix seconds by its clock.

        Returns:
            The `result` of the answer, of any kind; of a matrix the series.

        Raises:
            Unreadable: There is none.
        """
        ...

    def close(self) -> None:
        """Ask nothing any more."""
        ...


class Client:
    """Asks one Prometheus server.

    Args:
        access: Where it is, and how it is reached. Nothing is sent yet.
        timeout: Seconds after which an answer is not waited for.
        raw: Whether a matrix is given as it was sent, for recordings, and not as `Series`.
    """

    def __init__(self, access: Access, timeout: float, *, raw: bool = False) -> None:
        self.name = f"Prometheus at {access.url}"
        self._timeout = timeout
        self._credentials = Credentials(access)
        self._clock = ServerClock()
        self._connection = PrometheusConnect(
            url=access.url.rstrip("/"),
            retry=Retry(total=0, read=False),
            timeout=timeout,
            method="POST",
            session=QuerySession(access, self._credentials, self._clock, timeout, raw=raw),
        )

    def time(self, now: float) -> float:
        """Give what its clock says, as its last answer shows; see `Server.time`."""
        return now + self._clock.offset(now)

    def ask(self, query: str, now: float) -> Sequence[Any]:
        """Send an instant query; see `Server.ask`."""
        try:
            result = self._connection.custom_query(query, params={"time": f"{now:.3f}"})
        except CredentialsError as error:
            raise Unreadable(UNAVAILABLE, f"Prometheus was not asked: {error}") from error
        except http.exceptions.Timeout as error:
            raise late(self.name, self._timeout) from error
        except TooLargeError as error:
            message = f"{self.name} answered with more than {LARGEST >> 20} MB"
            raise Unreadable(UNAVAILABLE, message) from error
        except http.exceptions.SSLError as error:
            message = (
                f"the certificate of {self.name} is not trusted, or ours is not "
                "accepted; the CA's file may be missing or wrong"
            )
            raise Unreadable(UNAVAILABLE, message) from error
        except http.exceptions.RequestException as error:
            message = f"{self.name} cannot be reached ({type(error).__name__})"
            raise Unreadable(UNAVAILABLE, message) from error
        except PrometheusApiClientException as error:
            raise self._said(self._credentials.hide(str(error))) from error
        except OSError as error:
            # Of files of certificates; the library says only here that there is none.
            raise Unreadable(UNAVAILABLE, f"Prometheus was not asked: {error}") from error
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise Unreadable(UNAVAILABLE, self._nonsense(error)) from error
        if not isinstance(result, list):
            raise Unreadable(UNAVAILABLE, self._nonsense("the result is no list"))
        return result

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def _said(self, text: str) -> Unreadable:
        if _REFUSED.search(text):
            return Unreadable(FAILED, f"Prometheus refused a query: {text}")
        if _ITS_TIMEOUT.search(text):
            return Unreadable(TIMED_OUT, f"Prometheus gave a query up: {text}")
        return Unreadable(UNAVAILABLE, f"{self.name} failed: {text}")

    def _nonsense(self, what: object) -> str:
        return f"{self.name} answered what is no Prometheus answer: {what}"


def late(name: str, seconds: float) -> Unreadable:
    """Say that a server's answer did not come in time."""
    return Unreadable(TIMED_OUT, f"{name} did not answer within {seconds:g} s")


def single_value(result: Sequence[Any]) -> float | None:
    """Read the answer of a query that must have one value.

    Args:
        result: Of an instant query.

    Returns:
        Any number, NaN and infinities too; None for an empty answer.

    Raises:
        Unreadable: It has several values, or is none.
    """
    if not result:
        return None
    if len(result) == 2 and not isinstance(result[0], Mapping):
        return _number(result)
    if len(result) > 1:
        message = f"the query gives {len(result)} series where one is expected"
        raise Unreadable(SEVERAL_SERIES, message)
    entry = result[0]
    if not isinstance(entry, Mapping) or "value" not in entry:
        message = "the query gives a range of samples where one value is expected"
        raise Unreadable(FAILED, message)
    return _number(entry["value"])


def _number(sample: Any) -> float:
    try:
        _, text = sample
        return float(text)
    except (TypeError, ValueError) as error:
        raise Unreadable(FAILED, f"the query gives {sample!r}, which is no number") from error
