"""The addresses of the node's own network, which nobody outside of its namespace can reach."""

NODE = "172.31.255.2"
ROUTER = "172.31.255.1"
PODS = "10.244.0.0/24"
SERVICES = "10.96.0.0/16"
DNS = "10.96.0.10"
API_PORT = 6443
GATEWAY_PORT = 30080
"""Where the Gateway of the tests listens on the node."""
