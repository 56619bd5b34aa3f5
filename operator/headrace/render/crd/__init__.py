"""The CustomResourceDefinition and the editors' schema, generated from the pydantic models."""

from headrace.render.crd.definition import definition
from headrace.render.crd.document import document_schema
from headrace.render.crd.text import to_yaml

__all__ = ["definition", "document_schema", "to_yaml"]
