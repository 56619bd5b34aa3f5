"""The local platform: model servers, Envoy and Prometheus as processes of one machine."""
