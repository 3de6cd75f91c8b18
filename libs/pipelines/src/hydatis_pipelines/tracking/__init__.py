"""What a run leaves in MLflow: three families of experiments, and registered models whose source is the signed artifact."""

from hydatis_pipelines.tracking.run import track_run

__all__ = ["track_run"]
