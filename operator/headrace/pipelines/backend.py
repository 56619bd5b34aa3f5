"""A KFP backend: submit a compiled pipeline once, or on a schedule.

Written for backends of KFP 2.5 and newer, through `kfp.Client` and the REST interface v2beta1:
older ones refuse fields of a compiled pipeline that they do not know.
"""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from headrace.errors import (
    HeadraceError,
    InvalidInput,
    NotFound,
    PermanentError,
    PlatformUnavailable,
)

if TYPE_CHECKING:
    from kfp import Client

WORKS_WITH = "KFP backends 2.5 and newer"

_TIMEOUT = 10.0
_PAGE = 100


@dataclass(frozen=True)
class Scheduled:
    """A recurring run.

    Attributes:
        id: As the backend calls it.
        replaced: The ids of those of the same name that were there before.
    """

    id: str
    replaced: tuple[str, ...]


class Backend:
    """One KFP backend, and the experiments of one namespace there."""

    def __init__(self, host: str, namespace: str = "", token: str = "") -> None:
        """Remember where; nobody is asked yet.

        Args:
            host: Its address, such as http://localhost:8888 or https://kubeflow.example.com/pipeline.
            namespace: Of the user where several share it; empty where one has it all.
            token: For the header `Authorization`; empty for none.

        Raises:
            InvalidInput: The host is no address.
        """
        if not host.startswith(("http://", "https://")):
            raise InvalidInput(f"The KFP backend {host!r} is no address; expected http(s)://...")
        self.host, self._namespace, self._token = host.rstrip("/"), namespace, token

    def submit(
        self, pipeline: Path, arguments: Mapping[str, Any], experiment: str, name: str
    ) -> str:
        """Start a run.

        Args:
            pipeline: The compiled YAML.
            arguments: Its parameters.
            experiment: The group of runs; made if it is missing.
            name: Of the run, for people.

        Returns:
            The run's id.

        Raises:
            InvalidInput: The backend refuses the pipeline or its arguments.
            PermanentError: It does not permit it.
            PlatformUnavailable: It does not answer.
        """
        with self._answering():
            group = self._client.create_experiment(experiment, namespace=self._namespace or None)
            run = self._client.run_pipeline(
                group.experiment_id,
                name,
                pipeline_package_path=str(pipeline),
                params=dict(arguments),
            )
            return str(run.run_id)

    def schedule(
        self,
        pipeline: Path,
        arguments: Mapping[str, Any],
        experiment: str,
        name: str,
        cron: str,
    ) -> Scheduled:
        """Run a pipeline on a schedule, one run at a time, in place of what has this name.

        What was missed while the backend was away, or while the run before took longer, is not
        made up for: a model is trained on what there is now, once. A second call leaves one
        schedule, also after a crash of the first at any point.

        Args:
            pipeline: The compiled YAML.
            arguments: Its parameters.
            experiment: The group of runs; made if it is missing.
            name: Of the schedule.
            cron: Six fields, see `cron`.

        Raises:
            InvalidInput: The backend refuses the pipeline, its arguments or the schedule.
            PermanentError: It does not permit it.
            PlatformUnavailable: It does not answer.
        """
        with self._answering():
            group = self._client.create_experiment(experiment, namespace=self._namespace or None)
            # A recurring run cannot be changed, only replaced. For a moment there is none, which
            # is better than two.
            known = tuple(self._named(name, group.experiment_id))
            for each in known:
                self._client.delete_recurring_run(each)
            made = self._client.create_recurring_run(
                group.experiment_id,
                name,
                cron_expression=cron,
                max_concurrency=1,
                no_catchup=True,
                params=dict(arguments),
                pipeline_package_path=str(pipeline),
            )
            return Scheduled(str(made.recurring_run_id), known)

    def run_link(self, run_id: str) -> str:
        """Give the page of a run."""
        return f"{self.host}/#/runs/details/{run_id}"

    def _named(self, name: str, experiment_id: str) -> Iterator[str]:
        predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
        query, token = json.dumps({"predicates": [predicate]}), ""
        while True:
            page = self._client.list_recurring_runs(
                page_token=token, page_size=_PAGE, experiment_id=experiment_id, filter=query
            )
            # Another filter's answer would have other people's schedules deleted.
            yield from (
                str(each.recurring_run_id)
                for each in page.recurring_runs or ()
                if each.display_name == name
            )
            token = page.next_page_token
            if not token:
                return

    @cached_property
    def _client(self) -> Client:
        from kfp import Client

        # The client would try for 25 seconds, and write tracebacks meanwhile.
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        url = f"{self.host}/apis/v2beta1/healthz"
        answer = requests.get(url, headers=headers, timeout=_TIMEOUT)
        if answer.status_code != requests.codes.ok:
            raise _error(answer.status_code, _said(answer.text) or answer.reason, self.host)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This client only works with", FutureWarning)
            return Client(
                host=self.host,
                namespace=self._namespace or "kubeflow",
                existing_token=self._token or None,
            )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn the client's errors into ours, and keep what it prints to itself."""
        import kfp_server_api
        from urllib3.exceptions import HTTPError

        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        except kfp_server_api.ApiException as error:
            raise _error(error.status, _said(error.body) or str(error.reason), self.host) from error
        except (requests.RequestException, HTTPError) as error:
            raise PlatformUnavailable(
                f"The KFP backend {self.host} does not answer: {error}"
            ) from error


def _said(body: object) -> str:
    """Give the sentence in a backend's answer; empty for none."""
    try:
        document = json.loads(str(body))
    except ValueError:
        return ""
    said = document.get("message") if isinstance(document, dict) else None
    return said if isinstance(said, str) else ""


def _error(status: int | None, said: str, host: str) -> HeadraceError:
    text = f"The KFP backend {host} answers {status}: {said}"
    if status in (400, 409, 422):
        return InvalidInput(text)
    if status == 404:
        return NotFound(f"{text}. Headrace works with {WORKS_WITH}; is this the right address?")
    if status in (401, 403):
        return PermanentError(f"{text}. Give a token that may do this with --token-file.")
    return PlatformUnavailable(text)
