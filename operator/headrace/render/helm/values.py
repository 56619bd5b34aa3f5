"""What a chart of a rollout leaves to values, with the values of the plan and their schema.

The names are those of Seldon's `seldon-single-model` where they mean the same: `model.image`,
`model.resources`, `model.envSecretRefName`, `replicas`, `hpa`, `labels`, `annotations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.api import ModelRollout, ModelSpec, Traffic
from headrace.render.crd import document_schema
from headrace.render.kubernetes import scaling_metrics
from headrace.render.pods import DEFAULT_IMAGE, resources_of

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The newest that every Helm 3 reads."""

_USUAL_METRICS = [
    {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
    }
]


def values_of(
    rollout: ModelRollout, stable: ModelSpec, candidate: ModelSpec | None, traffic: Traffic
) -> dict[str, Any]:
    """Give the values with which the chart is a plan.

    Args:
        rollout: For how versions are served and routed.
        stable: The version that has the users.
        candidate: The version under test.
        traffic: Of both.
    """
    serving, routing = rollout.spec.serving, rollout.spec.routing
    scaling = serving.autoscaling
    values: dict[str, Any] = {
        "model": {
            "name": stable.name,
            **_version(stable),
            "image": serving.image or DEFAULT_IMAGE,
            "resources": resources_of(rollout),
            "envSecretRefName": serving.storage_secret,
        },
        "candidate": {
            "enabled": candidate is not None,
            **_version(candidate),
            "weight": traffic.candidate,
            "mirror": traffic.mirror,
        },
        "replicas": serving.replicas,
        "hpa": {
            "enabled": scaling is not None,
            "minReplicas": serving.replicas,
            "maxReplicas": scaling.max_replicas if scaling else 2 * serving.replicas,
            "metrics": scaling_metrics(rollout) or _USUAL_METRICS,
        },
        "serviceAccount": {"name": serving.service_account},
        "labels": {},
        "annotations": {},
    }
    routed: dict[str, Any] = {}
    if routing.gateway is not None and routing.provider in ("GatewayAPI", "Istio"):
        gateway = routing.gateway
        routed["gateway"] = {"name": gateway.name, "namespace": gateway.namespace}
    if routing.provider in ("GatewayAPI", "Istio"):
        routed["hostnames"] = list(routing.hostnames)
    return {**values, "routing": routed} if routed else values


def _version(model: ModelSpec | None) -> dict[str, str]:
    if model is None:
        handler = ModelSpec.model_fields["handler"].default
        return {"version": "", "uri": "", "digest": "", "handler": handler}
    fields = ("version", "uri", "digest", "handler")
    return {field: getattr(model, field) for field in fields}


def schema_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give the schema of such values; what it has no word for is refused."""
    known = _properties()
    properties = {name: known[name] for name in values}
    if "routing" in values:
        parts = {name: known["routing"]["properties"][name] for name in values["routing"]}
        properties["routing"] = _object(known["routing"]["description"], parts)
    shared = {"description": "Of a parent chart; not used.", "type": "object"}
    return {
        "$schema": DIALECT,
        "title": "Values",
        **_object("", {**properties, "global": shared}),
        "if": _says("hpa", "enabled", True),
        "then": {
            "properties": {
                "model": {
                    "properties": {
                        "resources": {
                            "required": ["requests"],
                            "properties": {"requests": {"required": ["cpu"]}},
                        }
                    }
                }
            }
        },
    }


def _properties() -> dict[str, dict[str, Any]]:
    spec = document_schema()["$defs"]
    model = spec["ModelSpec"]["properties"]
    version = {name: model[name] for name in ("version", "uri", "digest", "handler")}
    quantities = {
        "type": "object",
        "additionalProperties": {
            "type": ["string", "integer"],
            "pattern": spec["Resources"]["properties"]["requests"]["additionalProperties"][
                "pattern"
            ],
        },
    }
    resources = {
        "requests": {**quantities, "description": "What is set aside."},
        "limits": {**quantities, "description": "What is never exceeded."},
    }
    name = {"type": "string", "maxLength": 253, "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"}
    texts = {"type": "object", "additionalProperties": {"type": "string"}}
    count = {"type": "integer", "minimum": 1, "maximum": 1000}
    percent = {"type": "integer", "minimum": 0, "maximum": 100}
    return {
        "model": _object(
            "The version that has the users.",
            {
                "name": model["name"],
                **version,
                "image": _text("The model server's image.", minLength=1),
                "resources": _object("Of one server.", resources, required=()),
                "envSecretRefName": {
                    "description": "A Secret whose keys become the environment of what fetches "
                    "the bundle, and only of that.",
                    **name,
                },
            },
        ),
        "candidate": {
            **_object(
                "The version under test; the same model's.",
                {
                    "enabled": _flag("Whether it runs."),
                    # Empty without a candidate; see below for what else they must be.
                    **{key: _described(part) for key, part in version.items()},
                    "weight": {
                        "description": "Per cent of live requests that it answers; the model "
                        "above answers the rest.",
                        **percent,
                    },
                    "mirror": {
                        "description": "Per cent of live requests that it gets copies of, whose "
                        "answers nobody sees. Only while weight is 0.",
                        **percent,
                    },
                },
            ),
            "allOf": [
                {"if": _says("enabled", True), "then": {"properties": version}},
                {
                    "if": {"properties": {"mirror": {"minimum": 1}}, "required": ["mirror"]},
                    "then": {"properties": {"weight": {"const": 0}}},
                },
            ],
        },
        "replicas": {"description": "Servers per version, without hpa.", **count},
        "hpa": _object(
            "How many servers each version has, by how busy they are.",
            {
                "enabled": _flag("Whether that is asked for; needs model.resources.requests.cpu."),
                "minReplicas": {"description": "The least.", **count},
                "maxReplicas": {"description": "The most.", **count},
                "metrics": {
                    "description": "What is looked at, as autoscaling/v2 has it.",
                    "type": "array",
                    "items": {"type": "object"},
                    "minItems": 1,
                },
            },
        ),
        "serviceAccount": _object(
            "Of the pods.",
            {
                "name": {
                    "description": "One that is there already; by default one without rights.",
                    **name,
                }
            },
        ),
        "labels": {"description": "Further ones of every object, but not of pods.", **texts},
        "annotations": {"description": "Further ones of every object, but not of pods.", **texts},
        "routing": _object(
            "Where requests come from.",
            {
                "gateway": _object(
                    "The gateway that the route is attached to.",
                    {
                        "name": {"description": "Its name.", **name, "minLength": 1},
                        "namespace": {
                            "description": "Its namespace; by default the release's.",
                            **name,
                        },
                    },
                ),
                "hostnames": {
                    "description": "Host names of the requests that are meant; by default all of "
                    "the gateway's.",
                    "type": "array",
                    "items": {"type": "string", "minLength": 1, "maxLength": 253},
                    "maxItems": 16,
                },
            },
        ),
    }


def _object(
    description: str, properties: Mapping[str, Any], required: tuple[str, ...] | None = None
) -> dict[str, Any]:
    wanted = [name for name in properties if name != "global"] if required is None else required
    made: dict[str, Any] = {"description": description} if description else {}
    made |= {"type": "object", "additionalProperties": False, "properties": dict(properties)}
    return made | ({"required": list(wanted)} if wanted else {})


def _text(description: str, **limits: object) -> dict[str, Any]:
    return {"description": description, "type": "string", **limits}


def _flag(description: str) -> dict[str, Any]:
    return {"description": description, "type": "boolean"}


def _described(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": part["description"], "type": "string"}


def _says(*path_and_value: object) -> dict[str, Any]:
    """Give the schema of an object that has a value at a path."""
    *path, value = path_and_value
    schema: dict[str, Any] = {"const": value}
    for name in reversed(path):
        schema = {"properties": {str(name): schema}, "required": [name]}
    return schema
