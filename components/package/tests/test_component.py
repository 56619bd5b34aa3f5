from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kfp import dsl

from components.conftest import Files
from headrace.serving.bundle import read_bundle


def test_a_bundle_with_the_digest_that_is_returned(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    bundle = dsl.Model(uri=str(tmp_path / "bundle"))
    card = dsl.HTML(uri=str(tmp_path / "card.html"))
    digest = component(
        model=dsl.Model(uri=str(files.model)),
        train=dsl.Dataset(uri=str(files.train)),
        holdout=dsl.Dataset(uri=str(files.holdout)),
        evaluation=dsl.Artifact(uri=str(files.evaluation)),
        bundle=bundle,
        card=card,
        model_name="flight-delay",
        version="1",
    )
    # The same inputs as those of the fixture's bundle, and so the same bytes.
    assert digest == files.digest
    signature = read_bundle(Path(bundle.path), digest).signature
    assert (signature.name, signature.version) == ("flight-delay", "1")
    assert json.loads(bundle.metadata.pop("signature")) == signature.to_document()
    assert bundle.metadata.pop("data_digest").startswith("sha256:")
    bundle.metadata.pop("code_commit", None)  # known in a checkout only
    assert bundle.metadata == {
        "framework": "onnx",
        "model_format_name": "onnx",
        "model_name": "flight-delay",
        "model_version": "1",
        "digest": digest,
    }
    assert Path(card.path).read_text("utf-8") == (tmp_path / "bundle/card.html").read_text("utf-8")
