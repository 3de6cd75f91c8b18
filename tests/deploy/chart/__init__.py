"""The Helm chart as tests see it: rendered by the real helm, beside what services, Kubernetes and KServe say of themselves."""
