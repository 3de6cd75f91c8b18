"""A Kubernetes control plane on loopback: etcd, API server, controller manager and schedulers are real, nodes are objects alone.

What a simulator cannot show is what a real scheduler, with real admission and real RBAC, does with our answers.
"""
