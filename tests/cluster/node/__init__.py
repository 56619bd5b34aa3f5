"""A whole Kubernetes of one node without Docker, in namespaces of its own.

Killing its first process ends every process, mount, interface and address of it: the kernel does
that, so nothing is left behind however it ends.
"""
