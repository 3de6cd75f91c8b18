"""What a cluster's past says: waste, forecasts, levers and what they save. Pure functions on ``ClusterUse``, by rows or by days."""
