"""Which cluster and which namespace are meant where nobody names them."""

from __future__ import annotations

from pathlib import Path

from kubernetes.config import ConfigException, list_kube_config_contexts

from headrace.errors import SetupError

_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def context_of(kubeconfig: str | None, name: str) -> tuple[str, str]:
    """Give a context's name for people, and its namespace.

    Within a pod that has no kubeconfig these are the pod's own.

    Args:
        kubeconfig: The file; None for the default one.
        name: Of the context; empty for the current one.

    Raises:
        SetupError: The kubeconfig has no such context.
    """
    try:
        contexts, current = list_kube_config_contexts(kubeconfig)
    except ConfigException:
        inside = _OWN_NAMESPACE.read_text("utf-8").strip() if _OWN_NAMESPACE.is_file() else ""
        return "this cluster", inside or "default"
    chosen = next((each for each in contexts if each["name"] == name), None if name else current)
    if chosen is None:
        known = ", ".join(sorted(each["name"] for each in contexts)) or "none"
        raise SetupError(f"The kubeconfig has no context {name}. It has: {known}.")
    return f"context {chosen['name']}", chosen["context"].get("namespace") or "default"
