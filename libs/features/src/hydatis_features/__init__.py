"""The feature schema, its window transforms, the node table and workload profiles."""
