"""Where a cluster's past comes from: the cluster's own Prometheus and API server, kept on disk day by day, or a published trace."""
