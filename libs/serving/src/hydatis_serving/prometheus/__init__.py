"""What Prometheus is asked, how, and how its answers are read: for whoever lives on a cluster's own metrics."""
