"""Placement benchmark (E1 to E6): how many nodes a policy needs, and what it does when load, metrics or classes go against it.

Everything here is pure: fleets and policies in, figures out. Processes, journals and pages are of whoever runs it.
"""
