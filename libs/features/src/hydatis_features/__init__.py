"""Features of HYDATIS: the schema, the window transforms, the node table and the workload profiles.

One definition and one code path serve training and serving (``engine.FeatureEngine``). Pure: event time is passed in, nothing here
reads a clock, an environment or a disk.
"""
