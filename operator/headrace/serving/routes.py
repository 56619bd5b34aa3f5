"""The HTTP routes of predictions and feedback, as a Flask blueprint.

seldon-core registers a model's blueprint before its own routes, and of two equal routes the first
one answers. So these run in seldon-core's server and speak its protocol, but a request does not go
through its handlers: they call another process for every prediction (a third of the time of a
small model), parse feedback into a message that cannot tell a reward of zero from none, and answer
JSON that cannot be read with 500.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import flask
from werkzeug.exceptions import HTTPException

from headrace.protocol import FEEDBACK, MODEL_HEADER, PREDICTIONS, VERSION_HEADER
from headrace.serving.model import Reply, ServedModel

LARGEST_BODY = 4 * 1024**2
"""Bytes of a request's body; 1000 rows of a hundred columns need half of it."""


def model_routes(served: Callable[[], ServedModel]) -> flask.Blueprint:
    """Make the blueprint of one model.

    Args:
        served: Gives the model; it is loaded only after the routes are made.
    """
    blueprint = flask.Blueprint("headrace", __name__)

    def predictions() -> flask.Response:
        model = served()
        body = _body()
        start = time.perf_counter()
        if body is None:
            reply = _too_large(model)
        else:
            reply = model.predict(body, flask.request.headers.get("x-request-id", ""))
        response = _response(model, reply)
        model.counters.count_request(reply.code, time.perf_counter() - start)
        return response

    def feedback() -> flask.Response:
        model = served()
        body = _body()
        return _response(model, _too_large(model) if body is None else model.feedback(body))

    def http_error(error: HTTPException) -> tuple[flask.Response, int]:
        # seldon-core would answer an unknown path with 500, and whoever counts the 5xx in front of
        # the server would take a stray crawler for a broken model.
        status = {"status": 1, "code": error.code, "reason": error.name, "info": error.description}
        return flask.jsonify({"status": status}), error.code or 500

    blueprint.app_errorhandler(HTTPException)(http_error)
    # The second path of each is what seldon-core's orchestrator calls.
    for path in (PREDICTIONS, "/predict"):
        blueprint.add_url_rule(path, view_func=predictions, methods=["POST"])
    for path in (FEEDBACK, "/send-feedback"):
        blueprint.add_url_rule(path, view_func=feedback, methods=["POST"])
    return blueprint


def _body() -> bytes | None:
    """Read the request's body, of whatever content type; None when it is too large."""
    stream = flask.request.stream
    body: bytes = stream.read(LARGEST_BODY + 1)
    return None if len(body) > LARGEST_BODY else body


def _too_large(model: ServedModel) -> Reply:
    text = f"The request's body is larger than {LARGEST_BODY} bytes; send fewer rows."
    return model.refusal(413, "RequestTooLarge", text)


def _response(model: ServedModel, reply: Reply) -> flask.Response:
    text = json.dumps(reply.document, allow_nan=False)
    response = flask.Response(text, reply.code, mimetype="application/json")
    response.headers[MODEL_HEADER] = model.signature.name
    response.headers[VERSION_HEADER] = model.signature.version
    return response
