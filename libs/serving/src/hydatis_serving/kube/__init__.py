"""Kubernetes' own rules, for whoever reads its objects: one rule for the pod that is asked about and for the pods that run."""
