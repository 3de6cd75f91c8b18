"""The steps as Kubeflow pipelines: the same graph runs on a laptop and in a cluster."""
