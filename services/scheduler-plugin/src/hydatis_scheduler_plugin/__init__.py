"""The kube-scheduler extender: one ranking per pod, always an answer."""
