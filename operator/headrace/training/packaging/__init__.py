"""From a fitted model to a bundle that a server of any language can run: ONNX, card, digests."""
