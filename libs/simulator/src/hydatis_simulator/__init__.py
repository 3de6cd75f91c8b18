"""Trace-driven cluster simulator: trace readers, workload generator, kube-scheduler emulation, outcomes."""
