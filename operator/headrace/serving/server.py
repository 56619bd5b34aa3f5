"""The class that seldon-core serves.

Run it as `seldon-core-microservice headrace.serving.server.ModelServer --service-type MODEL
--grpc-workers 0`; `Settings` has its environment. A model whose inputs are computed from the
request is served by a subclass::

    class FlightDelayServer(ModelServer):
        request_columns = (Column("time_hour", "string"), Column("origin", "string"))

        def transform(self, columns):
            return {**columns, "hour": [float(text[11:13]) for text in columns["time_hour"]]}
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import ClassVar

from seldon_core.microservice import parse_args

from headrace.errors import InvalidInput
from headrace.serving.bundle import read_bundle
from headrace.serving.counters import Sample, ValueSample
from headrace.serving.exposition import answers_page, metrics_page, serve
from headrace.serving.model import ServedModel
from headrace.serving.refusal import REFUSED, refusing
from headrace.serving.request import Cell, Columns
from headrace.serving.routes import model_routes
from headrace.serving.settings import Settings
from headrace.serving.signature import Column
from headrace.serving.worker import Worker

logger = logging.getLogger(__name__)


class ModelServer:
    """Serves the bundle that the environment names.

    One process only: counters and the ring of answers are in its memory, and with two workers
    behind one metrics port every scrape would show the counts of whichever worker had the port.
    More throughput comes from more replicas, each with its own port, or from `GUNICORN_THREADS`.

    seldon-core makes the object in its main process, then calls `load` in the forked worker. So the
    bundle is read and checked before anything is started, and the worker loads those very bytes.
    """

    request_columns: ClassVar[tuple[Column, ...] | None] = None
    """What requests must have, when it is not the model's inputs."""

    def __init__(self) -> None:
        with refusing():
            _refuse_more_processes()
            self._settings = Settings.read(os.environ)
            self._bundle = read_bundle(self._settings.bundle, self._settings.digest)
        self._served: ServedModel | None = None
        self._worker = Worker()
        # The one attribute through which seldon-core lets a model register routes.
        self.model_error_handler = model_routes(self._loaded)

    def transform(self, columns: Columns) -> Mapping[str, Sequence[Cell]]:
        """Compute the model's inputs from a request's columns; by default they are the same.

        Override it. It is called from several threads at once when `GUNICORN_THREADS` is above 1.

        Args:
            columns: The values of each request column, one for every row; None for null.

        Returns:
            At least the model's inputs, with as many values in each.

        Raises:
            InvalidInput: May be raised for a request that makes no sense; the client gets 400
                with its text. Any other error is the version's own failure, and counts as one.
        """
        return columns

    def load(self) -> None:
        """Load the model and open the metrics port.

        When the bundle cannot be served or the port cannot be had, the process ends with `REFUSED`
        and one line on stderr. gunicorn then ends, too, instead of starting the worker again. The
        whole server ends, with `WORKER_LOST`, when its worker was killed.

        Raises:
            RuntimeError: A fault of ours.
        """
        self._worker.begin()
        try:
            with refusing():
                self._load()
        except SystemExit:
            # The forked worker's exit handlers would wait for processes that are not its children.
            os._exit(REFUSED)
        except (AttributeError, NotImplementedError) as error:
            # seldon-core takes these two for "there is no load()" and would serve nothing.
            raise RuntimeError(f"ModelServer.load() failed: {error!r}") from error

    def _load(self) -> None:
        overridden = type(self).transform is not ModelServer.transform
        served = ServedModel(
            self._bundle,
            transform=self.transform if overridden else None,
            request_columns=self.request_columns,
            share=self._settings.share,
            segments=self._settings.segments,
        )
        pages = {"/metrics": metrics_page(self._samples), "/answers": answers_page(served.answers)}
        self._served = served
        port = serve(self._settings.host, self._settings.metrics_port, pages)
        logger.info(
            "serving %s %s (%s), metrics on %s:%d",
            served.signature.name,
            served.signature.version,
            self._bundle.digest,
            self._settings.host,
            port,
        )

    def _loaded(self) -> ServedModel:
        if self._served is None:
            raise RuntimeError("seldon-core sent a request before load()")
        return self._served

    def _samples(self) -> list[Sample]:
        signature = self._bundle.signature
        info = ValueSample(
            "headrace_model_info",
            "1 for the version that this process serves.",
            {
                "model": signature.name,
                "version": signature.version,
                "digest": self._bundle.digest,
                "rollout": self._settings.rollout,
            },
            1,
        )
        return [info, *self._loaded().counters.samples()]


def _refuse_more_processes() -> None:
    arguments, _ = parse_args()
    if arguments.workers != 1:
        raise InvalidInput(
            f"{arguments.workers} gunicorn workers were asked for, but a model server is one "
            "process, because its counters are in memory: set GUNICORN_WORKERS=1 and run replicas."
        )
    if arguments.max_requests != 0:
        raise InvalidInput(
            f"A worker was asked to end after {arguments.max_requests} requests, but a model "
            "server has one, whose end is the server's: set GUNICORN_MAX_REQUESTS=0."
        )
    if int(arguments.grpc_workers) != 0:
        raise InvalidInput("A model server speaks HTTP only: add the option --grpc-workers 0.")
