"""A pipeline as resources for `kubectl apply`, for a KFP backend that keeps them in Kubernetes."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from kfp.compiler import Compiler
from kfp.compiler.compiler_utils import KubernetesManifestOptions
from kfp.components import load_component_from_file

from headrace.pipelines.compile import compile_definition, load_definition, without_sdk_version

MANIFEST = "manifest.yaml"
"""The file beside a pipeline that has its resources."""

_VERSION_CHARACTERS = 8


def compile_manifest(source: Path, namespace: str = "", version: str = "") -> str:
    """Compile to the resources `Pipeline` and `PipelineVersion` of pipelines.kubeflow.org/v2beta1.

    What a PipelineVersion says cannot be changed once it is applied, so its name holds a digest of
    the pipeline by default: the same pipeline again changes nothing, and another one is added.

    Args:
        source: `pipeline.py`, or a compiled pipeline.
        namespace: Of the resources; empty for that of the context in which they are applied.
        version: The name of the version; empty for one that is made.

    Raises:
        InvalidInput: The source is no pipeline.
    """
    compiled = source.suffix == ".yaml"
    text = source.read_text(encoding="utf-8") if compiled else compile_definition(source)
    pipeline = load_component_from_file(str(source)) if compiled else load_definition(source)
    name = pipeline.pipeline_spec.pipeline_info.name
    digest = hashlib.sha256(without_sdk_version(text).encode()).hexdigest()
    options = KubernetesManifestOptions(
        pipeline_name=name,
        pipeline_version_name=version or f"{name}-{digest[:_VERSION_CHARACTERS]}",
        namespace=namespace or None,
        include_pipeline_manifest=True,
    )
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "manifest.yaml"
        Compiler().compile(
            pipeline,
            str(target),
            kubernetes_manifest_options=options,
            kubernetes_manifest_format=True,
        )
        return target.read_text(encoding="utf-8")
