"""Where observations come from: PromQL and the Prometheus client."""
