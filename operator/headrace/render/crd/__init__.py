"""The CustomResourceDefinition and the editors' schema, generated from the pydantic models."""

from headrace.render.crd.definition import definition, definition_yaml
from headrace.render.crd.document import document_schema

__all__ = ["definition", "definition_yaml", "document_schema"]
