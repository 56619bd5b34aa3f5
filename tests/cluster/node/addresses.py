"""The addresses of the node's own network, which nobody outside of its namespace can reach."""

NODE = "172.31.255.2"
ROUTER = "172.31.255.1"
PODS = "10.244.0.0/24"
SERVICES = "10.96.0.0/16"
DNS = "10.96.0.10"
API_PORT = 6443
GATEWAY_PORT = 30080
PROMETHEUS_PORT = 30090
MLFLOW_PORT = 5000
"""Where the node answers; the first two are those of manifests/kind."""
